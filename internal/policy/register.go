package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
	"unicode/utf8"
)

// Entry is what a register of agents says of one: who answers for it, what it is
// for, and who let it have its rights. None of it decides anything.
type Entry struct {
	Agent, Owner, Purpose string
	// RiskTier is low, medium, high or critical; "" where nobody said.
	RiskTier string
	// Versions are the patterns of versions that the entry holds for, nil for all.
	Versions []string
	// Scopes are what allow and ask rules give, each "tool:operation", where * is any.
	// They are in the order of the rules, and at most 256; ScopesCut says that there
	// are more.
	Scopes    []string
	ScopesCut bool
	Change    ChangeRecord
	// From and Until bound the time in which the entry holds; zero is open.
	From, Until time.Time
	// Digest is SHA-256 over the entry with every default written out.
	Digest string
}

// ChangeRecord says by which change an entry came to be as it is. What nobody
// said is empty.
type ChangeRecord struct {
	Ticket, RequestedBy, ApprovedBy string
	ApprovedAt                      time.Time
	// Version is the agent's version that was approved; "" is any.
	Version string
}

const (
	maxRegisterScopes = 256
	maxRegisterText   = 1000 // runes of purpose, and of anything in change
)

var riskTiers = []string{"low", "medium", "high", "critical"}

// Register returns what the registry says of its agents, in the order of their ids.
func (r *Registry) Register() []Entry {
	out := make([]Entry, 0, len(r.ordered))
	for _, a := range r.Agents() {
		sum := sha256.Sum256(canonicalJSON(nil, a.resolved))
		e := Entry{
			Agent: a.id, Owner: a.owner, Purpose: a.purpose, RiskTier: a.riskTier, Change: a.change, From: a.from, Until: a.until,
			Digest: "sha256:" + hex.EncodeToString(sum[:]),
		}
		if agent, ok := a.resolved["agent"].(map[string]any); ok {
			written, _ := agent["versions"].([]any)
			for _, v := range written {
				if s, ok := v.(string); ok {
					e.Versions = append(e.Versions, s)
				}
			}
		}
		e.Scopes, e.ScopesCut = a.scopes()
		out = append(out, e)
	}
	return out
}

func (a *Agent) scopes() (out []string, cut bool) {
	for _, r := range a.rules {
		if r.list == inDeny {
			continue
		}
		tool := "*"
		if r.tool != nil {
			tool = r.tool.source
		}
		for _, op := range r.operations.orAny() {
			s := tool + ":" + op
			if slices.Contains(out, s) {
				continue
			}
			if len(out) == maxRegisterScopes {
				return out, true
			}
			out = append(out, s)
		}
	}
	return out, false
}

// orAny returns the names of the operations, "*" where a rule names none.
func (s opSet) orAny() (out []string) {
	for i, name := range operationNames {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	if out == nil {
		return []string{"*"}
	}
	return out
}

// change reads who let the agent have what the entry gives.
func (d *reader) change(n node) (c ChangeRecord) {
	o, _ := d.object(n, []string{"ticket", "requested_by", "approved_by", "approved_at", "version"})
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "ticket":
			c.Ticket = d.short(v)
		case "requested_by":
			c.RequestedBy = d.short(v)
		case "approved_by":
			c.ApprovedBy = d.short(v)
		case "approved_at":
			c.ApprovedAt = d.instant(v)
		case "version":
			c.Version = d.short(v)
		}
	}
	_, by := o.get("approved_by")
	at, when := o.get("approved_at")
	switch {
	case by && !when:
		d.fail(o.node, "approved_by without approved_at: say when")
	case when && !by:
		d.fail(at, "approved_at without approved_by: say who")
	}
	return c
}

// short reads a text that fits a report.
func (d *reader) short(n node) string {
	s := d.text(n)
	if c := utf8.RuneCountInString(s); c > maxRegisterText {
		d.fail(n, "has %d characters, want at most %d", c, maxRegisterText)
	}
	return s
}
