package genai

import "strings"

// attribute gives a span the agent, session, project and principal of the
// nearest ancestor that states them. A span whose chain breaks off waits for the
// missing ancestor.
func (m *Memory) attribute(it *Item) {
	n, a := it.node, &it.Action
	if n == nil || a.Canonical {
		return
	}
	f, missing := m.inherit(n)
	if a.Kind == KindAgent {
		a.Inherited = inherited(n, &f)
	}
	a.Agent = f.agent
	a.Session = f.session
	a.Principal = f.person
	if a.Project == "" {
		a.Project = m.projectOf(n)
	}
	if isCall(a.SpanKind) && a.RequestModel == "" && a.ResponseModel == "" {
		if a.RequestModel = m.modelOf(n); a.RequestModel != "" && a.Provider == "" {
			a.Provider, _ = providerOfModel(a.RequestModel)
		}
	}
	if n.batch == m.tick {
		n.sent = m.heldAs(n, &f)
		if missing != nil && !f.complete() {
			m.wait(missing, n.key)
		}
	}
	if a.Agent.ID == "" {
		a.Agent = it.main
	}
}

func inherited(n *node, f *facts) (in Inherited) {
	if n.said.agent != f.agent {
		in |= InheritedAgent
	}
	if n.said.session != f.session {
		in |= InheritedSession
	}
	if n.said.person.ID != f.person.ID {
		in |= InheritedPrincipal
	}
	return in
}

// heldAs returns f to be held: mostly it is what the span says itself.
func (m *Memory) heldAs(n *node, f *facts) *facts {
	if *f == *n.said {
		return n.said
	}
	return m.hold(*f)
}

func (f *facts) complete() bool {
	return f.agent.ID != "" && f.session != "" && f.person.ID != ""
}

// inherit collects facts from a span upwards. missing is the key of the first
// ancestor that has not been seen.
func (m *Memory) inherit(n *node) (f facts, missing *spanKey) {
	f = *n.said
	for at, depth := n, 0; !f.complete() && depth < maxDepth; depth++ {
		if at.root {
			return f, nil
		}
		p := m.nodes[at.parent]
		if p == nil || !p.seen {
			return f, &at.parent
		}
		if p.tenant != n.tenant {
			return f, nil // nothing crosses from one tenant to another
		}
		if f.agent.ID == "" {
			f.agent = p.said.agent
		}
		if f.session == "" {
			f.session = p.said.session
		}
		if f.person.ID == "" && p.said.person.ID != "" {
			f.person = p.said.person
		}
		at = p
	}
	return f, nil
}

func (m *Memory) projectOf(n *node) string {
	for depth := 0; n != nil && depth < maxDepth; depth++ {
		if n.project != "" {
			return n.project
		}
		n = m.parentOf(n)
	}
	return ""
}

// modelOf finds the model of a call whose own span does not name it, as Codex
// leaves it to the request above.
func (m *Memory) modelOf(n *node) string {
	for depth := 0; n != nil && depth < maxDepth; depth++ {
		if n.model != "" {
			return n.model
		}
		n = m.parentOf(n)
	}
	return ""
}

func (m *Memory) wait(on *spanKey, who spanKey) {
	p := m.place(*on)
	if len(p.waiting) >= m.limits.Waiting {
		m.Stats.WaitingRefused++
		return
	}
	p.waiting = append(p.waiting, who)
}

// settle tells what a span's arrival made known about spans that left before. A
// span that is sent again repeats what it told.
func (m *Memory) settle(it *Item) {
	n := it.node
	if n == nil || len(n.waiting) == 0 {
		return
	}
	for _, k := range n.waiting {
		w := m.nodes[k]
		if w == nil || !w.seen || w.tenant != n.tenant {
			continue
		}
		f, missing := m.inherit(w)
		if w.sent == nil || f != *w.sent {
			w.sent, w.settledBy = m.heldAs(w, &f), n.key
			m.Stats.Settled++
		}
		if w.settledBy == n.key {
			it.Settled = append(it.Settled, Attribution{
				ActionID: w.actionID, TraceID: k.trace, SpanID: k.span,
				Agent: f.agent, Session: f.session, Principal: f.person,
			})
		}
		if missing != nil && !f.complete() && n.batch == m.tick && *missing != n.key {
			m.wait(missing, k)
		}
	}
}

// baseTool is a tool's name without its server.
func baseTool(name string) string {
	if rest, ok := strings.CutPrefix(name, "mcp/"); ok {
		if _, tool, ok := strings.Cut(rest, "/"); ok {
			return tool
		}
	}
	return name
}
