package tlog

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func someDrop(r *rand.Rand) Drop {
	d := Drop{
		ID: "x", Table: "actions", Partition: "202411", Rows: r.Uint64(), Unsealed: r.Uint64N(3), MinTS: r.Int64() - r.Int64(), MaxTS: r.Int64(),
		Policy: "soc2/400d", PolicyDays: 400, By: "dan\n\x00", Reason: "r",
	}
	for range r.IntN(4) {
		d.Logs = append(d.Logs, DropLog{"w-1.x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()})
	}
	for range r.IntN(4) {
		d.Splits = append(d.Splits, DropSplit{"w_2", r.Uint64(), r.Uint64(), r.Uint64(), [32]byte{byte(r.Uint32()), 7}})
	}
	return d
}

// What a leaf says of a drop is read as it was written, also through the leaf's text.
func TestDropsAreReadAsWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		d := someDrop(r)
		l := Leaf{Writer: "w", Kind: RetentionDrop, Detail: d.Detail()}
		again, err := ParseLeaf(l.Text())
		require.NoError(t, err)
		got, err := ParseDrop(again.Detail)
		require.NoError(t, err)
		require.Equal(t, d, got)
	}
}

func TestBadDrops(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"no id":          {"drop": ""},
		"no table":       {"table": ""},
		"held":           {"hold": "1"},
		"no month":       {"partition": "20241"},
		"month 13":       {"partition": "202413"},
		"before 1970":    {"partition": "196912"},
		"rows":           {"rows": "-1"},
		"a log":          {"log_0": "w/1 2 3 4"},
		"a log's number": {"log_0": "w/1 2 3 4 x"},
		"a writer":       {"log_0": "w w/1 2 3 4 5"},
		"a split":        {"split_0": "w/1 2 3 AB"},
		"long digest":    {"split_0": "w/1 2 3 " + strings.Repeat("A", 66)},
	} {
		d := Drop{ID: "x", Table: "t", Partition: "202411"}
		m := d.Detail()
		maps.Copy(m, change)
		_, err := ParseDrop(m)
		assert.Error(t, err, name)
	}
}

// What a drop leaves: cases as data.
func TestLeft(t *testing.T) {
	from, to, err := Month("202411")
	require.NoError(t, err)
	d := Drop{Table: "actions", Partition: "202411", Logs: []DropLog{{Writer: "w", Epoch: 1, First: 5, Last: 9}}, Splits: []DropSplit{{"w", 1, 7, 3, [32]byte{9}}}}
	batch := func(change func(*Leaf)) Leaf {
		l := Leaf{Writer: "w", Epoch: 1, Seq: 6, Kind: Batch, Table: "actions", MinTS: from, MaxTS: to - 1}
		change(&l)
		return l
	}
	for name, c := range map[string]struct {
		leaf Leaf
		ok   bool
		rows uint64
	}{
		"wholly in it":             {batch(func(*Leaf) {}), true, 0},
		"a row of the month after": {batch(func(l *Leaf) { l.MaxTS = to }), false, 0},
		"a row before":             {batch(func(l *Leaf) { l.MinTS = from - 1 }), false, 0},
		"split":                    {batch(func(l *Leaf) { l.Seq, l.MaxTS = 7, to }), true, 3},
		"another table":            {batch(func(l *Leaf) { l.Table = "runs" }), false, 0},
		"another writer":           {batch(func(l *Leaf) { l.Writer = "v" }), false, 0},
		"another epoch":            {batch(func(l *Leaf) { l.Epoch = 2 }), false, 0},
		"sealed later":             {batch(func(l *Leaf) { l.Seq = 10 }), false, 0},
		"sealed before":            {batch(func(l *Leaf) { l.Seq = 4 }), false, 0},
		"no batch":                 {batch(func(l *Leaf) { l.Kind = Stop }), false, 0},
	} {
		rows, _, ok := d.Left(&c.leaf)
		assert.Equal(t, c.ok, ok, name)
		assert.Equal(t, c.rows, rows, name)
	}
}

// Nobody's text makes it fail, and what it takes it writes again.
func FuzzParseDrop(f *testing.F) {
	d := someDrop(rand.New(rand.NewPCG(5, 6)))
	for k, v := range d.Detail() {
		f.Add(k, v)
	}
	f.Add("split_0", "w/1 2 3 "+strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, key, value string) {
		m := d.Detail()
		m[key] = value
		got, err := ParseDrop(m)
		if err != nil {
			return
		}
		again, err := ParseDrop(got.Detail())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
