package genai

import "strings"

// openInference reads OpenInference: Arize's libraries, LangChain and LangGraph
// through them, and everyone who adopted its names.
var openInference = dialect{name: DialectOpenInference, kind: openInferenceKind, refine: openInferenceRefine, counts: openInferenceCounts}

// openAIAgentsOI reads the OpenAI Agents SDK through its OpenInference bridge.
var openAIAgentsOI = dialect{name: DialectOpenAIAgents, kind: agentsOIKind, refine: agentsOIRefine}

// openAIAgents reads the OpenAI Agents SDK through OpenTelemetry's library.
var openAIAgents = dialect{name: DialectOpenAIAgents, kind: semconvKind}

var openInferenceKinds = map[string]Kind{
	"LLM": KindInference, "EMBEDDING": KindEmbedding, "TOOL": KindTool, "AGENT": KindAgent, "CHAIN": KindStep,
	"RETRIEVER": KindRetrieval, "RERANKER": KindRetrieval, "GUARDRAIL": KindGuardrail, "EVALUATOR": KindStep,
	"PROMPT": KindStep,
}

func openInferenceKind(r *reader, _ *context) Kind {
	s := r.get(sOIKind)
	if k, ok := openInferenceKinds[s]; ok {
		return k
	}
	return openInferenceKinds[strings.ToUpper(s)]
}

func openInferenceRefine(r *reader, c *context, a *Action) {
	if a.Kind == KindAgent && a.Agent.Name == "" {
		// smolagents names the span after the method that runs the agent.
		a.Agent.Name = strings.TrimSuffix(clean(c.name), ".run")
	}
	if a.Kind == KindTool && a.Tool.Name == "" {
		a.Tool.Name = clean(c.name)
	}
	readLangChain(r.json(sMetadata), a)
	if a.ResponseID == "" && a.Kind == KindInference {
		// The response stands in output.value. Only an object that says it is an
		// API response is taken for one.
		out := r.json(sOutput)
		if id := unquote(field(out, "id")); isResponseID(id) {
			a.ResponseID = id
		}
	}
}

// isResponseID: only ids that a provider made are comparable between layers.
func isResponseID(id string) bool {
	for _, p := range [...]string{"chatcmpl-", "resp_", "msg_", "gen-", "cmpl-"} {
		if strings.HasPrefix(id, p) && len(id) > len(p)+4 {
			return true
		}
	}
	return false
}

// openInferenceCounts adds what LangChain's instrumentation leaves out: cache
// writes stand in the message it serialises into output.value.
func openInferenceCounts(r *reader, c *context, a *Action, u *stated) {
	if a.Kind != KindInference || (u.read.Known && u.write.Known) || !strings.Contains(c.scope, "langchain") {
		return
	}
	generations := field(r.json(sOutput), "generations")
	usage := field(element(element(generations)), "message", "kwargs", "usage_metadata")
	for o := parseObject(field(usage, "input_token_details")); o.next(); {
		switch o.key {
		case "cache_read":
			fill(&u.read, r.jsonCount(o.raw))
		case "cache_creation":
			fill(&u.write, r.jsonCount(o.raw))
		}
	}
}

// readLangChain reads the metadata JSON that LangChain and LangGraph attach: the
// acting agent stands there, not in the span's kind.
func readLangChain(md string, a *Action) {
	var agent, ns, provider, session, thread, user string
	for o := parseObject(md); o.next(); {
		switch o.key {
		case "lc_agent_name":
			agent = unquote(o.raw)
		case "langgraph_checkpoint_ns", "checkpoint_ns":
			if ns == "" {
				ns = unquote(o.raw)
			}
		case "ls_provider":
			provider = unquote(o.raw)
		case "session_id", "sessionId", "conversation_id":
			session = unquote(o.raw)
		case "thread_id", "threadId":
			thread = unquote(o.raw)
		case "user_id", "userId":
			user = unquote(o.raw)
		}
	}
	if agent == "" {
		agent = agentOfNamespace(ns)
	}
	if agent != "" && a.Kind != KindAgent {
		a.Agent.Name = agent
	}
	p, g, _ := foldProvider(provider)
	a.Provider, a.Gateway = firstOf(a.Provider, p), firstOf(a.Gateway, g)
	if a.Session == "" {
		if a.Session = session; session == "" {
			a.Session = thread
		}
	}
	if a.Principal.ID == "" {
		a.Principal.ID = user
	}
}

// agentOfNamespace reads LangGraph's path, "research_expert:<id>|agent:<id>": the
// outermost subgraph is the agent, its nodes are not.
func agentOfNamespace(ns string) string {
	first, _, nested := strings.Cut(ns, "|")
	name, _, _ := strings.Cut(first, ":")
	if !nested || graphNodes[name] || strings.HasPrefix(name, "Runnable") {
		return ""
	}
	return name
}

// graphNodes are LangGraph's own nodes, which are no agents.
var graphNodes = map[string]bool{
	"": true, "agent": true, "tools": true, "model_request": true, "__start__": true, "__end__": true, "prompt": true,
}

// agentsOIKind: the root of a run is an AGENT without a node, a turn is a step,
// and a hand-over is a TOOL whose arguments name both sides.
func agentsOIKind(r *reader, c *context) Kind {
	k := openInferenceKind(r, c)
	switch k {
	case KindAgent:
		if !r.has(sGraphNode) && !r.has(sAgentName) && !r.has(sOIAgentName) {
			return KindWorkflow
		}
	case KindTool:
		if field(r.json(sOutput), "to_agent") != "" || field(r.json(sInput), "from_agent") != "" {
			return KindHandoff
		}
	default:
	}
	return k
}

func agentsOIRefine(r *reader, c *context, a *Action) {
	openInferenceRefine(r, c, a)
	if a.Kind == KindHandoff {
		a.Handoff.From = unquote(field(r.json(sInput), "from_agent"))
		a.Handoff.To = unquote(field(r.json(sOutput), "to_agent"))
		a.Handoff.Mode = "pass_control"
	}
}
