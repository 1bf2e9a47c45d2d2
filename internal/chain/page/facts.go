// Package page writes what an auditor is shown of one delegation chain, as text
// and as one self-contained HTML file with the graph drawn. It is a pure
// function of a chain.Page.
package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// section is a heading and its lines.
type section struct {
	Title string
	Lines []entry
}

// entry is one statement with the span that it rests on.
type entry struct {
	Text     string
	Evidence string
	// Bad marks what is wrong, Unknown what is not known.
	Bad, Unknown bool
}

// sections puts a chain into the order in which an auditor asks.
func sections(p *chain.Page) []section {
	return []section{
		{"Verdict", verdict(p)},
		{"Who", who(p)},
		{"Asked whom", asked(p)},
		{"Who authorised each hop, with which limits", hops(p)},
		{"What was done", done(p)},
		{"Were the limits respected", limits(p)},
		{"What we cannot know", unknown(p)},
		{"Integrity", integrity(p)},
	}
}

func verdict(p *chain.Page) []entry {
	c := &p.Chain
	good := c.Verdict == chain.Unbroken
	out := make([]entry, 0, 1+len(p.Findings))
	out = append(out, entry{
		Text: fmt.Sprintf("%s (%s, revision %d)", c.Verdict, c.State, c.Revision), Evidence: c.Root.String(),
		Bad: !good && c.Verdict != chain.UnbrokenUnverified, Unknown: c.Verdict == chain.UnbrokenUnverified,
	})
	for _, f := range p.Findings {
		out = append(out, entry{
			Text: fmt.Sprintf("%s [%s] %s", f.Type, f.Severity, f.Message), Evidence: f.Accused.String(),
			Bad: f.Severity == chain.High || f.Severity == chain.Critical, Unknown: f.Severity == chain.Warning,
		})
	}
	return out
}

func person(p chain.Principal) string {
	if p.ID == "" {
		return "nobody is known"
	}
	return p.String() + " (" + string(p.Grade) + ")"
}

func who(p *chain.Page) []entry {
	c := &p.Chain
	out := []entry{{Text: person(c.Principal), Evidence: c.Root.String(), Unknown: c.Principal.ID == ""}}
	for _, s := range c.Segments {
		if s.Root != c.Root {
			out = append(out, entry{Text: "from here on " + person(s.Principal) + " answers", Evidence: s.Root.String()})
		}
	}
	return out
}

func name(agent, version string) string {
	if agent == "" {
		agent = "an agent without a name"
	}
	if version != "" {
		agent += " " + version
	}
	return agent
}

func asked(p *chain.Page) []entry {
	out := make([]entry, 0, len(p.Runs))
	for i := range p.Runs {
		r := &p.Runs[i]
		depth := "depth unknown"
		if r.Depth >= 0 {
			depth = fmt.Sprintf("depth %d", r.Depth)
		}
		text := fmt.Sprintf("%s, %s, %s", name(r.Agent, r.Version), depth, span(r.Start, r.End))
		if r.Workload != "" {
			text += ", as " + r.Workload
		}
		if r.Principal.ID != "" && r.Principal != p.Chain.Principal {
			text += ", for " + person(r.Principal)
		}
		out = append(out, entry{Text: text + codes(r.Codes), Evidence: r.Run.String(), Unknown: r.Depth < 0, Bad: serious(r.Codes)})
	}
	return out
}

func codes(cs []chain.Code) string {
	if len(cs) == 0 {
		return ""
	}
	var out []string
	for _, c := range cs {
		out = append(out, string(c))
	}
	return " [" + strings.Join(out, ", ") + "]"
}

func serious(cs []chain.Code) bool {
	return slices.ContainsFunc(cs, func(c chain.Code) bool { return c.Severity() == chain.High || c.Severity() == chain.Critical })
}

func stamp(ns int64) string {
	if ns == 0 {
		return "open"
	}
	return chain.Time(ns).Format("2006-01-02T15:04:05.000Z")
}

func span(from, to int64) string {
	if to == 0 {
		return "since " + stamp(from)
	}
	return stamp(from) + " for " + time.Duration(to-from).Round(time.Millisecond).String()
}

func hops(p *chain.Page) []entry {
	var out []entry
	for i := range p.Edges {
		e := &p.Edges[i]
		evidence := e.DelegatingSpan
		if evidence.IsZero() {
			if evidence = e.Linked; evidence.IsZero() {
				evidence = e.To
			}
		}
		out = append(out, entry{
			Text: hop(e) + codes(e.Codes), Evidence: evidence.String(), Bad: serious(e.Codes),
			Unknown: !e.Authority && e.Kind != chain.Join && e.Kind != chain.Reauthorise,
		})
	}
	if len(out) == 0 {
		out = append(out, entry{Text: "nothing was delegated"})
	}
	return out
}

