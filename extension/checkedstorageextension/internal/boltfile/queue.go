package boltfile

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// QueueKey is where the collector's persistent queue (exporterhelper v0.161) keeps
// its indices; its items are under their numbers.
const QueueKey = "qmv0"

// The fields of exporterhelper's PersistentMetadata, all of 8 bytes.
const (
	fieldRead       = 3
	fieldWrite      = 4
	fieldDispatched = 5
)

// indices is the part of the queue's metadata that says which items are in it.
type indices struct {
	read, write uint64
	dispatched  map[uint64]bool
}

// parseIndices reads the metadata; false where it cannot be one.
func parseIndices(raw []byte) (m indices, ok bool) {
	m.dispatched = map[uint64]bool{}
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return m, false
		}
		raw = raw[n:]
		if kind == protowire.BytesType { // numbers one after the other
			packed, n := protowire.ConsumeBytes(raw)
			if n < 0 || field != fieldDispatched || len(packed)%8 != 0 {
				return m, false
			}
			raw = raw[n:]
			for ; len(packed) > 0; packed = packed[8:] {
				v, _ := protowire.ConsumeFixed64(packed)
				m.dispatched[v] = true
			}
			continue
		}
		v, n := protowire.ConsumeFixed64(raw)
		if kind != protowire.Fixed64Type || n < 0 {
			return m, false
		}
		raw = raw[n:]
		switch field {
		case fieldRead:
			m.read = v
		case fieldWrite:
			m.write = v
		case 1, 2: // sizes
		default:
			return m, false
		}
	}
	return m, m.read <= m.write
}

// has tells whether an item may be in the queue. What is beyond its end came with a
// later commit than these indices.
func (m *indices) has(n uint64) bool { return n >= m.read || m.dispatched[n] }

// count is how many items there should be.
func (m *indices) count() int {
	return int(min(m.write-m.read+uint64(len(m.dispatched)), math.MaxInt32))
}

// Queue is a queue that is put together again.
type Queue struct {
	// Meta is the metadata of a queue whose items are Items, numbered from 0.
	Meta  []byte
	Items []Pair
	// Missing is how many more there were, by the old metadata; -1 where that could
	// not be read, and then Items may hold some that had left the queue.
	Missing int
}

// Requeue puts a queue together from the entries of a file and its metadata, nil
// where that is lost. Items keep their order and get new numbers: with the metadata
// lost, theirs may be far apart, and the queue would look at each in between.
func Requeue(pairs []Pair, old []byte) Queue {
	m, known := parseIndices(old)
	known = known && old != nil
	items := map[uint64]Pair{}
	for _, p := range pairs {
		n, err := strconv.ParseUint(p.Key, 10, 64)
		if err != nil || known && !m.has(n) {
			continue
		}
		if had, twice := items[n]; !twice || p.Reached && !had.Reached {
			items[n] = p
		}
	}
	q := Queue{Missing: -1}
	order := make([]uint64, 0, len(items))
	for n := range items {
		order = append(order, n)
	}
	slices.SortFunc(order, cmp.Compare[uint64])
	for i, n := range order {
		p := items[n]
		p.Key = strconv.Itoa(i)
		q.Items = append(q.Items, p)
	}
	if known {
		q.Missing = max(0, m.count()-len(q.Items))
	}
	q.Meta = protowire.AppendTag(q.Meta, fieldWrite, protowire.Fixed64Type)
	q.Meta = protowire.AppendFixed64(q.Meta, uint64(len(q.Items)))
	return q
}
