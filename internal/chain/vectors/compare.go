package vectors

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// line writes keys and values in one form for both sides. Empty values are left
// out.
func line(kv ...string) string {
	var b strings.Builder
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(kv[i])
		b.WriteString(": ")
		b.WriteString(kv[i+1])
	}
	return b.String()
}

func (w *world) name(r chain.Ref) string {
	if r.IsZero() {
		return ""
	}
	if n, ok := w.in.names[r]; ok {
		return n
	}
	return r.String()
}

func (w *world) names(rs []chain.Ref) string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, w.name(r))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func depthText(d int) string {
	if d < 0 {
		return "null"
	}
	return strconv.Itoa(d)
}

func depthPtr(d *int) string {
	if d == nil {
		return "null"
	}
	return strconv.Itoa(*d)
}

func principalText(p chain.Principal) string {
	if p.ID == "" {
		return "nobody/" + string(p.Grade)
	}
	return p.String() + "/" + string(p.Grade)
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// compare returns every difference between what is expected and what is.
func (w *world) compare(x *Expect, before map[string]int) []string {
	if x == nil {
		return nil
	}
	pages := w.e.Pages()
	var diffs []string
	add := func(what string, want, got []string) { diffs = append(diffs, difference(what, want, got)...) }
	add("run", expRuns(x), w.gotRuns(pages))
	add("edge", expEdges(x), w.gotEdges(pages))
	add("action", expActions(x), w.gotActions(pages))
	add("chain", expChains(x), w.gotChains(x, pages))
	var want []string
	for _, f := range x.Findings {
		want = append(want, line("type", f.Type, "accused", f.Accused, "severity", f.Severity))
	}
	var got []string
	for _, f := range w.firing {
		if f.Severity != chain.Info {
			got = append(got, line("type", f.Type, "accused", w.name(f.Accused), "severity", string(f.Severity)))
		}
	}
	add("finding", want, got)
	if x.Resolved != nil {
		add("resolved finding", resolved(x), ended(before, w.fired()))
	}
	return diffs
}

func resolved(x *Expect) []string {
	out := make([]string, 0, len(x.Resolved))
	for _, f := range x.Resolved {
		out = append(out, line("type", f.Type, "accused", f.Accused))
	}
	return out
}

func ended(before, now map[string]int) []string {
	var out []string
	for f, n := range before {
		for range n - now[f] {
			out = append(out, f)
		}
	}
	return out
}

// difference compares two lists without regard to order.
func difference(what string, want, got []string) []string {
	count := map[string]int{}
	for _, s := range want {
		count[s]++
	}
	for _, s := range got {
		count[s]--
	}
	var out []string
	for _, s := range slices.Sorted(maps.Keys(count)) {
		switch n := count[s]; {
		case n > 0:
			out = append(out, fmt.Sprintf("missing %s: {%s}", what, s))
		case n < 0:
			out = append(out, fmt.Sprintf("unexpected %s: {%s}", what, s))
		}
	}
	return out
}

func expRuns(x *Expect) (out []string) {
	for _, r := range x.Runs {
		d := "none"
		if r.Delegation != nil {
			d = orNull(val(r.Delegation.ID)) + "/" + orNull(val(r.Delegation.Delegator)) + "/" + r.Delegation.Grade
		}
		out = append(out, line("run", r.Run, "agent", r.Agent, "depth", depthPtr(r.Depth), "principal", principalText(r.Principal.chain()), "delegation", d))
	}
	return out
}

func (w *world) gotRuns(ps []chain.Page) (out []string) {
	for i := range ps {
		for _, r := range ps[i].Runs {
			d := "none"
			if r.Delegation != nil {
				d = orNull(r.Delegation.ID) + "/" + orNull(r.Delegation.Delegator) + "/" + string(r.Delegation.Grade)
			}
			out = append(out, line("run", w.name(r.Run), "agent", r.Agent, "depth", depthText(r.Depth), "principal", principalText(r.Principal), "delegation", d))
		}
	}
	return out
}

func expEdges(x *Expect) (out []string) {
	for _, e := range x.Edges {
		out = append(out, line("from", e.From, "to", e.To, "kind", e.Kind, "grade", e.Grade, "delegation_id", e.DelegationID,
			"delegating_span", e.Span, "authority", strconv.FormatBool(e.Authority == nil || *e.Authority)))
	}
	return out
}

func (w *world) gotEdges(ps []chain.Page) (out []string) {
	for i := range ps {
		for _, e := range ps[i].Edges {
			from := w.name(e.From)
			if from == "" {
				from = "unresolved"
			}
			out = append(out, line("from", from, "to", w.name(e.To), "kind", string(e.Kind), "grade", string(e.Grade),
				"delegation_id", e.DelegationID, "delegating_span", w.name(e.DelegatingSpan), "authority", strconv.FormatBool(e.Authority)))
		}
	}
	return out
}

func expActions(x *Expect) (out []string) {
	for _, a := range x.Actions {
		same := slices.Sorted(slices.Values(a.Same))
		out = append(out, line("span", a.Span, "boundary", a.Boundary, "authority", a.Authority, "reasons", strings.Join(a.Reasons, " "),
			"refused_by", strings.Join(a.RefusedBy, " "), "note", a.Note, "same_action", strings.Join(same, " ")))
	}
	return out
}

func codes(cs []chain.Code) string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, string(c))
	}
	return strings.Join(out, " ")
}

