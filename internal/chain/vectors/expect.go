package vectors

import "github.com/spanwarden/spanwarden/internal/chain"

// Expect is everything that must come out, and nothing else.
type Expect struct {
	Runs     []expRun     `yaml:"runs"`
	Edges    []expEdge    `yaml:"edges"`
	Actions  []expAction  `yaml:"actions"`
	Chains   []expChain   `yaml:"chains"`
	Findings []expFinding `yaml:"findings"`
	Resolved []expFinding `yaml:"resolved"`
}

type principal struct {
	Type  *string `yaml:"type"`
	ID    *string `yaml:"id"`
	Grade string  `yaml:"grade"`
}

func (p *principal) chain() chain.Principal {
	return chain.Principal{Type: val(p.Type), ID: val(p.ID), Grade: chain.Grade(p.Grade)}
}

func val(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type expDelegation struct {
	ID        *string `yaml:"id"`
	Delegator *string `yaml:"delegator"`
	Grade     string  `yaml:"grade"`
}

type expRun struct {
	Run        string         `yaml:"run"`
	Agent      string         `yaml:"agent"`
	Depth      *int           `yaml:"depth"`
	Principal  principal      `yaml:"principal"`
	Delegation *expDelegation `yaml:"delegation"`
}

type expEdge struct {
	From         string `yaml:"from"`
	To           string `yaml:"to"`
	Kind         string `yaml:"kind"`
	Grade        string `yaml:"grade"`
	DelegationID string `yaml:"delegation_id"`
	Span         string `yaml:"delegating_span"`
	Authority    *bool  `yaml:"authority"`
}

type expAction struct {
	Span      string   `yaml:"span"`
	Boundary  string   `yaml:"boundary"`
	Authority string   `yaml:"authority"`
	Reasons   []string `yaml:"reasons"`
	RefusedBy []string `yaml:"refused_by"`
	Note      string   `yaml:"note"`
	Same      []string `yaml:"same_action"`
}

type expSegment struct {
	Root      string    `yaml:"root"`
	Principal principal `yaml:"principal"`
}

type expChain struct {
	ID           string       `yaml:"id"`
	Root         string       `yaml:"root"`
	Principal    principal    `yaml:"principal"`
	Grade        *string      `yaml:"grade"`
	Depth        *int         `yaml:"depth"`
	Verdict      string       `yaml:"verdict"`
	Reasons      []string     `yaml:"reasons"`
	Segments     []expSegment `yaml:"segments"`
	RootResolved *bool        `yaml:"root_resolved"`
	Revision     *int         `yaml:"revision"`
	Supersedes   *int         `yaml:"supersedes"`
}

type expFinding struct {
	Type     string `yaml:"type"`
	Severity string `yaml:"severity"`
	Accused  string `yaml:"accused"`
}
