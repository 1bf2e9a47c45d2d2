package boltfile

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/encoding/protowire"
)

func queueMeta(read, write uint64, dispatched ...uint64) (raw []byte) {
	for field, v := range map[protowire.Number]uint64{1: 99, 2: 999, fieldRead: read, fieldWrite: write} {
		raw = protowire.AppendFixed64(protowire.AppendTag(raw, field, protowire.Fixed64Type), v)
	}
	var packed []byte
	for _, d := range dispatched {
		packed = protowire.AppendFixed64(packed, d)
	}
	return protowire.AppendBytes(protowire.AppendTag(raw, fieldDispatched, protowire.BytesType), packed)
}

func TestRequeue(t *testing.T) {
	at := func(key string, at int64, reached bool) Pair { return Pair{Key: key, at: at, Reached: reached} }
	for name, c := range map[string]struct {
		pairs   []Pair
		old     []byte
		want    []int64 // where the items are, in order
		missing int
	}{
		"all there":        {[]Pair{at("10", 1, true), at("9", 2, true), at("11", 3, true)}, queueMeta(9, 12), []int64{2, 1, 3}, 0},
		"dispatched":       {[]Pair{at("10", 1, true), at("7", 2, true)}, queueMeta(10, 11, 7), []int64{2, 1}, 0},
		"left the queue":   {[]Pair{at("3", 1, false), at("10", 2, true)}, queueMeta(10, 11), []int64{2}, 0},
		"twice":            {[]Pair{at("10", 1, false), at("10", 2, true)}, queueMeta(10, 11), []int64{2}, 0},
		"some missing":     {[]Pair{at("12", 1, false)}, queueMeta(10, 13), []int64{1}, 2},
		"no metadata":      {[]Pair{at("900", 1, false), at("3", 2, true)}, nil, []int64{2, 1}, -1},
		"metadata damaged": {[]Pair{at("900", 1, false), at("3", 2, true)}, []byte{1, 2, 3}, []int64{2, 1}, -1},
		"others' keys":     {[]Pair{at("alerts", 1, true), at("5", 2, true)}, queueMeta(5, 6), []int64{2}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := Requeue(c.pairs, c.old)
			got := make([]int64, 0, len(q.Items))
			for _, p := range q.Items {
				got = append(got, p.at)
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.missing, q.Missing)
			m, ok := parseIndices(q.Meta)
			assert.True(t, ok)
			assert.Equal(t, uint64(len(c.want)), m.write)
			for i := range q.Items {
				assert.True(t, m.has(uint64(i)))
			}
		})
	}
}
