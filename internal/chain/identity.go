package chain

import "slices"

// identity lists who used one agent id from where, or one credential as whom.
type identity struct {
	uses []use
	// mixed is true once the uses differ; most never do.
	mixed bool
}

// use is one run that used an identity; who is the workload or the agent.
type use struct {
	ref        Ref
	start, end int64
	who        string
}

const maxUses = 4096

func (e *Engine) identify(now int64, t *trace, rec *Record) {
	if rec.Agent == "" || rec.Run == nil {
		return
	}
	if rec.Run.Workload != "" {
		e.use(now, e.workloads, rec.Tenant+"\x00"+rec.Agent, t, rec, rec.Run.Workload)
	}
	if rec.Run.Credential != "" {
		e.use(now, e.tokens, rec.Tenant+"\x00"+rec.Run.Credential, t, rec, rec.Agent)
	}
}

func (e *Engine) use(now int64, m map[string]*identity, key string, t *trace, rec *Record, who string) {
	id := m[key]
	if id == nil {
		if len(m) >= e.opts.Limits.Keys {
			e.Stats.KeysEvicted++
			return
		}
		id = &identity{}
		m[key] = id
	}
	who = e.intern(who)
	for k := range id.uses {
		o := &id.uses[k]
		if o.who != who {
			id.mixed = true
			if ot := e.traces[o.ref.Trace]; ot != nil && ot.group != t.group {
				e.touch(now, ot.group)
			}
		} else if !id.mixed {
			break // all earlier uses are alike
		}
	}
	if len(id.uses) >= maxUses {
		id.uses = slices.Delete(id.uses, 0, 1) // the oldest is the least likely to overlap
	}
	id.uses = append(id.uses, use{rec.Ref, rec.Start, rec.End, who})
}

// intern returns a copy of s that shares no memory with records. Names repeat.
func (e *Engine) intern(s string) string {
	if k, ok := e.names[s]; ok {
		return k
	}
	if len(e.names) >= e.opts.Limits.Keys {
		clear(e.names)
	}
	k := string([]byte(s))
	e.names[k] = k
	return k
}

func (e *Engine) dropIdentity(rec *Record) {
	drop := func(m map[string]*identity, key string) {
		id := m[key]
		if id == nil {
			return
		}
		if i := slices.IndexFunc(id.uses, func(u use) bool { return u.ref == rec.Ref }); i >= 0 {
			if id.uses = slices.Delete(id.uses, i, i+1); len(id.uses) == 0 {
				delete(m, key)
			}
		}
	}
	drop(e.workloads, rec.Tenant+"\x00"+rec.Agent)
	drop(e.tokens, rec.Tenant+"\x00"+rec.Run.Credential)
}

// shared says why a run shares an identity, "" if it does not: an earlier run
// uses the same agent id from another workload at the same time, or the same
// credential as another agent; or a checked token names another agent.
func (e *Engine) shared(rec *Record) string {
	if rec.Run.Token != "" && rec.Agent != "" && rec.Run.Token != rec.Agent {
		return "the token names " + rec.Run.Token
	}
	own := use{rec.Ref, rec.Start, rec.End, rec.Run.Workload}
	if id := e.workloads[rec.Tenant+"\x00"+rec.Agent]; id != nil && id.mixed && own.who != "" {
		for k := range id.uses {
			if o := &id.uses[k]; o.who != own.who && overlap(o, &own) && o.before(&own) {
				return "the agent also runs as another workload"
			}
		}
	}
	if id := e.tokens[rec.Tenant+"\x00"+rec.Run.Credential]; id != nil && id.mixed && rec.Run.Credential != "" {
		for k := range id.uses {
			if o := &id.uses[k]; o.who != rec.Agent && o.before(&own) {
				return "the credential is also used by another agent"
			}
		}
	}
	return ""
}

func overlap(a, b *use) bool {
	return (b.end == 0 || a.start <= b.end) && (a.end == 0 || b.start <= a.end)
}

func (u *use) before(o *use) bool {
	if u.start != o.start {
		return u.start < o.start
	}
	return u.ref.Compare(o.ref) < 0
}

// earlier reports whether a span began before another; ids decide between equals.
func earlier(a, b *Record) bool {
	if a.Start != b.Start {
		return a.Start < b.Start
	}
	return a.Ref.Compare(b.Ref) < 0
}
