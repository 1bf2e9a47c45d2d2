package genai

import (
	"strings"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// Dialect names an emitter family. The values are those of spanwarden.dialect.
type Dialect string

// All dialects. DialectNone is a span that has nothing to do with GenAI.
const (
	DialectNone          Dialect = ""
	DialectSemconv       Dialect = "semconv"
	DialectAnthropicSDK  Dialect = "anthropic_sdk"
	DialectOpenLLMetry   Dialect = "openllmetry"
	DialectOpenInference Dialect = "openinference"
	DialectVercelAI      Dialect = "vercel_ai"
	DialectVercelOTel    Dialect = "vercel_ai_otel"
	DialectLangfuse      Dialect = "langfuse"
	DialectOpenLIT       Dialect = "openlit"
	DialectMastra        Dialect = "mastra"
	DialectADK           Dialect = "adk"
	DialectStrands       Dialect = "strands"
	DialectOpenAIAgents  Dialect = "openai_agents"
	DialectPydanticAI    Dialect = "pydantic_ai"
	DialectLangSmith     Dialect = "langsmith"
	DialectVoltAgent     Dialect = "voltagent"
	DialectGenkit        Dialect = "genkit"
	DialectClaudeCode    Dialect = "claude_code"
	DialectCodex         Dialect = "codex"
	DialectGeminiCLI     Dialect = "gemini_cli"
	// DialectSpanwarden is our own: decisions and settled findings.
	DialectSpanwarden Dialect = "spanwarden"
)

// dialect is how one emitter is read. Every function may be nil.
type dialect struct {
	name Dialect
	// kind says what the span is; "" leaves it to the operation name.
	kind func(r *reader, c *context) Kind
	// refine corrects what the shared reading got wrong. It runs after kind,
	// agent, tool, provider and model are read.
	refine func(r *reader, c *context, a *Action)
	// counts adds token counts that stand elsewhere than in attributes.
	counts func(r *reader, c *context, a *Action, u *stated)
	// sessionFirst: gen_ai.conversation.id is not the session.
	sessionFirst bool
}

// context is what a span's surroundings say: its resource and its scope.
type context struct {
	service string // service.name
	scope   string
	version string
	name    string // span name; used for names, never to recognise a span
	tenant  string
	project string
	session string
	user    string
	main    Agent
	aiMajor int // AI SDK major version; 0 if unknown
	// cacheInside: the span's emitter is a release that counts the cache inside
	// the input, where older ones did not.
	cacheInside bool
	byScope     *dialect
	// own: spans may say that they are ours; not so where agents can reach us.
	own   bool
	rules []AccountingRule // the operator's
}

// scopeDialects recognises emitters by the beginning of their scope name.
var scopeDialects = []struct {
	prefix string
	d      *dialect
}{
	{"com.anthropic.claude_code", &claudeCode},
	{"com.anthropic.sdk", &anthropicSDK},
	{"langfuse-sdk", &langfuse},
	{"@openlit/", &openlit},
	{"openlit", &openlit},
	{"@mastra/", &mastra},
	{"gcp.vertex.agent", &adk},
	{"pydantic-ai", &pydanticAI},
	{"langsmith", &langSmith},
	{"@voltagent/", &voltAgent},
	{"genkit-tracer", &genkit},
	{"gemini-cli", &geminiCLI},
	{"codex_", &codex},
	{"codex-", &codex},
	{"codex.", &codex},
	{"strands.", &strands},
	{"@arizeai/openinference-instrumentation-openai-agents", &openAIAgentsOI},
	{"openinference.instrumentation.openai_agents", &openAIAgentsOI},
	{"opentelemetry.instrumentation.openai_agents", &openAIAgents},
	{"openai-agents", &openAIAgents},
	{"@arizeai/", &openInference},
	{"openinference", &openInference},
	{"@traceloop/", &openLLMetry},
}

func dialectOfScope(scope string) *dialect {
	switch scope {
	case "":
		return nil
	case "gen_ai":
		return &vercelOTel
	case "codex":
		return &codex
	case attr.Scope:
		return &ownDialect
	}
	for i := range scopeDialects {
		if strings.HasPrefix(scope, scopeDialects[i].prefix) {
			return scopeDialects[i].d
		}
	}
	return nil
}

// recognise picks the dialect of a span: AI SDK's own marker, then the scope,
// then the attributes that only one emitter writes. Wrappers add attributes to
// spans of others, so the emitter that owns the span is asked first.
func recognise(r *reader, c *context) *dialect {
	switch {
	case r.has(sAIOperation):
		return &vercelAI
	// An agent that takes our name for its scope does not hide its calls with it.
	case c.byScope == &ownDialect && c.own && (r.marks&markCDecision != 0 || c.name == attr.SettleSpan):
		return c.byScope
	case c.byScope != nil && c.byScope != &ownDialect:
		return c.byScope
	case r.has(sMastraKind):
		return &mastra
	case r.has(sLangfuseKind):
		return &langfuse
	case r.has(sLangsmithKind):
		return &langSmith
	case r.has(sGenkitKind) || r.has(sGenkitName):
		return &genkit
	case r.has(sVoltKind) && r.has(sVoltEntityType):
		return &voltAgent
	case r.marks&markADK != 0:
		return &adk
	case r.marks&markStrands != 0:
		return &strands
	case r.marks&markCodex != 0:
		return &codex
	case r.get(sSDKName) == "openlit":
		return &openlit
	case r.has(sOIKind):
		return &openInference
	case r.marks&markTraceloop != 0 || r.has(sTLKind) || r.has(sRequestType):
		return &openLLMetry
	case r.marks&(markGenAI|markMCP|markA2A|markLLM) != 0:
		return &semconv
	}
	return nil
}

// operations maps gen_ai.operation.name to a kind, standard names and others in
// use alike.
var operations = map[string]Kind{
	"chat": KindInference, "text_completion": KindInference, "generate_content": KindInference,
	"llm_call": KindInference, "llm_request": KindInference, "response": KindInference,
	"transcription": KindInference, "speech_generation": KindInference, "image": KindInference,
	"audio": KindInference, "completion": KindInference, "responses": KindInference,
	"embeddings": KindEmbedding, "embedding": KindEmbedding,
	"retrieval": KindRetrieval, "rerank": KindRetrieval, "vector_db_retrieve": KindRetrieval, "vectordb": KindRetrieval,
	"create_agent": KindOther, "fetch_response": KindOther,
	"invoke_agent": KindAgent, "agent_call": KindAgent,
	"execute_tool": KindTool, "tool_call": KindTool,
	"invoke_workflow": KindWorkflow, "invoke_swarm": KindWorkflow, "invoke_graph": KindWorkflow,
	"plan": KindStep, "agent_step": KindStep, "chain": KindStep, "workflow": KindStep, "model_generation": KindStep,
	"model_chunk": KindStep, "mapping": KindStep, "execute_node": KindStep, "invoke_node": KindStep,
	"execute_task": KindStep, "execute_event_loop_cycle": KindStep, "execute_agent_loop_cycle": KindStep,
	"schedule_tool_calls": KindStep, "user_prompt": KindStep, "system_prompt": KindStep,
	"handoff": KindHandoff, "agent_handoff": KindHandoff, "goto": KindHandoff,
	"apply_guardrail": KindGuardrail, "run_guardrail": KindGuardrail, "guardrail_check": KindGuardrail,
	"search_memory": KindMemory, "create_memory": KindMemory, "update_memory": KindMemory, "upsert_memory": KindMemory,
	"delete_memory": KindMemory, "create_memory_store": KindMemory, "delete_memory_store": KindMemory,
}

// kindOfOperation reads the operation name; known is false for a name that
// nobody is known to use.
func kindOfOperation(op string) (k Kind, known bool) {
	if k, known = operations[op]; known {
		return k, true
	}
	if strings.HasPrefix(op, "crawl") {
		return KindRetrieval, true
	}
	return KindOther, false
}
