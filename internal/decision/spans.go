package decision

import (
	"time"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// KnownOf reads a decision from the attributes of its span: trace and parent are
// the span's own, at its start. ok is false for a span that is no decision.
func KnownOf(get func(name string) string, trace [16]byte, parent [8]byte, at time.Time) (k Known, ok bool) {
	k = Known{
		ID: get(attr.DecisionID), Tenant: get(attr.TenantID), CallID: get("gen_ai.tool.call.id"), Trace: trace, Parent: parent,
		Agent: get(attr.AgentID), Tool: get(attr.ToolName), ArgsDigest: get(AttrArgsDigest), Answered: Effect(get(AttrAnswered)), At: at,
		AskedUser: get(AttrAdapter) == "claude-code",
	}
	return k, k.ID != "" && k.Answered != "" && get(attr.ActionKind) == "decision"
}
