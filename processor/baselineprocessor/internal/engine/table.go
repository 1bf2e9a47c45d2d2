package engine

// table is a bounded map whose entries are kept in the order of their last use.
type table[V any] struct {
	m    map[uint64]*node[V]
	root node[V] // root.next is the newest, root.prev the oldest
}

type node[V any] struct {
	key        uint64
	prev, next *node[V]
	v          V
}

func newTable[V any]() table[V] { return table[V]{m: map[uint64]*node[V]{}} }

func (t *table[V]) len() int { return len(t.m) }

func (t *table[V]) link(n *node[V]) {
	if t.root.next == nil {
		t.root.next, t.root.prev = &t.root, &t.root
	}
	n.prev, n.next = &t.root, t.root.next
	n.prev.next, n.next.prev = n, n
}

func (n *node[V]) unlink() {
	n.prev.next, n.next.prev = n.next, n.prev
}

// get returns the entry and makes it the newest, or nil.
func (t *table[V]) get(key uint64) *node[V] {
	n := t.m[key]
	if n == nil {
		return nil
	}
	if t.root.next != n {
		n.unlink()
		t.link(n)
	}
	return n
}

// add makes room for a new key; the caller knows that it is new.
func (t *table[V]) add(key uint64) *node[V] {
	n := &node[V]{key: key}
	t.m[key] = n
	t.link(n)
	return n
}

// oldest returns the entry that was not used for longest, or nil.
func (t *table[V]) oldest() *node[V] {
	if len(t.m) == 0 {
		return nil
	}
	return t.root.prev
}

func (t *table[V]) remove(n *node[V]) {
	n.unlink()
	delete(t.m, n.key)
}

// each visits all entries, oldest first.
func (t *table[V]) each(visit func(*node[V])) {
	if len(t.m) == 0 {
		return
	}
	for n := t.root.prev; n != &t.root; n = n.prev {
		visit(n)
	}
}
