package chainspan

import (
	"crypto/sha256"
	"time"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// Hook is an event of Claude Code's hooks, with the time it was received.
type Hook struct {
	At                     time.Time
	Session, Event         string
	AgentID, AgentType     string
	Tool, CallID, Args     string // Args is the JSON text of tool_input
	Subagent               string // subagent_type of tool_input
	Tenant                 string
	Agent                  string // of the main session, from the configuration
	Principal              chain.Principal
	DecisionID, ApprovalID string
}

// DefaultHookAgent is the agent of a main session that the configuration does not
// name.
const DefaultHookAgent = "claude-code"

// HookTrace is the trace id of a session's records.
func HookTrace(session string) (id chain.TraceID) {
	sum := sha256.Sum256([]byte("claude-code\n" + session))
	copy(id[:], sum[:])
	return id
}

// HookSpan is the span id of "main", a sub-agent or a tool call of a session.
func HookSpan(session, x string) (id chain.SpanID) {
	sum := sha256.Sum256([]byte("claude-code\n" + session + "\n" + x))
	copy(id[:], sum[:])
	return id
}

// Read returns what an event tells: the run it happened in and, for a tool
// call, the call. Events of one call or run join up in any order.
func (h *Hook) Read() []chain.Record {
	main := h.Agent
	if main == "" {
		main = DefaultHookAgent
	}
	out := []chain.Record{h.run("main", main)}
	owner := "main"
	if h.AgentID != "" {
		owner = h.AgentID
		if r := h.run(h.AgentID, h.AgentType); h.AgentType != "" {
			out = append(out, r)
		}
	}
	if h.CallID != "" {
		out = append(out, h.call(owner))
	}
	return out
}

func (h *Hook) run(x, agent string) chain.Record {
	at := h.At.UnixNano()
	r := chain.Record{
		Ref: chain.Ref{Trace: HookTrace(h.Session), Span: HookSpan(h.Session, x)}, Role: chain.Opens, Partial: true, Hook: true,
		Start: at, End: at, Tenant: h.Tenant, Agent: agent, Session: h.Session, Run: &chain.Opening{Instance: x},
	}
	if x == "main" && h.Principal.ID != "" {
		r.Run.Platform = h.Principal
		if r.Run.Platform.Grade == "" {
			r.Run.Platform.Grade = chain.Platform
		}
	}
	return r
}

func (h *Hook) call(owner string) chain.Record {
	at := h.At.UnixNano()
	return chain.Record{
		Ref: chain.Ref{Trace: HookTrace(h.Session), Span: HookSpan(h.Session, h.CallID)}, Parent: HookSpan(h.Session, owner),
		Role: chain.Acts, Partial: true, Hook: true, Start: at, End: at, Tenant: h.Tenant, Agent: h.Subagent, Session: h.Session,
		Act: &chain.Act{Tool: h.Tool, Args: h.Args, CallID: h.CallID, DecisionID: h.DecisionID, ApprovalID: h.ApprovalID},
	}
}
