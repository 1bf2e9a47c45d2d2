package genai

import "strings"

// semconv reads the OpenTelemetry GenAI, MCP and A2A conventions.
var semconv = dialect{name: DialectSemconv, kind: semconvKind}

func semconvKind(r *reader, c *context) Kind {
	if k := mcpKind(r); k != "" {
		return k
	}
	if r.has(sOperation) {
		return ""
	}
	return bareKind(r)
}

// mcpKind: of the protocol's methods only a tool call is an action of its own
// kind, reading a resource is a retrieval, the rest is plumbing.
func mcpKind(r *reader) Kind {
	switch r.get(sMCPMethod) {
	case "":
		return ""
	case "tools/call":
		return KindTool
	case "resources/read":
		return KindRetrieval
	}
	return KindOther
}

// bareKind reads a span without an operation name: what OpenLLMetry's SDK calls
// it, under whatever dialect; else it is a model call only if it names a model
// and states usage.
func bareKind(r *reader) Kind {
	if k := traceloopKinds[strings.ToLower(r.get(sTLKind))]; k != "" {
		return k
	}
	if !r.has(sRequestModel) && !r.has(sResponseModel) && !r.has(sModelName) {
		return KindOther
	}
	if r.numRank[nInput] != 0 || r.numRank[nOutput] != 0 {
		return KindInference
	}
	return KindOther
}

// anthropicSDK reads the tracing of Anthropic's own SDK.
var anthropicSDK = dialect{name: DialectAnthropicSDK}

// vercelOTel reads AI SDK 7's own OpenTelemetry integration.
var vercelOTel = dialect{name: DialectVercelOTel}

// pydanticAI reads pydantic-ai; v2 has no operation names.
var pydanticAI = dialect{name: DialectPydanticAI, kind: func(r *reader, c *context) Kind {
	switch {
	case r.has(sOperation):
		return ""
	case r.has(sToolArgs) || r.has(sToolName):
		return KindTool
	case r.has(sAgentName) && !r.has(sResponseModel):
		return KindAgent
	}
	return bareKind(r)
}}

// geminiCLI reads Gemini CLI: every step is a trace of its own, and the agent's
// name is always the program's.
var geminiCLI = dialect{name: DialectGeminiCLI, refine: func(_ *reader, _ *context, a *Action) {
	if a.Provider == "" && a.Kind == KindInference {
		a.Provider = "gcp.gemini"
	}
}}

// ownDialect reads the spans that spanwarden itself writes.
var ownDialect = dialect{name: DialectSpanwarden, kind: func(r *reader, _ *context) Kind {
	if r.marks&markCDecision != 0 {
		return KindDecision
	}
	return KindOther
}}
