package decision

// bounded is a map of at most limit entries; the oldest goes first.
type bounded[K comparable, V any] struct {
	limit   int
	m       map[K]V
	order   []K
	head    int
	dropped uint64
}

func newBounded[K comparable, V any](limit int) bounded[K, V] {
	return bounded[K, V]{limit: max(limit, 1), m: map[K]V{}}
}

func (b *bounded[K, V]) get(k K) (V, bool) {
	v, ok := b.m[k]
	return v, ok
}

// put adds or replaces; what is replaced keeps its age.
func (b *bounded[K, V]) put(k K, v V) {
	if _, known := b.m[k]; known {
		b.m[k] = v
		return
	}
	if len(b.order) < b.limit {
		b.order = append(b.order, k)
	} else {
		delete(b.m, b.order[b.head])
		b.dropped++
		b.order[b.head] = k
		b.head = (b.head + 1) % b.limit
	}
	b.m[k] = v
}
