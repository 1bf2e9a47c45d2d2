package decision

import (
	"time"

	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Reservations hold what was allowed and has not been charged yet, so that two
// questions at once cannot both be allowed the last of a budget. It has one
// owner.
//
// A reservation is not told when its span arrives. What its budget is charged
// settles the oldest reservations first, whoever was charged; one that nothing
// settles ends by itself after a while. What is held is what the ledger has and
// the reservations still running.
type Reservations struct {
	ttl   time.Duration
	limit int
	held  map[reserveKey]*held
	full  uint64
}

type reserveKey struct {
	budget, tenant, key, run, session string
	period                            int64 // in a new one nothing is spent yet
}

// held are the running reservations of one balance, oldest first.
type held struct {
	entries []reservation
	sum     ledger.Sum
	seen    ledger.Sum // what was spent when it was last looked at
}

type reservation struct {
	ends   time.Time
	amount ledger.Sum
}

// NewReservations returns none; each runs for ttl, at most limit balances have
// some. A ttl of 0 reserves nothing.
func NewReservations(ttl time.Duration, limit int) *Reservations {
	return &Reservations{ttl: ttl, limit: max(limit, 1), held: map[reserveKey]*held{}}
}

// Full returns how often there was no room for a reservation.
func (r *Reservations) Full() uint64 { return r.full }

// Take reserves what an action takes from each budget that can refuse it: one
// call, or the estimated cost, which is 0 where nobody knows it. It returns the
// budget that has too little left, nil where all were reserved.
func (r *Reservations) Take(balances []ledger.Balance, operation string, cost ledger.Sum, now time.Time) *ledger.Balance {
	if r.ttl <= 0 {
		return nil
	}
	for i := range balances {
		b := &balances[i]
		if want, ok := takes(b, operation, cost); ok && b.Limit.Cmp(r.used(b, now).Plus(want)) < 0 {
			return b
		}
	}
	for i := range balances {
		b := &balances[i]
		if want, ok := takes(b, operation, cost); ok && want != (ledger.Sum{}) {
			r.add(b, want, now)
		}
	}
	return nil
}

// takes says how much an action takes from a budget that can refuse it.
func takes(b *ledger.Balance, operation string, cost ledger.Sum) (ledger.Sum, bool) {
	if b.Budget.Mode != ledger.Enforce || b.Budget.OnExceed == ledger.EffectWarn || !counts(b.Budget.Unit, operation) {
		return ledger.Sum{}, false
	}
	switch b.Budget.Unit {
	case ledger.Calls, ledger.ToolCalls:
		return ledger.SumOf(1), true
	case ledger.USD:
		return cost, true
	default:
		return ledger.Sum{}, true
	}
}

func keyOf(b *ledger.Balance) reserveKey {
	k := reserveKey{budget: b.Budget.ID, tenant: b.Tenant, key: b.Key, run: b.Run, session: b.Session}
	if !b.PeriodStart.IsZero() {
		k.period = b.PeriodStart.UnixNano()
	}
	return k
}

// used is what a balance holds with its running reservations.
func (r *Reservations) used(b *ledger.Balance, now time.Time) ledger.Sum {
	h := r.held[keyOf(b)]
	if h == nil {
		return b.Spent
	}
	h.settle(b.Spent)
	r.expire(h, now)
	// A balance that was read before another's is not newer than what is known.
	spent := h.seen.Plus(h.sum)
	if len(h.entries) == 0 {
		delete(r.held, keyOf(b))
	}
	return spent
}

// settle takes what was charged since off the oldest reservations.
func (h *held) settle(spent ledger.Sum) {
	if spent.Cmp(h.seen) <= 0 {
		return
	}
	grown := spent.Minus(h.seen)
	h.seen = spent
	n := 0
	for n < len(h.entries) && grown != (ledger.Sum{}) {
		e := &h.entries[n]
		if grown.Cmp(e.amount) < 0 {
			e.amount, h.sum = e.amount.Minus(grown), h.sum.Minus(grown)
			break
		}
		grown, h.sum = grown.Minus(e.amount), h.sum.Minus(e.amount)
		n++
	}
	h.entries = h.entries[n:]
}

func (r *Reservations) expire(h *held, now time.Time) {
	n := 0
	for n < len(h.entries) && !now.Before(h.entries[n].ends) {
		h.sum = h.sum.Minus(h.entries[n].amount)
		n++
	}
	h.entries = h.entries[n:]
}

// maxReserved bounds the reservations of one balance. The newest then takes the
// amount of the others' next along: what is held stays the same.
const maxReserved = 4096

func (r *Reservations) add(b *ledger.Balance, want ledger.Sum, now time.Time) {
	key := keyOf(b)
	h := r.held[key]
	if h == nil {
		if len(r.held) >= r.limit {
			r.sweep(now)
		}
		if len(r.held) >= r.limit {
			r.full++
			return
		}
		h = &held{seen: b.Spent}
		r.held[key] = h
	}
	h.sum = h.sum.Plus(want)
	if n := len(h.entries); n >= maxReserved {
		last := &h.entries[n-1]
		last.amount, last.ends = last.amount.Plus(want), now.Add(r.ttl)
		return
	}
	h.entries = append(h.entries, reservation{now.Add(r.ttl), want})
}

// sweep forgets balances whose reservations are all over.
func (r *Reservations) sweep(now time.Time) {
	for key, h := range r.held {
		if r.expire(h, now); len(h.entries) == 0 {
			delete(r.held, key)
		}
	}
}

// Exceeded is the outcome where others have reserved the last of a budget between
// judging and answering.
func (o Outcome) Exceeded(b *ledger.Balance) Outcome {
	o.Effect, o.Reason, o.Budget, o.Rule = Deny, ReasonBudgetExceeded, b, b.Budget.ID
	if o.Mode == policy.Enforce {
		o.Answered = Deny
	}
	o.Warning = o.Mode == policy.Warn
	return o
}
