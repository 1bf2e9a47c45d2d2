package ledger

// Keys is a set of scopes.
type Keys uint8

// KeysOf returns the set of the given scopes.
func KeysOf(of ...Scope) Keys {
	var k Keys
	for _, s := range of {
		k |= 1 << s
	}
	return k
}

// Has reports whether the scope is in the set.
func (k Keys) Has(s Scope) bool { return k&(1<<s) != 0 }

// Settle charges an action that was charged before to keys that were unknown
// then: those of late, which may hold project, agent, session and principal. It
// charges each of them once, however often it is called, and none of an action
// whose money another span carries.
func (l *Ledger) Settle(c *Charge, late Keys) Result {
	var r Result
	e := entryOf(c)
	l.now = max(l.now, e.end)
	if l.elsewhere(c) {
		r.Repeat, r.Duplicate = SameResponse, true
		return r
	}
	changed := false
	for scope := Project; scope <= Principal; scope++ {
		key := c.key(scope)
		if !late.Has(scope) || key == "" || !l.firstTime(derived(c.Action, 'k'+byte(scope), "")) {
			continue
		}
		changed = true
		if scope == Agent && !l.firstTime(derived(c.Action, 'a', key)) {
			l.own(c, &e) // it was charged as an ancestor, and turns out to have acted itself
			continue
		}
		l.post(scope, key, c, &e, &r)
		l.postPart(scope, key, partRun, c.Run, c, &e, &r)
		l.postPart(scope, key, partSession, c.Session, c, &e, &r)
	}
	if changed {
		l.charged()
	}
	return r
}

// own counts what the acting agent has been charged already as its own.
func (l *Ledger) own(c *Charge, e *entry) {
	if a := l.account(accountKey{scope: Agent, tenant: c.Tenant, key: c.Agent}); a.seq <= l.seq {
		a.seq = l.nextCharge()
		a.own = a.own.Plus(e.usd)
	}
}
