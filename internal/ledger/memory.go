package ledger

import (
	"encoding/binary"
	"math/bits"
)

// memory remembers ids in the order they came: a ring of what is known and a
// hash table of positions in it. It allocates no object for an id, which keeps
// a million of them small and invisible to the garbage collector.
//
// A cell of the table is 0, or from its low bits up: a position + 1, a tag of the
// id's hash, and in the top four bits how far it lies from where its id wants to
// be. So most searches and all but a few moves need not look at the ring, which
// is a cache miss each.
type memory[V any] struct {
	ring  []noted[V]
	head  int // position of the oldest
	n     int
	index []uint32 // linear probing, half full at most
	bits  int      // of a position + 1
}

const (
	awayBits = 4
	awayFull = 1<<awayBits - 1 // this far or more
	awayAt   = 32 - awayBits
	noAway   = 1<<awayAt - 1
	maxIDs   = 1<<awayAt - 2 // positions that fit
)

type noted[V any] struct {
	v  V
	id ID
	at int64 // the ledger's latest end of a span when the id came
}

// slot returns where the search for an id starts, and the tag in its cell.
func (m *memory[V]) slot(id *ID) (start int, tag uint32) {
	const odd = 0x9e3779b97f4a7c15
	h := (binary.LittleEndian.Uint64(id[:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(id[8:]), 32)) * odd
	return int(h >> (64 - bits.Len(uint(len(m.index)-1)))), uint32(h) << m.bits & noAway
}

// get returns what is remembered of the id, or nil.
func (m *memory[V]) get(id *ID) *V {
	if m.n == 0 {
		return nil
	}
	mask := len(m.index) - 1
	pos := uint32(1)<<m.bits - 1
	for i, tag := m.slot(id); m.index[i] != 0; i = (i + 1) & mask {
		if e := m.index[i]; e&noAway&^pos == tag {
			if at := &m.ring[e&pos-1]; at.id == *id {
				return &at.v
			}
		}
	}
	return nil
}

// put remembers an id that is not known yet. limit bounds the ring's size; the
// caller has dropped what has to go.
func (m *memory[V]) put(id ID, at int64, v V, limit int) {
	if m.n == len(m.ring) {
		m.grow(limit)
	}
	pos := m.head + m.n
	if pos >= len(m.ring) {
		pos -= len(m.ring)
	}
	m.ring[pos] = noted[V]{v, id, at}
	m.n++
	m.enter(pos)
}

func (m *memory[V]) enter(pos int) {
	mask := len(m.index) - 1
	home, tag := m.slot(&m.ring[pos].id)
	i := home
	for m.index[i] != 0 {
		i = (i + 1) & mask
	}
	m.index[i] = away(i-home, mask) | tag | uint32(pos+1)
}

// away returns the top bits of a cell that lies so far from its home.
func away(by, mask int) uint32 { return uint32(min(by&mask, awayFull)) << awayAt }

func (m *memory[V]) grow(limit int) {
	next := make([]noted[V], max(m.n+1, min(limit, max(64, 2*len(m.ring)))))
	k := copy(next, m.ring[m.head:])
	copy(next[k:], m.ring[:m.head])
	m.ring, m.head = next, 0
	m.index = make([]uint32, 1<<bits.Len(uint(2*len(next)-1)))
	m.bits = bits.Len(uint(len(next)))
	for pos := range m.n {
		m.enter(pos)
	}
}

// oldest returns when the oldest id came. There must be one.
func (m *memory[V]) oldest() int64 { return m.ring[m.head].at }

// drop forgets the oldest id. There must be one.
func (m *memory[V]) drop() {
	mask := len(m.index) - 1
	pos := uint32(1)<<m.bits - 1
	i, tag := m.slot(&m.ring[m.head].id)
	for m.index[i]&noAway != tag|uint32(m.head+1) {
		i = (i + 1) & mask
	}
	// Close the gap, or a later search would stop at it too early.
	for j := (i + 1) & mask; m.index[j] != 0; j = (j + 1) & mask {
		e := m.index[j]
		home := (j - int(e>>awayAt)) & mask
		if e>>awayAt == awayFull {
			home, _ = m.slot(&m.ring[e&pos-1].id)
		}
		if (j-home)&mask >= (j-i)&mask {
			m.index[i], i = away(i-home, mask)|e&noAway, j
		}
	}
	m.index[i] = 0
	m.ring[m.head] = noted[V]{}
	m.n--
	if m.head++; m.head == len(m.ring) {
		m.head = 0
	}
}

// makeRoom forgets what is older than ttl, and the oldest of too many. It
// returns how many went before their time.
func (m *memory[V]) makeRoom(now, ttl int64, limit int) (early uint64) {
	for m.n > 0 && (m.oldest() < now-ttl || m.n >= limit) {
		if m.oldest() >= now-ttl {
			early++
		}
		m.drop()
	}
	return early
}

// all returns what is remembered, oldest first.
func (m *memory[V]) all() []noted[V] {
	out := make([]noted[V], 0, m.n)
	for i := range m.n {
		out = append(out, m.ring[(m.head+i)%len(m.ring)])
	}
	return out
}

// firstTime remembers the id and reports whether it was new.
func (l *Ledger) firstTime(id ID) bool {
	if l.actions.get(&id) != nil {
		return false
	}
	l.note(id)
	return true
}

// note remembers an id that is new.
func (l *Ledger) note(id ID) {
	l.counters.EarlyActions += l.actions.makeRoom(l.now, int64(l.opt.ActionTTL), l.opt.MaxActions)
	l.actions.put(id, l.now, struct{}{}, l.opt.MaxActions)
}

// derived returns the id under which something else about an action is known:
// that it was charged to one more key, or that another span carries its money.
func derived(id ID, kind byte, key string) ID {
	const prime = 1099511628211
	h1, h2 := uint64(14695981039346656037)^uint64(kind), uint64(kind)
	for i := range len(key) {
		h1 = (h1 ^ uint64(key[i])) * prime
		h2 = h2*31 + uint64(key[i]) + h1>>32
	}
	for i := range 8 {
		id[i] ^= byte(h1 >> (8 * i))
		id[i+8] ^= byte(h2 >> (8 * i))
	}
	id[0]++ // never the action's own id
	return id
}
