package policy

// Declared is one thing that an entry lets its agent use.
type Declared struct {
	Agent string
	// Kind is "tool" or "model".
	Kind string
	// Pattern is as the registry writes it.
	Pattern string
}

// Declared returns what the registry lets agents use: tools of allow and ask
// rules, and models where they are listed, by agent and in the order of the
// entries. An entry that names neither has none.
func (r *Registry) Declared() (out []Declared) {
	for _, a := range r.Agents() {
		for _, rule := range a.rules {
			if rule.List() != "deny" && rule.tool != nil {
				out = append(out, Declared{a.id, "tool", rule.tool.source})
			}
		}
		for _, g := range a.models.allow {
			out = append(out, Declared{a.id, "model", g.source})
		}
	}
	return out
}
