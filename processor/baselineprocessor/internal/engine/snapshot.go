package engine

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/budget"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
)

// version is of the snapshot's form.
const version = 1

// Errors of Restore.
var (
	ErrVersion = errors.New("a snapshot of another version")
	ErrConfig  = errors.New("a snapshot under another content key or other filter sizes: what it knows cannot be compared")
	ErrDamaged = errors.New("a damaged snapshot")
)

// fingerprint names what a snapshot depends on. It says nothing of the key.
func (e *Engine) fingerprint() uint64 {
	p := &e.opt.Novelty
	return e.opt.Key.Sum("spanwarden.baseline") ^ uint64(p.PromptWords)<<40 ^ uint64(p.ToolWords)<<20 ^ uint64(p.EverWords)
}

// Snapshot appends all that the engine knows to b. An engine restored from it
// behaves as this one from here on, bit for bit. Content is in it only as hashes
// under the key, which is not.
func (e *Engine) Snapshot(b []byte) []byte {
	c := codec.Writer(b)
	v, f := uint64(version), e.fingerprint()
	c.U64(&v)
	c.U64(&f)
	e.describe(c)
	return c.Bytes()
}

// Restore replaces all that the engine knows by a snapshot's knowledge. On error
// the engine is as it was.
func (e *Engine) Restore(b []byte) error {
	c := codec.Reader(b)
	var v, f uint64
	c.U64(&v)
	c.U64(&f)
	switch {
	case c.Bad():
		return ErrDamaged
	case v != version:
		return ErrVersion
	case f != e.fingerprint():
		return ErrConfig
	}
	fresh := New(e.opt)
	fresh.describe(c)
	if c.Bad() || len(c.Bytes()) > 0 {
		return ErrDamaged
	}
	fresh.shrink()
	fresh.stats = e.stats
	*e = *fresh
	e.keys.settle()
	e.sessions.settle()
	return nil
}

// shrink keeps to limits that are smaller than those the snapshot was made under.
func (e *Engine) shrink() {
	for e.keys.len() > max(1, e.opt.Limits.Keys) {
		e.keys.remove(e.keys.oldest())
		e.stats.KeysEvicted++
	}
	for e.sessions.len() > max(1, e.opt.Limits.Sessions) {
		e.sessions.remove(e.sessions.oldest())
		e.stats.SessionsEvicted++
	}
}

// settle mends the links to the root after the table was moved.
func (t *table[V]) settle() {
	if t.root.next != nil && len(t.m) > 0 {
		t.root.next.prev, t.root.prev.next = &t.root, &t.root
	} else {
		t.root.next, t.root.prev = nil, nil
	}
}

const most = 1 << 24 // of anything in a snapshot

func (e *Engine) describe(c *codec.Codec) {
	c.I64(&e.now)
	describeTable(c, &e.keys, func(v *entry) { v.describe(c, e) })
	describeTable(c, &e.sessions, func(v *session) { v.describe(c, e) })
	codec.Each(c, &e.order, most, func(id *string) {
		c.Str(id)
		inc := e.incidents[*id]
		if c.Reading() {
			if inc != nil {
				c.Fail()
			}
			inc = &Incident{}
			e.incidents[*id] = inc
		}
		inc.describe(c)
	})
	names := slices.Sorted(maps.Keys(e.budgets))
	codec.Each(c, &names, most, func(name *string) {
		c.Str(name)
		if c.Reading() {
			e.budgets[*name] = &budget.Budget{}
		}
		e.budgets[*name].Describe(c)
	})
	e.seen.describe(c)
}

func describeTable[V any](c *codec.Codec, t *table[V], one func(*V)) {
	n := uint64(t.len())
	c.U64(&n)
	if !c.Reading() {
		t.each(func(v *node[V]) {
			c.U64(&v.key)
			one(&v.v)
		})
		return
	}
	for range n {
		var key uint64
		c.U64(&key)
		if c.Bad() || t.m[key] != nil {
			c.Fail()
			return
		}
		one(&t.add(key).v)
	}
}

