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
// charges each of them once, however often it is called.
func (l *Ledger) Settle(c *Charge, late Keys) Result {
	var r Result
	e := entryOf(c)
	l.now = max(l.now, e.end)
	for _, k := range []struct {
		scope Scope
		key   string
	}{{Project, c.Project}, {Agent, c.Agent}, {Session, c.Session}, {Principal, c.Principal}} {
		if late.Has(k.scope) && k.key != "" && l.firstTime(derived(c.Action, 'k'+byte(k.scope), "")) {
			l.post(k.scope, k.key, c, &e, &r)
		}
	}
	return r
}
