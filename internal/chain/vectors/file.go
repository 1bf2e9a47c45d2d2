// Package vectors runs test vectors for delegation chains: spans, grants,
// approvals and hook events in, the complete runs, edges, actions, chains and
// findings out. The header of testdata/vectors/delegation.yaml explains the form.
package vectors

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// Format is what a file of vectors says in format.
const Format = "spanwarden/delegation-vectors/v1"

// File is a file of vectors.
type File struct {
	Name     string               `yaml:"-"`
	Format   string               `yaml:"format"`
	Options  options              `yaml:"options"`
	Catalog  yaml.Node            `yaml:"catalog"`
	Registry map[string]yaml.Node `yaml:"registry"`
	Vectors  []Vector             `yaml:"vectors"`
}

type options struct {
	Skew     string `yaml:"skew"`
	Settle   string `yaml:"settle"`
	MaxOpen  string `yaml:"max_open"`
	MaxDepth int    `yaml:"max_depth"`
	MinGrade string `yaml:"min_grade"`
}

// Vector is one case.
type Vector struct {
	ID        string               `yaml:"id"`
	Title     string               `yaml:"title"`
	Proves    string               `yaml:"proves"`
	Options   *options             `yaml:"options"`
	Registry  map[string]yaml.Node `yaml:"registry"`
	Changes   []change             `yaml:"registry_changes"`
	Grants    []grant              `yaml:"grants"`
	Approvals []approval           `yaml:"approvals"`
	Decisions []decision           `yaml:"decisions"`
	Halts     []halt               `yaml:"halts"`
	Marks     []mark               `yaml:"marks"`
	Adapter   adapter              `yaml:"adapter"`
	Hooks     []hook               `yaml:"hooks"`
	Spans     []span               `yaml:"spans"`
	Steps     []step               `yaml:"steps"`
	Expect    *Expect              `yaml:"expect"`
}

type change struct {
	At       string               `yaml:"at"`
	Registry map[string]yaml.Node `yaml:"registry"`
}

type grant struct {
	ID          string         `yaml:"delegation_id"`
	Delegator   string         `yaml:"delegator"`
	Delegatee   string         `yaml:"delegatee"`
	GrantedBy   string         `yaml:"granted_by"`
	ApprovedBy  string         `yaml:"approved_by"`
	Scope       []string       `yaml:"scope"`
	Constraints map[string]any `yaml:"constraints"`
	DataClasses []string       `yaml:"data_classes"`
	NotBefore   string         `yaml:"not_before"`
	ExpiresAt   string         `yaml:"expires_at"`
	RevokedAt   string         `yaml:"revoked_at"`
	MaxDepth    *int           `yaml:"max_depth"`
	Parent      string         `yaml:"parent_delegation_id"`
	ChainID     string         `yaml:"chain_id"`
	Purpose     string         `yaml:"purpose"`
}

type approval struct {
	ID        string         `yaml:"id"`
	Rule      string         `yaml:"rule"`
	Agent     string         `yaml:"agent"`
	Tool      string         `yaml:"tool"`
	Resource  string         `yaml:"resource"`
	Args      map[string]any `yaml:"args"`
	Requester string         `yaml:"requester"`
	Approver  struct {
		ID     string   `yaml:"id"`
		Groups []string `yaml:"groups"`
	} `yaml:"approver"`
	ApprovedAt    string `yaml:"approved_at"`
	ApprovedUntil string `yaml:"approved_until"`
}

type decision struct {
	ID           string         `yaml:"id"`
	Agent        string         `yaml:"agent"`
	Span         string         `yaml:"span"`     // the asker's span
	TraceID      string         `yaml:"trace_id"` // with span_id, the decision's own span
	SpanID       string         `yaml:"span_id"`
	DelegationID string         `yaml:"delegation_id"`
	CallID       string         `yaml:"call_id"`
	Tool         string         `yaml:"tool"`
	Answered     string         `yaml:"answered"`
	Args         map[string]any `yaml:"args"`
	Actor        string         `yaml:"actor"`
	Principal    *principal     `yaml:"principal"`
	At           string         `yaml:"at"`
}

