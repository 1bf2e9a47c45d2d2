package baselineprocessor

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
)

const (
	// maxWaitingText bounds the content of an action that waits.
	maxWaitingText = 4096
	// longestWait is when an action is nobody's but its service's.
	longestWait = time.Minute
	// servicePrefix begins what stands in for the agent then.
	servicePrefix = "service "
)

// waiting holds actions whose agent is not known yet: a child span arrives before
// its parent. Oldest go first when it is full.
type waiting struct {
	actions map[[16]byte]*waiter
	order   [][16]byte
	most    int
	evicted int64
}

type waiter struct {
	engine.Action
	since time.Time
}

func newWaiting(most int) *waiting {
	return &waiting{actions: map[[16]byte]*waiter{}, most: most}
}

// add keeps a copy that shares nothing with the span.
func (w *waiting) add(a *engine.Action, now time.Time) {
	if _, known := w.actions[a.ID]; known {
		return
	}
	for len(w.actions) >= w.most && len(w.order) > 0 {
		if _, there := w.actions[w.order[0]]; there {
			delete(w.actions, w.order[0])
			w.evicted++
		}
		w.order = w.order[1:]
	}
	c := *a
	for _, s := range []*string{
		&c.Tenant, &c.Project, &c.Agent, &c.Session, &c.Principal, &c.Service, &c.Tool, &c.Operation, &c.Resource, &c.Model, &c.Error,
	} {
		*s = strings.Clone(*s)
	}
	for _, s := range []*string{&c.Arguments, &c.Result, &c.Prompt, &c.Message} {
		if len(*s) > maxWaitingText {
			*s = ""
		}
		*s = strings.Clone(*s)
	}
	w.actions[c.ID] = &waiter{c, now}
	w.order = append(w.order, c.ID)
	if len(w.order) > 2*w.most { // ids of actions that were taken
		kept := make([][16]byte, 0, len(w.actions))
		for _, id := range w.order {
			if _, there := w.actions[id]; there {
				kept = append(kept, id)
			}
		}
		w.order = kept
	}
}

// take returns the action whose agent became known, or nil.
func (w *waiting) take(id [16]byte, agent, session, principal string) *engine.Action {
	a := w.actions[id]
	if a == nil || agent == "" {
		return nil
	}
	delete(w.actions, id)
	a.Agent = strings.Clone(agent)
	if session != "" {
		a.Session = strings.Clone(session)
	}
	if principal != "" {
		a.Principal = strings.Clone(principal)
	}
	return &a.Action
}

// due takes the actions that waited long enough, in the order of time. They are
// their service's: many applications call models without being an agent.
func (w *waiting) due(now time.Time) []*engine.Action {
	var out []*engine.Action
	for id, a := range w.actions {
		if now.Sub(a.since) < longestWait {
			continue
		}
		delete(w.actions, id)
		a.Agent = servicePrefix + a.Service
		out = append(out, &a.Action)
	}
	slices.SortFunc(out, func(a, b *engine.Action) int {
		return cmp.Or(a.End.Compare(b.End), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// settled calls visit with every attribution that the item made known: found by
// this processor, or by a genai processor in front of it.
func settled(item *genai.Item, visit func(id [16]byte, agent, session, principal string)) {
	for i := range item.Settled {
		at := &item.Settled[i]
		visit(at.ActionID, at.Agent.ID, at.Session, at.Principal.ID)
	}
	if !item.Action.Canonical {
		return
	}
	for _, ev := range item.Span.Events().All() {
		if ev.Name() != attr.AttributionEvent {
			continue
		}
		var id [16]byte
		raw, _ := text(ev.Attributes(), attr.AttributionAction)
		if len(raw) != 2*len(id) {
			continue // not written by our genai processor
		}
		if _, err := hex.Decode(id[:], []byte(raw)); err != nil {
			continue
		}
		agent, _ := text(ev.Attributes(), attr.AgentID)
		session, _ := text(ev.Attributes(), attr.SessionID)
		principal, _ := text(ev.Attributes(), attr.PrincipalID)
		visit(id, agent, session, principal)
	}
}
