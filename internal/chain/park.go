package chain

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// parkTasks is how long a task that was asked for and not answered may be waited
// for.
const parkTasks = 7 * 24 * time.Hour

// park offers a settled chain to the storage if something may still want it: a
// grant that has not expired, or a task that nobody has answered.
func (e *Engine) park(now int64, g *group) {
	var keys []string
	until := int64(0)
	for _, t := range g.traces {
		for i := range t.nodes {
			if t.nodes[i].size == 0 {
				continue
			}
			rec := e.peek(t, int32(i))
			for _, id := range mentioned(rec) {
				if gr := e.grants[strTail(id)]; id[0] == 'g' && gr != nil && gr.ExpiresAt > now && gr.RevokedAt == 0 {
					keys, until = append(keys, id), max(until, gr.ExpiresAt)
				}
			}
			for _, k := range rec.Asked {
				if jt := e.joints[rec.Tenant+"\x00"+k]; jt != nil && len(jt.answers) == 0 && rec.Role != Opens {
					keys, until = append(keys, "k:"+k), max(until, now+int64(parkTasks))
				}
			}
		}
	}
	if until == 0 {
		return
	}
	for _, t := range g.traces {
		keys = append(keys, "t:"+string(t.id[:]))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(e.parked)+len(keys) > e.opts.Limits.Keys {
		e.Stats.KeysEvicted++
		return
	}
	slices.SortFunc(g.traces, func(a, b *trace) int { return bytes.Compare(a.id[:], b.id[:]) })
	name := ChainID(Ref{Trace: g.traces[0].id})
	w := enc{}
	w.s(partFormat)
	w.group(g)
	p := &Parked{Name: name, Keys: keys, Until: until, Data: w.b}
	for _, c := range g.chains {
		p.Chains = append(p.Chains, c.id)
	}
	for _, k := range keys {
		e.parked[string([]byte(k))] = name
	}
	e.Stats.Parked++
	e.pending = append(e.pending, Event{Type: ChainParked, Parked: p})
}

func strTail(id string) string { return id[2:] }

// want asks for a parked chain, once.
func (e *Engine) want(key string) {
	name := e.parked[key]
	if name == "" {
		return
	}
	for k, n := range e.parked {
		if n == name {
			delete(e.parked, k)
		}
	}
	e.pending = append(e.pending, Event{Type: Wanted, Parked: &Parked{Name: name, Keys: []string{key}}})
}

// Unpark takes back a parked chain, as the storage kept it.
func (e *Engine) Unpark(now int64, data []byte) error {
	d := &dec{b: bytes.Clone(data)}
	if f := d.s(); f != partFormat {
		return fmt.Errorf("parked chain: format %q is not %q", f, partFormat)
	}
	e.restoreGroup(max(now, 1), d)
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("parked chain: %w", d.err)
	}
	return nil
}
