package genai

import "strings"

// mastra reads Mastra's exporter: only model_inference carries usage.
var mastra = dialect{name: DialectMastra, sessionFirst: true, kind: func(r *reader, _ *context) Kind {
	return mastraKinds[r.get(sMastraKind)]
}}

var mastraKinds = map[string]Kind{
	"agent_run": KindAgent, "model_generation": KindStep, "model_step": KindStep, "model_chunk": KindStep,
	"mapping": KindStep, "model_inference": KindInference, "tool_call": KindTool, "mcp_tool_call": KindTool,
	"provider_tool_call": KindTool, "workflow_run": KindWorkflow, "workflow_step": KindStep,
	"rag_embedding": KindEmbedding, "rag_retrieval": KindRetrieval,
}

// strands reads Strands. Its scope is the application's own name.
var strands = dialect{name: DialectStrands, kind: func(r *reader, _ *context) Kind {
	if r.has(sOperation) {
		return ""
	}
	return KindStep // the nameless loop cycle
}, refine: func(r *reader, c *context, a *Action) {
	if a.Agent.ID == "agent" { // the library's default, shared by all
		a.Agent.ID = ""
	}
	// The Python library began to count the cache inside the input in the release
	// in which it took the conventions' names for it (seen: 1.45 and 1.55).
	c.cacheInside = strings.HasPrefix(c.scope, "strands.telemetry") &&
		(r.rankIs(nRead, tokens+"cache_read.input_tokens") || r.rankIs(nWrite, tokens+"cache_creation.input_tokens"))
}}

// adk reads Google's Agent Development Kit.
var adk = dialect{name: DialectADK, kind: adkKind, refine: adkRefine, counts: adkCounts}

// adkKind: call_llm has no operation name; it is the span that holds a model's
// response, and the root of a run holds nothing at all.
func adkKind(r *reader, _ *context) Kind {
	switch {
	case r.has(sOperation):
		return ""
	case r.has(sRequestModel):
		return KindInference
	case r.has(sToolArgs) || r.has(sToolName):
		return KindTool
	}
	return KindWorkflow
}

func adkRefine(r *reader, _ *context, a *Action) {
	if a.Kind == KindInference && a.Provider == "" {
		a.Provider, _ = providerOfModel(a.RequestModel)
	}
	if a.Tool.CallID == "<not specified>" {
		a.Tool.CallID = ""
	}
	if a.Tool.Name == "(merged tools)" { // repeats the tool spans beside it
		a.Kind, a.Tool = KindStep, Tool{}
	}
	if a.Kind == KindTool && a.Tool.Name == "transfer_to_agent" {
		a.Kind = KindHandoff
		args := a.Tool.Arguments
		if a.Handoff.To = unquote(field(args, "agentName")); a.Handoff.To == "" {
			a.Handoff.To = unquote(field(args, "agent_name"))
		}
		a.Handoff.Mode = "pass_control"
	}
}

// adkCounts: cache and thoughts stand in the response alone.
func adkCounts(r *reader, _ *context, _ *Action, u *stated) {
	r.geminiUsage(u)
}

func (r *reader) geminiUsage(u *stated) {
	body := r.json(sADKResponse)
	usage := field(body, "usageMetadata")
	if usage == "" {
		usage = field(body, "usage_metadata")
	}
	for o := parseObject(usage); o.next(); {
		switch o.key {
		case "promptTokenCount", "prompt_token_count":
			fill(&u.in, r.jsonCount(o.raw))
		case "candidatesTokenCount", "candidates_token_count":
			fill(&u.out, r.jsonCount(o.raw))
		case "totalTokenCount", "total_token_count":
			fill(&u.total, r.jsonCount(o.raw))
		case "cachedContentTokenCount", "cached_content_token_count":
			fill(&u.read, r.jsonCount(o.raw))
		case "thoughtsTokenCount", "thoughts_token_count":
			fill(&u.reason, r.jsonCount(o.raw))
		case "toolUsePromptTokenCount", "tool_use_prompt_token_count":
			fill(&u.extraIn, r.jsonCount(o.raw))
		}
	}
}

func fill(c *Count, v Count) {
	if !c.Known {
		*c = v
	}
}

