package genai

import "strings"

// habitRule says how one emitter counts. Scope is a prefix; an empty provider
// means every provider. The first rule that fits decides.
type habitRule struct {
	scope     string
	provider  string
	cache     proof
	reasoning proof
	estimated bool
}

const (
	inside = proofInclusive
	beside = proofExclusive
)

// habitRules is how emitters are known to count, by instrumentation scope. The
// facts come from runs against a server with known counts, or from source.
var habitRules = []habitRule{
	{scope: "com.anthropic.sdk", cache: inside, reasoning: inside},
	{scope: "@traceloop/instrumentation-anthropic", cache: beside},
	{scope: "@traceloop/instrumentation-bedrock", cache: beside},
	{scope: "@traceloop/instrumentation-langchain", provider: "anthropic", cache: beside},
	{scope: "@traceloop/", provider: "openai", cache: inside},
	{scope: "opentelemetry.instrumentation.bedrock", cache: beside},
	{scope: "opentelemetry.instrumentation.", cache: inside},
	{scope: "@opentelemetry/instrumentation-openai", cache: inside},
	{scope: "@elastic/opentelemetry-instrumentation-openai", cache: inside},
	{scope: "openinference.instrumentation.claude_agent_sdk", cache: beside},
	{scope: "@arizeai/openinference-instrumentation-claude-agent-sdk", cache: beside},
	// Bedrock's InvokeModel is inclusive and Converse is not; both share a scope,
	// and Converse betrays itself by its total.
	{scope: "openinference.instrumentation.bedrock", cache: beside},
	{scope: "@arizeai/openinference-instrumentation-bedrock", cache: beside},
	{scope: "openinference.instrumentation.", cache: inside},
	{scope: "@arizeai/", cache: inside},
	{scope: "@openlit/instrumentation-langchain", estimated: true},
	{scope: "@openlit/", provider: "openai", cache: inside},
	{scope: "openlit", cache: inside},
	{scope: "@mastra/", provider: "openai", cache: inside},
	{scope: "langfuse-sdk", cache: beside, reasoning: beside},
	{scope: "langsmith", cache: inside},
	{scope: "pydantic-ai", cache: inside},
	{scope: "logfire", cache: inside},
	{scope: "litellm", cache: inside},
	{scope: "agent_framework", provider: "anthropic", cache: beside},
	{scope: "agent_framework", cache: inside},
	{scope: "gcp.vertex.agent", cache: inside, reasoning: beside},
	{scope: "gemini-cli", cache: inside, reasoning: beside},
	{scope: "genkit-tracer", cache: inside, reasoning: beside},
	{scope: "com.anthropic.claude_code", cache: beside},
	{scope: "@voltagent/", provider: "openai", cache: inside},
	{scope: "gen_ai", cache: inside}, // AI SDK 7
}

// habit is what the rule says, in the form of the built-in table.
func (r *AccountingRule) habit() habit {
	h := habit{cache: inside, reasoning: inside}
	if r.Exclusive {
		h.cache = beside
	}
	if r.ReasoningExclusive {
		h.reasoning = beside
	}
	return h
}

// habitOf looks up how a span's emitter counts, the operator's rules first.
func habitOf(c *context, a *Action) habit {
	for i := range c.rules {
		r := &c.rules[i]
		if strings.HasPrefix(c.scope, r.Scope) && (r.Service == "" || r.Service == c.service) && (r.Provider == "" || r.Provider == a.Provider) {
			return r.habit()
		}
	}
	// OpenLIT's Python libraries borrow OpenTelemetry's scope names.
	if a.Dialect == DialectOpenLIT && a.Provider == "anthropic" && !strings.Contains(c.scope, "langchain") {
		return habit{cache: beside}
	}
	for i := range habitRules {
		h := &habitRules[i]
		if strings.HasPrefix(c.scope, h.scope) && (h.provider == "" || h.provider == a.Provider) {
			return habit{cache: h.cache, reasoning: h.reasoning, estimated: h.estimated}
		}
	}
	return dialectHabit(c, a)
}

// dialectHabit knows emitters whose scope is the application's own name, or
// whose habit changed with a version.
func dialectHabit(c *context, a *Action) habit {
	switch a.Dialect {
	case DialectStrands:
		if !c.cacheInside && (a.Provider == "anthropic" || a.Provider == "aws.bedrock") {
			return habit{cache: beside}
		}
		return habit{cache: inside}
	case DialectVercelAI:
		switch {
		case c.aiMajor >= 6, a.Provider == "openai":
			return habit{cache: inside}
		case a.Provider == "anthropic":
			return habit{cache: beside}
		}
	case DialectVercelOTel, DialectCodex:
		return habit{cache: inside}
	case DialectVoltAgent:
		if a.Provider == "openai" {
			return habit{cache: inside}
		}
	case DialectGenkit, DialectADK, DialectGeminiCLI:
		return habit{cache: inside, reasoning: beside}
	case DialectLangfuse:
		return habit{cache: beside, reasoning: beside}
	case DialectAnthropicSDK, DialectLangSmith, DialectPydanticAI:
		return habit{cache: inside}
	case DialectClaudeCode:
		return habit{cache: beside}
	default: // many emitters, told by scope or by nothing
	}
	if a.Provider == "x_ai" {
		return habit{reasoning: beside}
	}
	return habit{}
}