func (v *entry) describe(c *codec.Codec, e *Engine) {
	var kind uint8
	switch {
	case v.project != nil:
	case v.agent != nil:
		kind = 1
	case v.tool != nil:
		kind = 2
	default:
		kind = 3
	}
	c.U8(&kind)
	if c.Reading() {
		switch kind {
		case 0:
			v.project = &projectState{}
		case 1:
			v.agent = &agentState{}
		case 2:
			v.tool = &toolState{}
		case 3:
			v.values = &novelty.Values{}
		default:
			c.Fail()
			return
		}
	}
	switch kind {
	case 0:
		v.project.describe(c)
	case 1:
		v.agent.describe(c, e)
	case 2:
		v.tool.describe(c)
	case 3:
		v.values.Describe(c)
	}
}

func (p *projectState) describe(c *codec.Codec) {
	for i := range p.rates {
		p.rates[i].Describe(c)
	}
	p.errs.Describe(c)
	p.tools.Describe(c)
}

func (a *agentState) describe(c *codec.Codec, e *Engine) {
	for i := range a.rates {
		a.rates[i].Describe(c)
	}
	a.week.Describe(c)
	a.errs.Describe(c)
	for i := range a.measures {
		m := &a.measures[i]
		m.calls.Describe(c)
		m.minute.Describe(c)
		m.horizons.Describe(c)
		c.I64(&m.bin)
		c.F64(&m.sum)
		c.U32(&m.count)
		c.I64(&m.driftDay)
	}
	a.sessionCalls.Describe(c)
	a.sessionTokens.Describe(c)
	a.sessionCost.Describe(c)
	c.U32(&a.sessions)
	a.tools.Describe(c)
	a.models.Describe(c)
	a.maxima.Describe(c)
	a.effects.Describe(c)
	a.distinct.Describe(c)
	a.mix.Describe(c)
	c.I64(&a.mixDay)
	a.ever.Describe(c, e.opt.Novelty)
}

func (t *toolState) describe(c *codec.Codec) {
	for i := range t.rates {
		t.rates[i].Describe(c)
	}
	t.errs.Describe(c)
	t.latency.Describe(c)
	t.streaks.Describe(c)
}

func (s *session) describe(c *codec.Codec, e *Engine) {
	c.U64(&s.agentKey)
	c.U64(&s.projectKey)
	c.I64(&s.last)
	c.I64(&s.touched)
	c.U32(&s.calls)
	c.F64(&s.tokens)
	c.F64(&s.cost)
	c.U32(&s.modelFails)
	c.I64(&s.modelSince)
	c.U16(&s.prompts)
	c.Bool(&s.looped)
	s.ring.Describe(c)
	s.novel.Describe(c, e.opt.Novelty)
	codec.Each(c, &s.used, maxTools, func(u *toolUse) {
		c.U64(&u.key)
		for _, v := range []*uint32{&u.hash, &u.calls, &u.failed, &u.streak, &u.worst} {
			c.U32(v)
		}
		c.I64(&u.since)
	})
	codec.Each(c, &s.models, maxModels, func(m *uint32) { c.U32(m) })
	c.F32(&s.novelMax)
	c.F32(&s.effectMax)
	c.U8(&s.tainted)
}

func describeTime(c *codec.Codec, t *time.Time) {
	ns := t.UnixNano()
	c.I64(&ns)
	*t = time.Unix(0, ns).UTC()
}

func (i *Incident) describe(c *codec.Codec) {
	a := &i.alert
	c.I64(&i.last)
	c.I64(&i.touched)
	c.F64(&i.reported)
	typ := string(a.Type)
	for _, v := range []*string{&typ, &a.Key, &a.Rule, &a.Message, &a.Tenant, &a.Project, &a.Agent, &a.Session, &a.Principal, &a.Service} {
		c.Str(v)
	}
	a.Type = Type(typ)
	severity := uint8(a.Severity)
	c.U8(&severity)
	a.Severity = Severity(severity)
	describeTime(c, &a.Began)
	describeTime(c, &a.At)
	c.Raw(a.TraceID[:])
	c.Raw(a.SpanID[:])
	codec.Each(c, &a.Traces, maxTraces, func(t *[16]byte) { c.Raw(t[:]) })
	for _, n := range []*Number{&a.Observed, &a.Expected, &a.Limit, &a.P, &a.Maturity} {
		c.F64(&n.V)
		c.Bool(&n.Known)
	}
	count := uint64(a.Count)
	c.U64(&count)
	a.Count = int(count & (1<<62 - 1))
	if !slices.Contains(Types(), a.Type) || a.Severity < Info || a.Severity > Critical {
		c.Fail()
	}
}