func (w *world) gotActions(ps []chain.Page) (out []string) {
	for i := range ps {
		for _, a := range ps[i].Actions {
			out = append(out, line("span", w.name(a.Span), "boundary", string(a.Boundary), "authority", string(a.Authority), "reasons", codes(a.Codes),
				"refused_by", strings.Join(a.RefusedBy, " "), "note", a.Note, "same_action", w.names(a.Same)))
		}
	}
	return out
}

func segmentText(root, principal string) string { return root + "=" + principal }

func expChains(x *Expect) (out []string) {
	for _, c := range x.Chains {
		segs := make([]string, 0, len(c.Segments))
		for _, s := range c.Segments {
			segs = append(segs, segmentText(s.Root, principalText(s.Principal.chain())))
		}
		rev, sup := "", ""
		if c.Revision != nil {
			rev = strconv.Itoa(*c.Revision)
		}
		if c.Supersedes != nil {
			sup = strconv.Itoa(*c.Supersedes)
		}
		out = append(out, line("id", c.ID, "root", c.Root, "resolved", strconv.FormatBool(c.RootResolved == nil || *c.RootResolved),
			"principal", principalText(c.Principal.chain()), "grade", orNull(val(c.Grade)), "depth", depthPtr(c.Depth), "verdict", c.Verdict,
			"reasons", strings.Join(c.Reasons, " "), "segments", strings.Join(segs, " "), "revision", rev, "supersedes", sup))
	}
	return out
}

// gotChains writes revision, supersedes and segments only where the expectation
// of that chain does.
func (w *world) gotChains(x *Expect, ps []chain.Page) (out []string) {
	want := map[string]expChain{}
	for _, c := range x.Chains {
		want[c.ID] = c
	}
	for i := range ps {
		c := &ps[i].Chain
		segs := make([]string, 0, len(c.Segments))
		for _, s := range c.Segments {
			segs = append(segs, segmentText(w.name(s.Root), principalText(s.Principal)))
		}
		rev, sup := "", ""
		if want[c.ID].Revision != nil {
			rev = strconv.Itoa(c.Revision)
		}
		if want[c.ID].Supersedes != nil {
			sup = strconv.Itoa(c.Supersedes)
		}
		if want[c.ID].Segments == nil {
			segs = nil
		}
		out = append(out, line("id", c.ID, "root", w.name(c.Root), "resolved", strconv.FormatBool(c.RootResolved),
			"principal", principalText(c.Principal), "grade", orNull(string(c.Grade)), "depth", depthText(c.Depth), "verdict", string(c.Verdict),
			"reasons", codes(c.Reasons), "segments", strings.Join(segs, " "), "revision", rev, "supersedes", sup))
	}
	return out
}
