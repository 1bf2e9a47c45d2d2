// Package vocabulary remembers what attribute names mean. Spans of one sort carry the same
// names in the same order, so that mostly none has to be looked up.
package vocabulary

import "strings"

const (
	// maxNames bounds what is remembered; emitters use a few hundred names.
	maxNames = 4096
	// maxOrder bounds the attributes of a span whose order is remembered.
	maxOrder = 256
	// sorts is how many orders are: spans of a sort have equally many attributes.
	sorts = 64
)

// Memo is a function of names with a memory. V is what it returns. Not safe for
// concurrent use.
type Memo[V any] struct {
	of     func(string) V
	known  map[string]*entry[V]
	orders [sorts][]*entry[V]
	order  *[]*entry[V]
	at     int
	spare  entry[V]
}

type entry[V any] struct {
	name  string
	value V
}

// New returns a memo of a function that is pure and keeps no name.
func New[V any](of func(string) V) *Memo[V] {
	return &Memo[V]{of: of, known: map[string]*entry[V]{}}
}

// Begin says that the n attributes of a span follow.
func (m *Memo[V]) Begin(n int) { m.order, m.at = &m.orders[n%sorts], 0 }

// Next returns the function's value for the name of the next attribute, valid until
// the next call and not to be changed. Begin must have been called once.
func (m *Memo[V]) Next(name string) *V {
	order, at := *m.order, m.at
	m.at++
	if at < len(order) && order[at].name == name {
		return &order[at].value
	}
	e := m.known[name]
	if e == nil {
		if len(m.known) >= maxNames {
			m.spare = entry[V]{value: m.of(name)}
			return &m.spare.value
		}
		e = &entry[V]{name: strings.Clone(name), value: m.of(name)}
		m.known[e.name] = e
	}
	if at < len(order) {
		order[at] = e
	} else if at == len(order) && at < maxOrder {
		*m.order = append(*m.order, e)
	}
	return &e.value
}