type halt struct {
	ID    string `yaml:"id"`
	Scope string `yaml:"scope"`
	Key   string `yaml:"key"`
	At    string `yaml:"at"`
	Until string `yaml:"until"`
}

type mark struct {
	Span string `yaml:"span"`
	Code string `yaml:"code"`
}

type adapter struct {
	Claude struct {
		Agent     string    `yaml:"agent"`
		Principal principal `yaml:"principal"`
	} `yaml:"claude_code"`
}

type hook struct {
	At    string         `yaml:"at"`
	Event map[string]any `yaml:"event"`
}

type span struct {
	Ref      string         `yaml:"ref"`
	TraceID  string         `yaml:"trace_id"`
	SpanID   string         `yaml:"span_id"`
	Parent   string         `yaml:"parent_span_id"`
	State    string         `yaml:"trace_state"`
	Name     string         `yaml:"name"`
	Kind     string         `yaml:"kind"`
	Start    string         `yaml:"start"`
	End      string         `yaml:"end"`
	Attrs    map[string]any `yaml:"attributes"`
	Resource map[string]any `yaml:"resource"`
	Links    []struct {
		TraceID string         `yaml:"trace_id"`
		SpanID  string         `yaml:"span_id"`
		Attrs   map[string]any `yaml:"attributes"`
		Dropped uint32         `yaml:"dropped_attributes_count"`
	} `yaml:"links"`
	DroppedLinks uint32 `yaml:"dropped_links_count"`
}

type step struct {
	Deliver  []string `yaml:"deliver"`
	SettleAt string   `yaml:"settle_at"`
	Expect   *Expect  `yaml:"expect"`
}

// Load reads a file of vectors. All faults that can be seen without running are
// reported together, each with the vector it is in.
func Load(name string, data []byte) (*File, error) {
	f := &File{Name: name}
	if err := yaml.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	if f.Format != Format {
		errs = append(errs, fmt.Errorf("%s: format: %q is not %q", name, f.Format, Format))
	}
	if len(f.Vectors) == 0 {
		errs = append(errs, fmt.Errorf("%s: vectors: none", name))
	}
	seen := map[string]bool{}
	for i := range f.Vectors {
		v := &f.Vectors[i]
		if v.ID == "" || seen[v.ID] {
			errs = append(errs, fmt.Errorf("%s: vectors[%d].id: %q is missing or taken", name, i, v.ID))
		}
		seen[v.ID] = true
		if v.Expect == nil && len(v.Steps) == 0 {
			errs = append(errs, fmt.Errorf("%s: %s: neither expect nor steps", name, v.ID))
		}
		if _, err := f.inputs(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", name, v.ID, err))
		}
		if _, err := f.history(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", name, v.ID, err))
		}
	}
	return f, errors.Join(errs...)
}

// history returns the versions of the registry that a vector runs under.
func (f *File) history(v *Vector) (policy.History, error) {
	entries := maps.Clone(f.Registry)
	if entries == nil {
		entries = map[string]yaml.Node{}
	}
	maps.Copy(entries, v.Registry)
	h := policy.NewHistory(len(v.Changes) + 1)
	r, err := policy.LoadSpecs(f.Name, entries, f.Catalog)
	if err != nil {
		return h, err
	}
	h = h.Add(time.Unix(0, 0), r)
	for _, c := range v.Changes {
		at, err := parseTime(c.At)
		if err != nil {
			return h, fmt.Errorf("registry_changes: at: %w", err)
		}
		entries = maps.Clone(entries)
		maps.Copy(entries, c.Registry)
		if r, err = policy.LoadSpecs(f.Name, entries, f.Catalog); err != nil {
			return h, err
		}
		h = h.Add(time.Unix(0, at), r)
	}
	return h, nil
}

// parseTime reads RFC 3339, and seconds of 60 as the next minute: vectors made by
// adding to the seconds have them. "" is 0.
func parseTime(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil && strings.Contains(s, ":60") {
		if t, err = time.Parse(time.RFC3339Nano, strings.Replace(s, ":60", ":59", 1)); err == nil {
			t = t.Add(time.Second)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no RFC 3339 time", s)
	}
	return t.UnixNano(), nil
}
