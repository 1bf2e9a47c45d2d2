package genai

import "strings"

// openLLMetry reads Traceloop's libraries in JavaScript; in Python it shares
// scopes with OpenTelemetry and is told by its traceloop.* attributes.
var openLLMetry = dialect{name: DialectOpenLLMetry, kind: openLLMetryKind, refine: openLLMetryRefine}

var traceloopKinds = map[string]Kind{
	"workflow": KindWorkflow, "task": KindStep, "agent": KindAgent, "tool": KindTool, "session": KindWorkflow,
	"handoff": KindHandoff, "unknown": KindOther,
}

var requestTypes = map[string]Kind{
	"completion": KindInference, "chat": KindInference, "rerank": KindRetrieval, "embedding": KindEmbedding,
}

func openLLMetryKind(r *reader, c *context) Kind {
	if k := mcpKind(r); k != "" {
		return k
	}
	if r.has(sOperation) {
		return ""
	}
	if r.has(sTLKind) {
		return bareKind(r)
	}
	if k := requestTypes[strings.ToLower(r.get(sRequestType))]; k != "" {
		return k
	}
	return bareKind(r)
}

func openLLMetryRefine(r *reader, c *context, a *Action) {
	entity := r.get(sEntityName)
	switch a.Kind {
	case KindTool:
		if a.Tool.Name == "" {
			a.Tool.Name = entity
		}
	case KindAgent:
		if entity != "" && strings.EqualFold(r.get(sTLKind), "agent") {
			a.Agent.Name = entity
		}
	default:
	}
	// LangChain's run id changes with every step: it is no identity.
	if isUUID(a.Agent.ID) {
		a.Agent.ID = ""
	}
	if graphNodes[a.Agent.Name] {
		a.Agent.Name = ""
	}
}

// openlit reads OpenLIT, in which the caller's view and the model's share names.
var openlit = dialect{name: DialectOpenLIT, kind: openlitKind, refine: openlitRefine}

// openlitKind: an invoke_agent that names a source is a hand-over, one without a
// name is a turn of the agent above it.
func openlitKind(r *reader, c *context) Kind {
	if r.get(sOperation) != "invoke_agent" {
		return semconvKind(r, c)
	}
	switch {
	case r.marks&markGuardrail != 0:
		return KindGuardrail
	case r.has(sHandoffFrom):
		return KindHandoff
	case !r.has(sAgentName):
		return KindStep
	}
	return ""
}

func openlitRefine(r *reader, c *context, a *Action) {
	if a.Kind == KindHandoff {
		if a.Handoff.To == "" {
			a.Handoff.To = a.Agent.Name
		}
		a.Agent = Agent{Name: a.Handoff.From}
		a.Handoff.Mode = "pass_control"
	}
	if isUUID(a.Agent.ID) {
		a.Agent.ID = ""
	}
	if graphNodes[a.Agent.Name] {
		a.Agent = Agent{}
	}
	// It writes the vendor's public host, whatever host was called.
	a.ServerAddress = ""
}

// isUUID reports whether an id is a UUID, as runs and steps are named.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'; !hex {
				return false
			}
		}
	}
	return true
}
