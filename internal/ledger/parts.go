package ledger

import "math"

func (c *codec) key(k *accountKey) {
	u := uint64(k.scope)
	c.u64(&u)
	k.scope = Scope(u)
	c.bad = c.bad || u >= uint64(scopes)
	c.str(&k.tenant)
	c.str(&k.key)
	c.str(&k.run)
	c.bool(&k.bySession)
}

func (c *codec) totals(t *totals) {
	c.sum(&t.usd)
	c.sum(&t.bound)
	for _, v := range []*uint64{&t.tokens, &t.calls, &t.tools, &t.unpricedCalls, &t.unpricedTokens} {
		c.u64(v)
	}
	c.i64(&t.first)
	c.i64(&t.last)
}

func (c *codec) account(a *account) {
	c.key(&a.accountKey)
	c.totals(&a.life)
	c.bool(&a.used)
	c.sum(&a.own)
	c.u64(&a.seq)
	each(c, &a.cells, func(p **cell) {
		if *p == nil {
			*p = &cell{}
		}
		c.cell(*p)
	})
}

func (c *codec) cell(v *cell) {
	c.str(&v.budget)
	c.str(&v.period)
	c.sum(&v.limit)
	unit := uint64(v.unit)
	c.u64(&unit)
	v.unit = Unit(unit)
	c.i64(&v.start)
	c.i64(&v.end)
	c.totals(&v.now)
	each(c, &v.closed, func(p *closed) {
		c.i64(&p.start)
		c.i64(&p.end)
		c.totals(&p.totals)
	})
	c.f64(&v.ewma)
	each(c, &v.path, func(p *point) {
		c.i64(&p.at)
		c.u64(&p.spend)
	})
	each(c, &v.slots, func(s *slot) {
		c.i64(&s.at)
		c.totals(&s.totals)
	})
	each(c, &v.burns, func(r *burnRing) {
		c.i64(&r.newest)
		for i := range r.amount {
			n := uint64(r.calls[i])
			c.f64(&r.amount[i])
			c.u64(&n)
			r.calls[i] = uint32(n)
		}
	})
	warned := uint64(v.warned)
	c.u64(&warned)
	v.warned = int(min(warned, math.MaxInt32))
	c.bool(&v.exceeded)
	c.bool(&v.projected)
	c.bool(&v.mayWarn)
	c.i64(&v.calm)
	c.u64(&v.pardon)
}

func (c *codec) halt(h *Halt) {
	k := h.accountKey()
	c.key(&k)
	h.Scope, h.Tenant, h.Key, h.Run, h.Session = k.scope, k.tenant, k.key, k.run, ""
	if k.bySession {
		h.Run, h.Session = "", k.run
	}
	c.str(&h.Budget)
	effect, unit := uint64(h.Effect), uint64(h.Unit)
	c.u64(&effect)
	c.u64(&unit)
	h.Effect, h.Unit = Effect(effect), Unit(unit)
	c.time(&h.Since)
	c.time(&h.Until)
	c.id(&h.Action)
	c.str(&h.Rule)
	c.str(&h.By)
	c.str(&h.Reason)
	c.sum(&h.Observed)
	c.sum(&h.Limit)
	c.str(&h.PolicyVersion)
}
