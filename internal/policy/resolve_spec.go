package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"go.yaml.in/yaml/v3"
)

// resolveSpec returns the spec as plain values with every default written out.
// The labels of the document are no part of what an agent may do.
func resolveSpec(a *Agent, n node) map[string]any {
	out, _ := plain(n).(map[string]any)
	if out == nil {
		out = map[string]any{}
	}
	put := func(m map[string]any, key string, v any) {
		if _, ok := m[key]; !ok {
			m[key] = v
		}
	}
	sub := func(key string, always bool) map[string]any {
		m, ok := out[key].(map[string]any)
		if !ok && always {
			m = map[string]any{}
			out[key] = m
		}
		return m
	}
	put(sub("agent", true), "id", a.id)
	put(out, "mode", string(a.mode))
	put(out, "decisions", "optional")
	p := sub("principals", true)
	put(p, "required", false)
	put(p, "direct", true)
	if d := sub("delegation", false); d != nil {
		put(d, "scope", []any{})
		put(d, "max_depth", decimal{digits: "64", exp: 2})
		put(d, "reentry", false)
	}
	if budgets, ok := out["budgets"].([]any); ok {
		for _, b := range budgets {
			if m, ok := b.(map[string]any); ok {
				put(m, "per", "lifetime")
				put(m, "on_exceed", "warn")
			}
		}
	}
	return out
}

// plain returns a checked node as maps, slices, strings, booleans, nil and
// decimals.
func plain(n node) any {
	y := n.y
	for i := 0; y != nil && y.Kind == yaml.AliasNode && i < maxNodeDepth; i++ {
		y = y.Alias
	}
	if y == nil {
		return nil
	}
	switch y.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(y.Content)/2)
		for i := 0; i+1 < len(y.Content); i += 2 {
			out[y.Content[i].Value] = plain(node{y: y.Content[i+1]})
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, len(y.Content))
		for _, c := range y.Content {
			out = append(out, plain(node{y: c}))
		}
		return out
	default:
	}
	switch y.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(y.Value, "true")
	case "!!int", "!!float":
		if v, ok := yamlDecimal(y.Value); ok {
			return v
		}
	}
	return y.Value
}

// resolved returns the registry as plain values.
func (r *Registry) resolved() map[string]any {
	agents := make(map[string]any, len(r.agents))
	for id, a := range r.agents {
		agents[id] = a.resolved
	}
	tools := r.catalog.resolved
	if tools == nil {
		tools = []any{}
	}
	return map[string]any{"apiVersion": APIVersion, "agents": agents, "tools": tools}
}

func (r *Registry) hash() string {
	sum := sha256.Sum256(canonicalJSON(nil, r.resolved()))
	return "sha256:" + hex.EncodeToString(sum[:])
}
