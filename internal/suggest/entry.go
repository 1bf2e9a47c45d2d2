package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NoOwner stands where no owner was named.
const NoOwner = "user:nobody@example.invalid"

// writer writes YAML line by line.
type writer struct{ b strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// quoted writes a text between double quotes. What Go escapes there, YAML reads
// alike.
func quoted(s string) string { return strconv.Quote(strings.ToValidUTF8(s, "?")) }

func list(items []string) string {
	q := make([]string, len(items))
	for i, s := range items {
		q[i] = quoted(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

// Entry returns a document of kind AgentPermissions. It loads, and it allows every
// action in Observed whose facts are all known.
func Entry(o *Observed, opts Options) []byte {
	w := &writer{}
	w.line("# What agent %s was seen to do from %s to %s: %d actions.", quoted(o.Agent), o.From.UTC().Format(time.RFC3339), o.Until.UTC().Format(time.RFC3339), o.Actions)
	w.line("# It allows that and nothing else. Read it, take out what the agent should not do, and say what could not be")
	w.line("# seen; then check it with `spanwarden policy check`.")
	w.line("apiVersion: spanwarden/v1alpha1")
	w.line("kind: AgentPermissions")
	w.line("metadata: {name: %s}", quoted(o.Agent))
	w.line("spec:")
	w.agent(o)
	if opts.Owner == "" {
		w.line("  owner: %s # TODO: the person who answers for it", quoted(NoOwner))
	} else {
		w.line("  owner: %s", quoted(opts.Owner))
	}
	w.line("  mode: %s # shadow records and alerts nobody; then warn, then enforce", cmp.Or(opts.Mode, "shadow"))
	w.principals(o)
	w.allow(o)
	w.models(o)
	w.delegation(o)
	w.notSeen(o)
	return []byte(w.b.String())
}

func (w *writer) agent(o *Observed) {
	w.line("  agent:")
	w.line("    id: %s", quoted(o.Agent))
	w.line("    match: # declared: nobody checks what an agent says of itself; spiffe or k8s would be better")
	seen := map[Identity]bool{}
	for _, i := range o.Identities {
		if i.Name == "" || seen[i] {
			continue
		}
		seen[i] = true
		if i.Service == "" {
			w.line("      - {attr: {gen_ai.agent.name: %s}}", quoted(i.Name))
		} else {
			w.line("      - {attr: {gen_ai.agent.name: %s, service.name: %s}}", quoted(i.Name), quoted(i.Service))
		}
	}
	if len(seen) == 0 {
		w.line("      - {attr: {gen_ai.agent.name: %s}}", quoted(o.Agent))
	}
	if len(o.Versions) > 0 {
		w.line("    # versions seen, each of which this entry holds for: %s", list(o.Versions))
	}
}

func (w *writer) principals(o *Observed) {
	patterns := principalPatterns(o.Principals)
	switch {
	case len(patterns) == 0:
		w.line("  # principals: no action said on whose behalf it was done; what is not said cannot be limited")
	case o.Nobody > 0:
		w.line("  # %d of %d actions named nobody, which this would leave not evaluated:", o.Nobody, o.Actions)
		w.line("  # principals: {required: true, allow: %s}", list(patterns))
	default:
		w.line("  principals: {required: true, allow: %s}", list(patterns))
	}
}

// principalPatterns returns a pattern for each type: all ids of the domain that
// they share, or all.
func principalPatterns(all []Principal) []string {
	byType := map[string][]string{}
	for _, p := range all {
		if p.ID != "" && p.Type != "" {
			byType[p.Type] = append(byType[p.Type], p.ID)
		}
	}
	out := make([]string, 0, len(byType))
	for kind, ids := range byType {
		some := "*"
		if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(id, "/") }) {
			some = "**"
		}
		at := strings.LastIndexByte(ids[0], '@')
		if at >= 0 {
			domain := ids[0][at:]
			if !slices.ContainsFunc(ids, func(id string) bool { return !strings.HasSuffix(id, domain) }) {
				some += escape(domain)
			}
		}
		out = append(out, escape(kind)+":"+some)
	}
	slices.Sort(out)
	return out
}

func (w *writer) models(o *Observed) {
	if len(o.Models) == 0 {
		w.line("  models: {allow: []} # no model call was seen")
		return
	}
	models := make([]string, 0, len(o.Models))
	for _, m := range o.Models {
		models = append(models, escape(m))
	}
	slices.Sort(models)
	w.line("  models: {allow: %s}", list(slices.Compact(models)))
}

func (w *writer) delegation(o *Observed) {
	to := make([]string, 0, len(o.Delegatees))
	for _, d := range o.Delegatees {
		if d != "" {
			to = append(to, escape(d))
		}
	}
	slices.Sort(to)
	to = slices.Compact(to)
	if len(to) > 0 {
		w.line("  delegation: {to: %s} # scope: which rules it may pass on could not be seen", list(to))
	}
	if o.HandOvers > 0 {
		w.line("  # %d hand-overs did not say to whom: delegation.to may lack somebody", o.HandOvers)
	}
}

func (w *writer) notSeen(o *Observed) {
	for _, r := range o.Refused {
		w.line("  # left out, as its present entry refuses it: %s, %d times", quoted(r.What), r.Calls)
	}
	w.line("  # Not seen: arguments, unless they are stored; what an agent did without telemetry; how often is often enough.")
	w.line("  # Bound the rules with args, when, rate and the entry with valid and budgets where that matters.")
}
