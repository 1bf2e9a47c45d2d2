package ledger

import "time"

// Project returns where a budget of a key is heading as seen at now; false
// where the key or budget has no charge or no projection yet. part is the run or
// the session of a budget that is kept for one, else "".
func (l *Ledger) Project(budget, tenant, key, part string, now time.Time) (Projection, bool) {
	b := l.budgets.byID[budget]
	if b == nil {
		return Projection{}, false
	}
	a := l.find(accountKey{scope: b.Scope, bySession: b.period.part() == partSession, tenant: tenant, key: key, run: part})
	if a == nil {
		return Projection{}, false
	}
	for _, c := range a.cells {
		if c.budget == budget {
			p, _ := c.project(b, nanos(now))
			return p, p.Horizon != 0
		}
	}
	return Projection{}, false
}

// Balance is what a budget counts for a key.
type Balance struct {
	Budget *Budget
	// Tenant, Key and the part of it (Run or Session) that the balance is of.
	Tenant, Key, Run, Session     string
	Spent, Limit, Remaining       Sum
	UnpricedCalls, UnpricedTokens uint64
	PeriodStart, PeriodEnd        time.Time
}

// Balances returns every budget of the scopes with its balance in the period
// that holds now, 0 included. The tightest is the one with the least Remaining.
// Reading changes no balance.
func (l *Ledger) Balances(s *Scopes, now time.Time) []Balance {
	var out []Balance
	look := func(scope Scope, key, run string) {
		if key == "" && scope != Tenant {
			return
		}
		for _, some := range l.budgets.of(scope, key) {
			for _, b := range some {
				k := accountKey{scope: scope, tenant: s.Tenant, key: key}
				switch b.period.part() {
				case partRun:
					k.run = run
				case partSession:
					k.run, k.bySession = s.Session, true
				case partNone:
				}
				if (k.run != "" || b.period.part() == partNone) && b.matches(s, key) {
					out = append(out, l.balance(k, l.find(k), b, now))
				}
			}
		}
	}
	for scope := range scopes {
		look(scope, s.key(scope), s.Run)
		if scope != Agent {
			continue
		}
		for i, a := range s.Ancestors {
			if a != s.Agent || s.ancestorRun(i) != s.Run {
				look(Agent, a, s.ancestorRun(i))
			}
		}
	}
	return out
}

// balance returns what a budget counts for a key whose account may be nil.
func (l *Ledger) balance(k accountKey, a *account, b *Budget, now time.Time) Balance {
	out := Balance{Budget: b, Tenant: k.tenant, Key: k.key, Run: k.run, Limit: b.Limit}
	if k.bySession {
		out.Run, out.Session = "", k.run
	}
	if b.period.calendar() {
		out.PeriodStart, out.PeriodEnd = b.period.bounds(now)
	}
	t := a.counted(b, out.PeriodStart, nanos(now))
	out.Spent, out.UnpricedCalls, out.UnpricedTokens = t.in(b), t.unpricedCalls, t.unpricedTokens
	out.Remaining = b.Limit.Minus(out.Spent)
	return out
}

// counted returns the totals that a budget counts: of the calendar period that
// starts at start, of the rolling window that ends now, or of all time.
func (a *account) counted(b *Budget, start time.Time, now int64) totals {
	if a == nil {
		return totals{}
	}
	var c *cell
	for _, some := range a.cells {
		if some.budget == b.ID && some.period == b.Period() {
			c = some
		}
	}
	switch {
	case c == nil && (b.foreign || b.period.calendar() || b.period.kind == rolling):
		return totals{}
	case c == nil:
		return a.life // a new budget finds what was spent before it
	case !b.period.calendar():
		return c.at(b, now)
	case c.start == start.UnixNano():
		return c.now
	}
	for i := range c.closed {
		if c.closed[i].start == start.UnixNano() {
			return c.closed[i].totals
		}
	}
	return totals{}
}

// EachBalance visits the balances of budgets of tenants, projects and agents,
// of which there are few, in the period that holds now: what a gauge exports. A
// budget that nobody has charged yet is visited once, with 0, under the only key
// that it can be about or else under none; so there is a series from load on.
// Keys in storage and budgets per run or session are not visited. The order is of no meaning.
func (l *Ledger) EachBalance(now time.Time, visit func(*Balance)) {
	seen := make(map[*Budget]bool, len(l.budgets.list))
	l.rings[1].each(func(a *account) {
		for _, some := range l.budgets.of(a.scope, a.key) {
			for _, b := range some {
				if b.period.part() != partNone || !b.covers(a) {
					continue
				}
				seen[b] = true
				out := l.balance(a.accountKey, a, b, now)
				visit(&out)
			}
		}
	})
	for _, b := range l.budgets.list {
		if seen[b] || b.Scope > Agent || b.period.part() != partNone {
			continue
		}
		k := accountKey{scope: b.Scope, tenant: b.only(Tenant), key: b.only(b.Scope)}
		out := l.balance(k, nil, b, now)
		visit(&out)
	}
}

// covers reports whether the budget has, or by its patterns would have, a
// balance for the account.
func (b *Budget) covers(a *account) bool {
	for _, c := range a.cells {
		if c.budget == b.ID {
			return true
		}
	}
	return !b.foreign && b.matches(&Scopes{Tenant: a.tenant}, a.key)
}

// only returns the one key of the scope that the budget selects, or "".
func (b *Budget) only(scope Scope) string {
	for i := range b.selects {
		if s := &b.selects[i]; s.scope == scope && s.literal() {
			return s.glob
		}
	}
	return ""
}
