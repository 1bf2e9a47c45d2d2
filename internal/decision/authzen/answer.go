package authzen

import (
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/decision"
)

// Answer is what an evaluation is answered with.
type Answer struct {
	Decision bool     `json:"decision"`
	Context  *Context `json:"context,omitempty"`
}

// Answers is what a batch is answered with.
type Answers struct {
	Evaluations []Answer `json:"evaluations"`
}

// Context says why, and what the asker may do about it.
type Context struct {
	EvaluationID  string         `json:"evaluation_id,omitempty"`
	EvaluatedAt   string         `json:"evaluated_at,omitempty"`
	Reason        string         `json:"reason,omitempty"`
	Error         *ItemError     `json:"error,omitempty"`
	AccessRequest *AccessRequest `json:"access_request,omitempty"`
	Approval      *Refusal       `json:"approval,omitempty"`
	Obligations   []Obligation   `json:"obligations,omitempty"`
	Spanwarden    *Detail        `json:"spanwarden,omitempty"`
}

// ItemError is why an item of a batch is no question.
type ItemError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// AccessRequest says that a person may be asked.
type AccessRequest struct {
	ExpiresAt string `json:"expires_at"`
	Endpoint  string `json:"endpoint,omitempty"`
}

// Refusal says what is wrong with the approval that was sent.
type Refusal struct {
	Reason     string `json:"reason"`
	NextAction string `json:"next_action"`
}

// Obligation is something the asker must do.
type Obligation struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Properties map[string]any `json:"properties"`
}

// Detail is ours.
type Detail struct {
	Effect        string `json:"effect"`
	Mode          string `json:"mode,omitempty"`
	Rule          string `json:"rule,omitempty"`
	Warning       bool   `json:"warning,omitempty"`
	PolicyVersion string `json:"policy_version,omitempty"`
	// Owner is the collector to ask instead, of reason misdirected.
	Owner string `json:"owner,omitempty"`
}

// SessionTermination is the only type of obligation we give.
const SessionTermination = "session_termination"

// Form says how much an answer tells and offers.
type Form struct {
	// Rules says that rule ids are told; reason codes always are.
	Rules bool
	// Approvals is the address where people approve, "" if nobody can.
	Approvals string
	// Refusal is what is wrong with the approval that was sent, "" for nothing.
	Refusal Refusal
}

// AnswerOf writes the answer to a decision.
func AnswerOf(r *decision.Record, f Form) Answer {
	o := &r.Outcome
	c := &Context{
		EvaluationID: r.ID.String(), EvaluatedAt: r.At.UTC().Format(time.RFC3339Nano),
		Spanwarden: &Detail{Effect: string(o.Effect), PolicyVersion: r.PolicyVersion, Warning: o.Warning, Owner: o.Owner},
	}
	c.Reason = string(o.Reason)
	if f.Rules {
		c.Spanwarden.Rule = o.Rule
	}
	if o.Effect != o.Answered {
		c.Spanwarden.Mode = string(o.Mode)
	}
	switch o.Answered {
	case decision.Ask:
		if f.Approvals != "" {
			c.AccessRequest = &AccessRequest{ExpiresAt: expiry(r).UTC().Format(time.RFC3339Nano), Endpoint: f.Approvals}
		}
		if f.Refusal.Reason != "" {
			c.Approval = &f.Refusal
		}
	case decision.Halt:
		c.Obligations = Obligations(r)
	case decision.Allow, decision.Deny:
	}
	return Answer{Decision: o.Answered == decision.Allow, Context: c}
}

// expiry is until when a person may be asked.
func expiry(r *decision.Record) time.Time {
	ttl := decision.DefaultApprovalTTL
	if rule := r.Outcome.Policy.Rule; rule != nil && rule.TTL() > 0 {
		ttl = rule.TTL()
	}
	return r.At.Add(ttl)
}

// Obligations are what a halt obliges the asker to: end the agent's sessions, or
// the run's where the halt is of a run. An asker that says what it supports and
// does not name this one is given none; it must deny anyway.
func Obligations(r *decision.Record) []Obligation {
	q := r.Question
	if r.Outcome.Answered != decision.Halt || q.Obligations != nil && !slices.Contains(q.Obligations, SessionTermination) {
		return nil
	}
	subject := r.Agent
	if h := r.Outcome.Halt; h != nil && h.Run != "" {
		subject = h.Run
	} else if h != nil && h.Session != "" {
		subject = h.Session
	}
	return []Obligation{{ID: r.ID.String(), Type: SessionTermination, Properties: map[string]any{"subject": subject}}}
}

// BadItem is the answer to an item of a batch that is no question.
func BadItem(err error) Answer {
	return Answer{Context: &Context{Error: &ItemError{Status: 400, Message: err.Error()}}}
}

// Results is what a search is answered with.
type Results struct {
	Page    *PageInfo `json:"page,omitempty"`
	Results []any     `json:"results"`
}

// EntityResult is a subject or a resource that was found.
type EntityResult struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// ActionResult is an action that was found.
type ActionResult struct {
	Name string `json:"name"`
}

// Metadata is the document at the well-known path.
type Metadata struct {
	PolicyDecisionPoint string   `json:"policy_decision_point"`
	Evaluation          string   `json:"access_evaluation_endpoint"`
	Evaluations         string   `json:"access_evaluations_endpoint"`
	SearchSubject       string   `json:"search_subject_endpoint,omitempty"`
	SearchResource      string   `json:"search_resource_endpoint,omitempty"`
	SearchAction        string   `json:"search_action_endpoint"`
	Obligations         []string `json:"supported_obligations"`
}

// MetadataOf writes the document of a base URL. entities says that subjects and
// resources can be searched.
func MetadataOf(base string, entities bool) Metadata {
	m := Metadata{
		PolicyDecisionPoint: base, Evaluation: base + "/access/v1/evaluation", Evaluations: base + "/access/v1/evaluations",
		SearchAction: base + "/access/v1/search/action", Obligations: []string{SessionTermination},
	}
	if entities {
		m.SearchSubject, m.SearchResource = base+"/access/v1/search/subject", base+"/access/v1/search/resource"
	}
	return m
}
