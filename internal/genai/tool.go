package genai

import "strings"

// tool reads which tool, data source or memory a span touches. Only spans of the
// kinds that act on one are asked: OpenLIT writes the tools a model may call, or
// asked for, on the model's own span.
func (a *Action) tool(r *reader) {
	switch a.Kind {
	case KindTool, KindHandoff, KindRetrieval, KindMemory, KindGuardrail, KindDecision:
	default:
		return
	}
	a.Tool = Tool{
		Name:   r.first(sToolName, sPlainToolName),
		Type:   r.get(sToolType),
		Server: r.get(sMCPServer),
		CallID: r.get(sToolCallID),
	}
	if a.Kind == KindTool || a.Kind == KindHandoff {
		a.Tool.Arguments = r.first(sToolArgs, sInput)
		a.Tool.Result = r.first(sToolResult, sOutput)
	}
	a.Tool.Resource = r.first(sMCPResource, sDataSource, sMemoryStore)
	if len(a.Tool.Resource) > maxName {
		a.Tool.Resource = clean(a.Tool.Resource)
	}
}

// settleTool names the operation where that is certain, and joins the name of an
// MCP tool with its server.
func (a *Action) settleTool(r *reader) {
	if a.Kind == KindTool {
		a.settleHandoffTool()
	}
	switch a.Kind {
	case KindInference, KindEmbedding:
		a.Tool.Operation = "invoke_model"
	case KindHandoff:
		a.Tool.Operation = "delegate"
	case KindRetrieval:
		a.Tool.Operation = "read"
	case KindMemory:
		a.Tool.Operation = memoryOperation(firstOf(a.Operation, r.get(sMemoryOperation)))
	case KindTool:
		a.settleMCP()
	case KindAgent, KindWorkflow, KindStep, KindGuardrail, KindDecision, KindOther:
	}
}

func (a *Action) settleMCP() {
	t := &a.Tool
	if server, tool, ok := claudeMCP(t.Name); ok && t.Server == "" {
		t.Server, t.Name = server, tool
	}
	if t.Server != "" && t.Name != "" && !strings.HasPrefix(t.Name, "mcp/") {
		t.Name = "mcp/" + strings.ReplaceAll(t.Server, "/", "_") + "/" + t.Name
	}
	if t.Type == "datastore" {
		t.Operation = "read"
	}
}

// claudeMCP splits mcp__server__tool, as coding agents name MCP tools.
func claudeMCP(name string) (server, tool string, ok bool) {
	rest, found := strings.CutPrefix(name, "mcp__")
	if !found {
		return "", "", false
	}
	server, tool, ok = strings.Cut(rest, "__")
	return server, tool, ok && server != "" && tool != ""
}

func memoryOperation(op string) string {
	switch op {
	case "search_memory", "read", "search":
		return "read"
	case "create_memory", "update_memory", "upsert_memory", "write", "write_steps", "update":
		return "write"
	case "delete_memory", "delete", "clear":
		return "delete"
	case "create_memory_store", "delete_memory_store":
		return "admin"
	}
	return ""
}

// settleHandoffTool recognises tools that exist to give control to another
// agent, by the names that frameworks give them.
func (a *Action) settleHandoffTool() {
	name := a.Tool.Name
	for _, p := range [...]string{"transfer_to_", "handoff_to_", "transfer_back_to_"} {
		if to, ok := strings.CutPrefix(name, p); ok && to != "" {
			a.Kind = KindHandoff
			if a.Handoff.To == "" {
				a.Handoff.To = to
			}
			if a.Handoff.Mode == "" {
				a.Handoff.Mode = "pass_control"
			}
			return
		}
	}
	switch name {
	case "delegate_task", "Delegate work to coworker", "Ask question to coworker", "Task", "Agent":
		// The agent that is asked returns to its caller: still a tool call.
		a.Tool.Operation = "delegate"
		if a.Handoff.To == "" {
			a.Handoff.To = unquote(firstOf(field(a.args(), "coworker"), field(a.args(), "subagent_type")))
		}
		a.Handoff.Mode = "return_to_caller"
	default:
		if to, ok := strings.CutPrefix(name, "agent-"); ok && a.Dialect == DialectMastra {
			a.Tool.Operation = "delegate"
			a.Handoff.To, a.Handoff.Mode = to, "return_to_caller"
		}
	}
}

// args is what is parsed of the arguments; beyond maxBody nothing is.
func (a *Action) args() string {
	if len(a.Tool.Arguments) > maxBody {
		return ""
	}
	return a.Tool.Arguments
}
