// Package runner sends test vectors to an AuthZEN policy decision point and holds
// the answers against what they expect.
package runner

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Suite is a file of vectors.
type Suite struct {
	Format  string   `json:"format"`
	About   string   `json:"about"`
	Groups  []Group  `json:"groups"`
	Vectors []Vector `json:"vectors"`
	Fixture struct {
		Subjects  []json.RawMessage `json:"subjects"`
		Resources []json.RawMessage `json:"resources"`
		Registry  []json.RawMessage `json:"registry"`
	} `json:"fixture"`
}

// Group says which level its vectors belong to.
type Group struct {
	Group    string `json:"group"`
	Level    string `json:"level"`
	Sublevel string `json:"sublevel"`
}

// Vector is one request and what must come of it.
type Vector struct {
	ID      string         `json:"id"`
	Group   string         `json:"group"`
	Origin  string         `json:"origin"`
	Name    string         `json:"name"`
	Request Request        `json:"request"`
	Expect  map[string]any `json:"expect"`
	Repeat  int            `json:"repeat"`
	OnlyIf  string         `json:"only_if"`
}

// Request is what is sent: headers exactly, a body as JSON or byte for byte.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	RawBody *string           `json:"raw_body"`
}

// Parse reads a suite.
func Parse(raw []byte) (*Suite, error) {
	s := &Suite{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(s.Format, "spanwarden/authzen-vectors/") || len(s.Vectors) == 0 {
		return nil, fmt.Errorf("format: want spanwarden/authzen-vectors/… with vectors, not %q with %d", s.Format, len(s.Vectors))
	}
	return s, nil
}

// Level returns "level sublevel" of a vector, or its origin where it has none.
func (s *Suite) Level(v *Vector) string {
	for _, g := range s.Groups {
		if g.Group == v.Group {
			if g.Sublevel == "" || g.Sublevel == "-" {
				return g.Level
			}
			return g.Level + " " + g.Sublevel
		}
	}
	return v.Origin
}
