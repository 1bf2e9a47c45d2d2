package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// maxListed is how many resources of a tool are listed one by one.
const maxListed = 20

// allow writes one rule a tool.
func (w *writer) allow(o *Observed) {
	tools := slices.Clone(o.Tools)
	slices.SortStableFunc(tools, func(a, b Tool) int { return cmp.Compare(a.Name, b.Name) })
	wrote := false
	ids := map[string]bool{}
	for i := range tools {
		t := &tools[i]
		if !t.grantable() {
			continue
		}
		if !wrote {
			w.line("  allow:")
			wrote = true
		}
		w.rule(t, unique(ids, t.slug()))
	}
	if !wrote {
		w.line("  allow: [] # no tool was seen in use")
	}
}

// grantable reports whether a rule would limit anything: one without tool,
// operation and resource would allow everything.
func (t *Tool) grantable() bool {
	resources, _ := t.resources()
	return t.Name != "" || t.Unstated == 0 && len(t.Operations) > 0 && t.NoResource == 0 && len(resources) > 0
}

func (w *writer) rule(t *Tool, id string) {
	var parts, notes []string
	parts = append(parts, "id: "+quoted(id))
	if t.Name != "" {
		parts = append(parts, "tool: "+quoted(escape(t.Name)))
	}
	switch {
	case t.Unstated > 0 || len(t.Operations) == 0:
		notes = append(notes, fmt.Sprintf("%d of %d calls state no operation: name it in a ToolCatalog, then limit it here", t.Unstated, t.Calls))
	default:
		ops := slices.Clone(t.Operations)
		slices.Sort(ops)
		parts = append(parts, "operations: ["+strings.Join(slices.Compact(ops), ", ")+"]")
	}
	switch resources, listed := t.resources(); {
	case t.NoResource > 0 || len(t.Resources) == 0:
		notes = append(notes, fmt.Sprintf("%d of %d calls state no resource", t.NoResource, t.Calls))
	case len(resources) == 0:
		notes = append(notes, "its resources have nothing in common, or could be read as others: limit them by hand")
	default:
		parts = append(parts, "resources: "+list(resources))
		if !listed {
			notes = append(notes, "resources are what those seen have in common")
		}
	}
	if slices.ContainsFunc(t.Resources, func(s string) bool { _, ok := canonical(s); return !ok }) {
		notes = append(notes, "some resources are left out that could be read as others")
	}
	if t.Failed > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d calls failed", t.Failed, t.Calls))
	}
	w.line("    - {%s}", strings.Join(parts, ", "))
	for _, n := range notes {
		w.line("    #   %s", n)
	}
}

// resources returns patterns for what was seen: each resource, or what all of
// them begin with; nothing where that is nothing.
func (t *Tool) resources() (patterns []string, listed bool) {
	var seen []string
	for _, s := range t.Resources {
		if c, ok := canonical(s); ok {
			seen = append(seen, c)
		}
	}
	slices.Sort(seen)
	seen = slices.Compact(seen)
	switch {
	case len(seen) == 0:
		return nil, false
	case len(seen) <= maxListed && !t.More:
		for i := range seen {
			seen[i] = escapeResource(seen[i])
		}
		return seen, true
	}
	prefix := seen[0]
	for _, s := range seen {
		for !strings.HasPrefix(s, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	end := strings.LastIndexByte(prefix, '/')
	if end <= 0 || strings.HasSuffix(prefix[:end+1], "://") || prefix[:end] == "" || strings.HasSuffix(prefix[:end], ":/") {
		return nil, false
	}
	pattern := escapeResource(prefix[:end+1]) + "**"
	if slices.ContainsFunc(seen, func(s string) bool { return !fits(pattern, s) }) {
		return nil, false
	}
	return []string{pattern}, false
}

// escape makes a pattern that matches the text alone.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `{`, `\{`, `}`, `\}`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// escapeResource makes a pattern that matches a resource alone. Paths of patterns
// are decoded as those of resources are, so a percent sign there is encoded.
func escapeResource(s string) string {
	host := len(authority(s))
	return escape(s[:host] + strings.ReplaceAll(s[host:], "%", "%25"))
}

// authority returns the part of a URL up to its path, "" of what is none.
func authority(s string) string {
	at := strings.Index(s, "://")
	if at < 0 || strings.Contains(s[:at], "/") {
		return ""
	}
	if end := strings.IndexByte(s[at+3:], '/'); end >= 0 {
		return s[:at+3+end]
	}
	return s
}

// canonical returns the one spelling of a resource, and whether a pattern can
// stand for it: not where it could be read as another one.
func canonical(s string) (string, bool) {
	c, ambiguous := policy.CanonicalResource(s)
	return c, c != "" && !ambiguous && fits(escapeResource(c), s)
}

// fits asks the policy engine itself whether a pattern matches a resource: what
// is suggested must not hang on knowing how patterns are read.
func fits(pattern, resource string) bool {
	doc := "{apiVersion: spanwarden/v1alpha1, kind: AgentPermissions, metadata: {name: a}, spec: {owner: \"user:a\"," +
		" agent: {id: a, match: [{subject: a}]}, allow: [{id: r, resources: [" + quoted(pattern) + "]}]}}"
	r, err := policy.Load([]policy.File{{Name: "pattern", Data: []byte(doc)}})
	if err != nil {
		return false
	}
	var out policy.Result
	r.Agent("a").Judge(&policy.Request{Tool: "t", Operation: "read", Resource: resource}, &out)
	return out.Verdict == policy.Respected
}

// slug is a readable rule id.
func (t *Tool) slug() string {
	name := t.Name
	if name == "" {
		name = strings.Join(t.Operations, "-") + "-data"
	}
	s := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, name), "-")
	return cmp.Or(s, "rule")
}

func unique(taken map[string]bool, id string) string {
	for n, try := 2, id; ; n++ {
		if !taken[try] {
			taken[try] = true
			return try
		}
		try = fmt.Sprintf("%s-%d", id, n)
	}
}