func hop(e *chain.EdgeView) string {
	from := e.Delegator
	if from == "" {
		from = "unknown"
	}
	parts := []string{fmt.Sprintf("%s → %s: %s, %s", from, name(e.Delegatee, ""), e.Kind, e.Grade)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case e.Kind == chain.Join:
		add("carries data, no authority")
	case e.Kind == chain.Reauthorise:
		add("another principal takes over")
	case !e.Authority:
		add("carries no authority")
	case e.DelegationID != "":
		add("grant %s (%s)", e.DelegationID, e.Source)
	case e.Source == "standing":
		add("standing right in the registry")
	}
	if e.GrantedBy != "" {
		add("granted by %s", e.GrantedBy)
	}
	if e.ApprovedBy != "" {
		add("approved by %s", e.ApprovedBy)
	}
	if e.Purpose != "" {
		add("for %q", e.Purpose)
	}
	if len(e.Scope) > 0 {
		add("may: %s", strings.Join(e.Scope, ", "))
	}
	if e.Constraints != "" {
		add("within %s", e.Constraints)
	}
	if e.NotBefore != 0 || e.ExpiresAt != 0 {
		add("valid %s to %s", stamp(e.NotBefore), stamp(e.ExpiresAt))
	}
	if e.RevokedAt != 0 {
		add("revoked %s", stamp(e.RevokedAt))
	}
	if e.MaxDepth.Known {
		add("%d more hops", e.MaxDepth.N)
	}
	return strings.Join(parts, "; ")
}

func done(p *chain.Page) []entry {
	var out []entry
	for i := range p.Actions {
		a := &p.Actions[i]
		parts := []string{stamp(a.Start), name(a.Agent, "") + ":", a.Tool}
		for _, s := range []struct{ label, value string }{
			{"on", a.Resource}, {"by decision", a.DecisionID}, {"by approval", a.ApprovalID}, {"rule", a.Rule}, {"under", strings.Join(a.Path, " / ")},
		} {
			if s.value != "" {
				parts = append(parts, s.label, s.value)
			}
		}
		out = append(out, entry{Text: strings.Join(parts, " "), Evidence: a.Span.String()})
	}
	if len(out) == 0 {
		out = append(out, entry{Text: "no tool call was seen"})
	}
	return out
}

func limits(p *chain.Page) []entry {
	var out []entry
	for i := range p.Actions {
		a := &p.Actions[i]
		text := fmt.Sprintf("%s by %s: own entry %s, authority above %s", a.Tool, name(a.Agent, ""), a.Boundary, a.Authority)
		if len(a.RefusedBy) > 0 {
			text += ", refused by " + strings.Join(a.RefusedBy, ", ")
		}
		if a.Why != "" {
			text += ": " + a.Why
		}
		if a.Note != "" {
			text += " (" + a.Note + ")"
		}
		out = append(out, entry{
			Text: text + codes(a.Codes), Evidence: a.Span.String(), Bad: serious(a.Codes),
			Unknown: a.Authority != chain.AuthorityRespected || a.Boundary != chain.BoundaryRespected,
		})
	}
	if len(out) == 0 {
		out = append(out, entry{Text: "there was nothing to hold against a limit"})
	}
	return out
}

func unknown(p *chain.Page) []entry {
	var out []entry
	for _, m := range p.Chain.Missing {
		out = append(out, entry{Text: m, Evidence: p.Chain.Root.String(), Unknown: true})
	}
	for i := range p.Edges {
		if e := &p.Edges[i]; e.Grade != chain.Verified && e.Kind != chain.Join {
			out = append(out, entry{
				Text:     fmt.Sprintf("%s → %s is %s: nobody has checked it", orUnknown(e.Delegator), e.Delegatee, e.Grade),
				Evidence: e.To.String(), Unknown: true,
			})
		}
	}
	for i := range p.Runs {
		if r := &p.Runs[i]; r.DroppedLinks > 0 {
			out = append(out, entry{Text: fmt.Sprintf("%d links of %s were lost by the sender", r.DroppedLinks, r.Agent), Evidence: r.Run.String(), Unknown: true})
		}
	}
	if len(out) == 0 {
		out = append(out, entry{Text: "nothing that the evidence itself shows; what sent no span at all is not seen"})
	}
	return out
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func integrity(p *chain.Page) []entry {
	c := &p.Chain
	out := []entry{{Text: "chain " + c.ID}}
	for _, v := range p.PolicyVersions {
		out = append(out, entry{Text: "judged under policy " + v})
	}
	for _, r := range p.Revisions {
		out = append(out, entry{Text: fmt.Sprintf("revision %d of %s: %s, digest %s", r.Number, stamp(r.At), r.Verdict, r.Digest)})
	}
	if len(p.Revisions) == 0 {
		out = append(out, entry{Text: "not settled yet: more may come", Unknown: true})
	}
	return out
}
