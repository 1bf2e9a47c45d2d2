package policy

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
)

// The kinds of a change.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is what became different between two versions.
type Change struct {
	// Kind is Added, Removed or Changed.
	Kind string
	// Agent is the id of the entry; "" for the tool catalog.
	Agent string
	// Paths are the key paths that differ, of a Changed entry, at most 64. A rule
	// is named by its id: allow[read-invoices].resources[0].
	Paths []string
}

// maxPaths bounds the paths of one change.
const maxPaths = 64

// Diff returns what is different from prev, by agent; nil for prev is an empty
// registry. It is empty exactly where the versions are equal.
func (r *Registry) Diff(prev *Registry) []Change {
	var out []Change
	old := map[string]*Agent{}
	var oldTools any = []any{}
	if prev != nil {
		old = prev.agents
		oldTools = prev.resolved()["tools"]
	}
	ids := slices.Collect(maps.Keys(r.agents))
	for id := range old {
		if r.agents[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		a, b := old[id], r.agents[id]
		switch {
		case a == nil:
			out = append(out, Change{Kind: Added, Agent: id})
		case b == nil:
			out = append(out, Change{Kind: Removed, Agent: id})
		default:
			if paths := diffPaths(nil, "", a.resolved, b.resolved); paths != nil {
				out = append(out, Change{Kind: Changed, Agent: id, Paths: paths})
			}
		}
	}
	if paths := diffPaths(nil, "tools", oldTools, r.resolved()["tools"]); paths != nil {
		out = append(out, Change{Kind: Changed, Paths: paths})
	}
	return out
}

// diffPaths appends the paths at which two plain values differ.
func diffPaths(out []string, path string, a, b any) []string {
	if len(out) >= maxPaths || bytes.Equal(canonicalJSON(nil, a), canonicalJSON(nil, b)) {
		return out
	}
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok {
		return diffMaps(out, path, am, bm)
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if !aok || !bok {
		return append(out, path)
	}
	ak, aok := byID(al)
	bk, bok := byID(bl)
	before := len(out)
	if aok && bok {
		out = diffMaps(out, path, ak, bk)
		if len(out) == before {
			out = append(out, path) // the same rules in another order
		}
		return out
	}
	for i := range max(len(al), len(bl)) {
		at := path + "[" + strconv.Itoa(i) + "]"
		if i >= len(al) || i >= len(bl) {
			out = append(out, at)
			continue
		}
		out = diffPaths(out, at, al[i], bl[i])
	}
	return out[:min(len(out), maxPaths)]
}

func diffMaps(out []string, path string, a, b map[string]any) []string {
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		at := join(path, k)
		if len(k) > 0 && k[0] == '[' {
			at = path + k
		}
		va, inA := a[k]
		vb, inB := b[k]
		if inA && inB {
			out = diffPaths(out, at, va, vb)
		} else if len(out) < maxPaths {
			out = append(out, at)
		}
	}
	return out
}

// byID returns a list of rules by "[id]"; ok is false for any other list.
func byID(list []any) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		id, _ := m["id"].(string)
		if id == "" {
			return nil, false
		}
		out["["+id+"]"] = item
	}
	return out, true
}
