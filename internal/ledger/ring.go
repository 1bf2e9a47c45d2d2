package ledger

// ring is a ring of accounts, the newest first.
type ring struct {
	newest *account
	n      int
}

func (r *ring) link(a *account) {
	if r.newest == nil {
		a.prev, a.next = a, a
	} else {
		a.prev, a.next = r.newest.prev, r.newest
		a.prev.next, a.next.prev = a, a
	}
	r.newest = a
	r.n++
}

func (r *ring) unlink(a *account) {
	r.n--
	if a.next == a {
		r.newest = nil
		return
	}
	a.prev.next, a.next.prev = a.next, a.prev
	if r.newest == a {
		r.newest = a.next
	}
}

// idlest returns an account that was not used since the hand last came by. It
// spares one that was, once: nearly the longest idle, and a use touches no other
// account's memory.
func (r *ring) idlest() *account {
	for {
		a := r.newest.prev
		if !a.used {
			return a
		}
		a.used = false
		r.newest = a // the oldest comes before the newest: the ring turns by one
	}
}

// each visits the accounts, the oldest first.
func (r *ring) each(visit func(*account)) {
	if r.newest == nil {
		return
	}
	for a := r.newest.prev; ; a = a.prev {
		visit(a)
		if a == r.newest {
			return
		}
	}
}
