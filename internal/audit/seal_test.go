package audit

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/assert"
)

func slowNet(s string) string { return strconv.Itoa(len(s)) + ":" + s + "," }

// FuzzNetstrings holds what is fast against what is plain, for any value.
func FuzzNetstrings(f *testing.F) {
	f.Add("", "\x00", uint64(0), uint64(0))
	f.Add("a\xff", "k", uint64(1<<63), uint64(0))
	f.Add("0:,", "9", ^uint64(0), ^uint64(0))
	f.Fuzz(func(t *testing.T, a, b string, hi, lo uint64) {
		assert.Equal(t, slowNet(a), string(netText(nil, a)))
		assert.Equal(t, slowNet(strconv.FormatUint(lo, 10)), string(netUint(nil, lo)))
		assert.Equal(t, slowNet(strconv.FormatInt(int64(lo), 10)), string(netInt(nil, int64(lo))))
		assert.Len(t, netText(nil, a), netLen(len(a)))
		pairs := []Attr{{Key: a, Value: b}, {Key: b, Value: a}}
		inner := slowNet(a) + slowNet(b) + slowNet(b) + slowNet(a)
		assert.Equal(t, slowNet(inner), string(netPairs(nil, pairs)))
		assert.Equal(t, slowNet(slowNet(inner)+slowNet("")), string(netMaps(nil, [][]Attr{pairs, nil})))
		assert.Equal(t, slowNet(slowNet(a)+slowNet(b)), string(netTexts(nil, []string{a, b})))
		raw := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, hi), lo)
		n := new(big.Int).SetBytes(raw)
		if int64(hi) < 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
		}
		assert.Equal(t, slowNet(n.String()), string(netDecimal(nil, proto.NewNullable(proto.Decimal128{Low: lo, High: hi}))), fmt.Sprint(hi, lo))
		assert.Equal(t, "0:,", string(netDecimal(nil, Decimal{})))
	})
}

// Nothing that is moved from one field or place to another hashes the same.
func TestFieldsDoNotRunTogether(t *testing.T) {
	seen := map[string]string{}
	for name, rows := range map[string][]FindingRow{
		"a b":            {{ID: "a", Message: "b"}},
		"ab ":            {{ID: "ab"}},
		" ab":            {{Message: "ab"}},
		"in extra":       {{ID: "a", Extra: []Attr{{Key: "k", Value: "v"}}}},
		"in resource":    {{ID: "a", Resource: []Attr{{Key: "k", Value: "v"}}}},
		"key and value":  {{ID: "a", Extra: []Attr{{Key: "kv"}}}},
		"controls":       {{ID: "a", Controls: []string{"x", "y"}}},
		"one control":    {{ID: "a", Controls: []string{"xy"}}},
		"zero byte":      {{ID: "a\x00"}},
		"unknown number": {{ID: "n"}},
		"zero":           {{ID: "n", Observed: proto.NewNullable(proto.Decimal128{})}},
		"rows 1 2":       {{ID: "1"}, {ID: "2"}},
		"rows 2 1":       {{ID: "2"}, {ID: "1"}},
	} {
		b := newFindingEvents()
		b.seals.writer = Writer{ID: "w"}
		for i := range rows {
			b.append(&rows[i])
		}
		e, err := b.finish()
		assert.NoError(t, err)
		d := fmt.Sprintf("%x", e.Seal.Digest)
		assert.Empty(t, seen[d], name)
		seen[d] = name
	}
}
