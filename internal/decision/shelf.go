package decision

// shelf is a map that remembers the order in which its entries came.
type shelf[K comparable, V any] struct {
	m     map[K]V
	order []K
	head  int
	mark  int // up to where settle has come
}

func newShelf[K comparable, V any]() shelf[K, V] { return shelf[K, V]{m: map[K]V{}} }

func (s *shelf[K, V]) len() int { return len(s.m) }

func (s *shelf[K, V]) get(k K) (V, bool) {
	v, ok := s.m[k]
	return v, ok
}

// put adds what is not there.
func (s *shelf[K, V]) put(k K, v V) {
	s.m[k] = v
	s.order = append(s.order, k)
}

func (s *shelf[K, V]) oldest() (v V, ok bool) {
	if s.head == len(s.order) {
		return v, false
	}
	return s.m[s.order[s.head]], true
}

// shift takes the oldest out.
func (s *shelf[K, V]) shift() (v V, ok bool) {
	if v, ok = s.oldest(); !ok {
		return v, false
	}
	delete(s.m, s.order[s.head])
	var zero K
	s.order[s.head] = zero
	s.head++
	s.mark = max(s.mark, s.head)
	if s.head > 1024 && s.head*2 > len(s.order) {
		s.order = append(s.order[:0:0], s.order[s.head:]...)
		s.mark, s.head = s.mark-s.head, 0
	}
	return v, true
}

// settle visits each entry once, in the order they came, for as long as visit
// returns true; the one it returns false for is visited again next time.
func (s *shelf[K, V]) settle(visit func(V) bool) {
	for s.mark < len(s.order) && visit(s.m[s.order[s.mark]]) {
		s.mark++
	}
}
