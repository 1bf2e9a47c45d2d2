// Package claudecode reads and answers the HTTP hooks of Claude Code and the
// Agent SDK. It is pure; a receiver routes and decides.
package claudecode

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// The events that mean something here. Others are markers.
const (
	PreToolUse         = "PreToolUse"
	PostToolUse        = "PostToolUse"
	PostToolUseFailure = "PostToolUseFailure"
	SubagentStart      = "SubagentStart"
	SubagentStop       = "SubagentStop"
	SessionStart       = "SessionStart"
	SessionEnd         = "SessionEnd"
)

// Main is what the span of a session's own agent is derived from.
const Main = "main"

// Event is one hook call.
type Event struct {
	Name, Session, Tool, ToolUseID string
	// AgentID is only there inside a sub-agent, and the only reliable way to tell
	// parallel ones apart.
	AgentID, AgentType string
	Input              any
	Failed             bool
}

var errNoSession = errors.New("session_id: is missing")

// Parse reads a body. Unknown members are ignored: Claude Code adds some with
// every version. The event is not nil where its name could be read, so that even
// an error can be answered in the right form.
func Parse(raw []byte) (*Event, error) {
	m, err := decision.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	e := &Event{Input: m["tool_input"]}
	var errs []error
	for _, f := range []struct {
		name string
		to   *string
	}{
		{"hook_event_name", &e.Name},
		{"session_id", &e.Session},
		{"tool_name", &e.Tool},
		{"tool_use_id", &e.ToolUseID},
		{"agent_id", &e.AgentID},
		{"agent_type", &e.AgentType},
	} {
		var ok bool
		if *f.to, ok = m[f.name].(string); !ok && m[f.name] != nil {
			errs = append(errs, fmt.Errorf("%s: want a string", f.name))
		}
	}
	if e.Name == "" {
		errs = append(errs, errors.New("hook_event_name: is missing"))
	}
	if e.Session == "" {
		errs = append(errs, errNoSession)
	}
	if e.Name == PreToolUse && e.Tool == "" {
		errs = append(errs, errors.New("tool_name: is missing"))
	}
	e.Failed = e.Name == PostToolUseFailure
	return e, errors.Join(errs...)
}

// Options say what a hook does not.
type Options struct {
	// Agent is the name of a session's own agent.
	Agent  string
	Tenant string
	// Principal is on whose behalf sessions act, as the platform tells it; the zero
	// value is not known.
	Principal policy.Principal
}

// AgentName is the acting agent: a sub-agent's type, or the session's own.
func (e *Event) AgentName(o Options) string {
	if e.AgentID != "" && e.AgentType != "" {
		return e.AgentType
	}
	return o.Agent
}

// Question translates a PreToolUse event.
func (e *Event) Question(o Options) *decision.Question {
	name := e.AgentName(o)
	q := &decision.Question{
		Adapter: "claude-code", Declared: name, Instance: e.AgentID, CallID: e.ToolUseID,
		Actor: policy.Identity{Subject: "agent:" + name, Attr: func(key string) (string, bool) {
			return name, key == "gen_ai.agent.id" || key == "gen_ai.agent.name"
		}},
		Trace: TraceID(e.Session), Span: SpanID(e.Session, e.parent()),
		Scopes: ledger.Scopes{Tenant: o.Tenant, Session: e.Session, Principal: o.Principal.ID},
	}
	if name != o.Agent {
		q.Scopes.Ancestors = []string{o.Agent}
	}
	r := &q.Request
	r.Source, r.Tool, r.Session, r.Principal = policy.FromRequest, ToolName(e.Tool), e.Session, o.Principal
	if r.Principal.ID != "" {
		q.PrincipalVia = "config"
	}
	q.SetArgs(e.Input)
	r.Context = map[string]any{"session_id": e.Session}
	return q
}

// parent is what the span around a tool call is derived from.
func (e *Event) parent() string {
	if e.AgentID != "" {
		return e.AgentID
	}
	return Main
}

// ToolName returns mcp/server/tool for mcp__server__tool.
func ToolName(name string) string {
	rest, ok := strings.CutPrefix(name, "mcp__")
	if server, tool, cut := strings.Cut(rest, "__"); ok && cut && server != "" && tool != "" {
		return "mcp/" + server + "/" + tool
	}
	return name
}

// TraceID is the trace of a session: the same for every hook and every replay.
func TraceID(session string) (id [16]byte) {
	sum := sha256.Sum256([]byte("claude-code\n" + session))
	copy(id[:], sum[:])
	return id
}

// SpanID is the span of x within a session: Main, an agent id or a tool use id.
func SpanID(session, x string) (id [8]byte) {
	sum := sha256.Sum256([]byte("claude-code\n" + session + "\n" + x))
	copy(id[:], sum[:])
	return id
}

// Answer is what a hook is answered with. The zero value, {}, is no opinion.
type Answer struct {
	Continue   *bool   `json:"continue,omitempty"`
	StopReason string  `json:"stopReason,omitempty"`
	Output     *Output `json:"hookSpecificOutput,omitempty"`
}

// Output is the answer to PreToolUse.
type Output struct {
	Event    string `json:"hookEventName"`
	Decision string `json:"permissionDecision"`
	Reason   string `json:"permissionDecisionReason,omitempty"`
}

// AnswerOf answers a decision. explicit says that an allow is said, which skips
// the user's own permission prompt. rules says that rule ids are told.
func AnswerOf(r *decision.Record, explicit, rules bool) Answer {
	o := &r.Outcome
	switch o.Answered {
	case decision.Allow:
		if !explicit {
			return Answer{}
		}
		return Answer{Output: &Output{PreToolUse, "allow", ""}}
	case decision.Ask:
		return Answer{Output: &Output{PreToolUse, "ask", Sentence(r, rules)}}
	case decision.Halt:
		stop := false
		return Answer{Continue: &stop, StopReason: Sentence(r, rules), Output: &Output{PreToolUse, "deny", Sentence(r, rules)}}
	default:
		return Answer{Output: &Output{PreToolUse, "deny", Sentence(r, rules)}}
	}
}

// Failure is the answer where nothing could be decided.
func Failure(message string) Answer {
	return Answer{Output: &Output{PreToolUse, "deny", "not decided: " + message}}
}

var sentences = map[policy.Reason]string{
	decision.ReasonHalted: "halted", decision.ReasonBudgetExceeded: "budget exceeded", policy.ReasonApprovalRequired: "a person must approve this",
	policy.ReasonToolNotAllowed: "tool not permitted", policy.ReasonResourceNotAllowed: "resource not permitted",
	policy.ReasonOperationNotAllowed: "operation not permitted", policy.ReasonDeniedByRule: "denied by policy",
	policy.ReasonUnregisteredAgent: "agent not registered", policy.ReasonRateExceeded: "rate exceeded",
	decision.ReasonMisdirected:         "another collector owns this session",
	decision.ReasonEvidenceUnavailable: "the decision could not be recorded", policy.ReasonNotEvaluable: "not enough is known to decide",
}

// Sentence is what the asker's model and user read: the reason and the
// decision's id, never an argument.
func Sentence(r *decision.Record, rules bool) string {
	text := sentences[r.Outcome.Reason]
	if text == "" {
		text = strings.ReplaceAll(string(r.Outcome.Reason), "_", " ")
	}
	if rules && r.Outcome.Rule != "" {
		text += ", rule " + r.Outcome.Rule
	}
	return text + " (decision " + r.ID.String() + ")"
}
