// Package pending keeps what waits to become known, within bounds: each item
// ripens once, after a while, and is forgotten later. It knows no clock and no
// lock.
package pending

import (
	"container/list"
	"time"
)

// ID is the id of an action.
type ID [16]byte

// Limits bound a Table.
type Limits struct {
	Items int           // default 50,000
	Bytes int           // what the caller says items weigh; default 64 MiB
	Ripe  time.Duration // after which an item is ripe; default 1m
	TTL   time.Duration // after which it is forgotten; default 1h
}

// Stats counts what left. They only grow.
type Stats struct {
	Evicted int // because of a bound, the oldest first
	Expired int // after TTL
}

// Table holds items in the order in which they came. Times must not go
// backwards by more than the caller can bear: an item leaves after those before
// it. Not safe for concurrent use.
type Table[T any] struct {
	Stats Stats

	limits Limits
	byID   map[ID]*list.Element // of *item[T]
	order  list.List            // the oldest first
	unripe *list.Element        // the first that has not been told ripe
	bytes  int
}

type item[T any] struct {
	id    ID
	at    time.Time
	bytes int
	value T
}

// New returns an empty table.
func New[T any](l Limits) *Table[T] {
	if l.Items <= 0 {
		l.Items = 50_000
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Ripe <= 0 {
		l.Ripe = time.Minute
	}
	if l.TTL <= 0 {
		l.TTL = time.Hour
	}
	return &Table[T]{limits: l, byID: map[ID]*list.Element{}}
}

// Put keeps a value of so many bytes. One that is there already stays as it is.
func (t *Table[T]) Put(id ID, v T, bytes int, now time.Time) {
	if _, there := t.byID[id]; there {
		return
	}
	e := t.order.PushBack(&item[T]{id, now, bytes, v})
	t.byID[id] = e
	t.bytes += bytes
	if t.unripe == nil {
		t.unripe = e
	}
	for t.order.Len() > t.limits.Items || t.bytes > t.limits.Bytes {
		t.remove(t.order.Front())
		t.Stats.Evicted++
	}
}

// Get returns the value of an id.
func (t *Table[T]) Get(id ID) (v T, ok bool) {
	if e := t.byID[id]; e != nil {
		return e.Value.(*item[T]).value, true
	}
	return v, false
}

// Tick forgets what is too old and visits each item once that has become ripe,
// the oldest first. visit must not change the table.
func (t *Table[T]) Tick(now time.Time, visit func(ID, T)) {
	t.ripen(now.Add(-t.limits.Ripe), visit)
	for e := t.order.Front(); e != nil && !e.Value.(*item[T]).at.After(now.Add(-t.limits.TTL)); e = t.order.Front() {
		t.remove(e)
		t.Stats.Expired++
	}
}

func (t *Table[T]) ripen(before time.Time, visit func(ID, T)) {
	for e := t.unripe; e != nil && !e.Value.(*item[T]).at.After(before); e = t.unripe {
		i := e.Value.(*item[T])
		visit(i.id, i.value)
		t.unripe = e.Next()
	}
}

// Drain visits all items that have not been ripe, as Tick would once they were.
func (t *Table[T]) Drain(visit func(ID, T)) {
	for e := t.unripe; e != nil; e = e.Next() {
		i := e.Value.(*item[T])
		visit(i.id, i.value)
	}
	t.unripe = nil
}

func (t *Table[T]) remove(e *list.Element) {
	if e == t.unripe {
		t.unripe = e.Next()
	}
	i := t.order.Remove(e).(*item[T])
	t.bytes -= i.bytes
	delete(t.byID, i.id)
}

// Len returns how many items are kept.
func (t *Table[T]) Len() int { return t.order.Len() }