// voltAgent reads VoltAgent, which turns roll-ups around: an llm span covers all
// steps but counts the last one, the agent span has the sum of its own steps.
var voltAgent = dialect{name: DialectVoltAgent, kind: voltKind, refine: voltRefine, counts: voltCounts}

func voltKind(r *reader, _ *context) Kind {
	switch r.get(sVoltKind) {
	case "llm":
		return KindInference
	case "tool":
		return KindTool
	case "memory":
		return KindMemory
	case "agent":
		return KindAgent
	case "retriever":
		return KindRetrieval
	case "guardrail":
		return KindGuardrail
	case "workflow":
		return KindWorkflow
	case "workflow-step", "workflow_step":
		return KindStep
	case "":
		if r.get(sVoltEntityType) == "agent" {
			return KindAgent
		}
		if r.get(sVoltEntityType) == "workflow" {
			return KindWorkflow
		}
	}
	return KindOther
}

func voltRefine(r *reader, _ *context, a *Action) {
	if r.get(sVoltEntityType) == "agent" || r.has(sSubagentName) {
		a.Agent.Name = r.first(sSubagentName, sVoltEntity)
		a.Agent.ID = r.first(sSubagentID, sVoltEntityID)
		if r.has(sSubagentName) && !r.has(sSubagentID) {
			a.Agent.ID = ""
		}
	}
}

func voltCounts(r *reader, _ *context, a *Action, u *stated) {
	if a.Kind == KindAgent {
		*u = stated{
			in: r.n(nVoltInput), out: r.n(nVoltOutput), total: r.n(nVoltTotal),
			read: r.n(nVoltCached), reason: r.n(nVoltReasoning),
		}
		return
	}
	*u = stated{
		in: r.n(nLegacyInput), out: r.n(nLegacyOutput), total: r.n(nTotal),
		read: r.n(nLegacyCached), reason: r.n(nLegacyReasoning),
	}
}

// genkit reads Genkit, whose counts stand in the model's output alone.
var genkit = dialect{name: DialectGenkit, kind: genkitKind, refine: genkitRefine, counts: genkitCounts}

func genkitKind(r *reader, _ *context) Kind {
	switch r.first(sGenkitKind, sGenkitType) {
	case "model":
		return KindInference
	case "tool", "tool.v2":
		return KindTool
	case "embedder":
		return KindEmbedding
	case "retriever", "reranker", "indexer":
		return KindRetrieval
	case "flow":
		return KindWorkflow
	case "agent", "prompt", "executable-prompt", "util", "flowStep":
		return KindStep // generate repeats the usage of the call below it
	}
	return KindOther
}

func genkitRefine(r *reader, _ *context, a *Action) {
	name := r.get(sGenkitName)
	switch a.Kind {
	case KindInference, KindEmbedding:
		if vendor, model, ok := strings.Cut(name, "/"); ok {
			a.RequestModel = model
			p, g, _ := foldProvider(vendor)
			a.Provider, a.Gateway = firstOf(p, a.Provider), firstOf(g, a.Gateway)
		} else if a.RequestModel == "" {
			a.RequestModel = name
		}
		a.FinishReason = unquote(field(r.json(sGenkitOutput), "finishReason"))
	case KindTool:
		a.Tool.Name = name
	default:
	}
}

func genkitCounts(r *reader, _ *context, _ *Action, u *stated) {
	out := r.json(sGenkitOutput)
	for o := parseObject(field(out, "usage")); o.next(); {
		switch o.key {
		case "inputTokens":
			fill(&u.in, r.jsonCount(o.raw))
		case "outputTokens":
			fill(&u.out, r.jsonCount(o.raw))
		case "totalTokens":
			fill(&u.total, r.jsonCount(o.raw))
		case "thoughtsTokens":
			fill(&u.reason, r.jsonCount(o.raw))
		case "cachedContentTokens":
			fill(&u.read, r.jsonCount(o.raw))
		}
	}
	if raw := field(out, "raw", "usage"); raw != "" && !u.read.Known {
		if c := field(raw, "prompt_tokens_details", "cached_tokens"); c != "" {
			u.read = r.jsonCount(c)
		}
	}
}
