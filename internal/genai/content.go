package genai

import "strings"

// IsContent reports whether an attribute holds what people or models said:
// prompts, messages, tool arguments and results. Such attributes are stored only
// where the operator opted in.
func IsContent(key string) bool {
	if contentKeys[key] {
		return true
	}
	for _, p := range contentPrefixes {
		if strings.HasPrefix(key, p) {
			return !notContent[key]
		}
	}
	// OpenInference numbers its messages and documents under many parents.
	return strings.HasSuffix(key, ".document.content") || strings.HasSuffix(key, ".message.content")
}

// SoundsLikeContent reports whether an attribute that is in no list bears a name
// of content: its last word is one of those that every dialect uses. Its text is
// then content as well; a number under such a name is a count.
func SoundsLikeContent(key string) bool {
	return contentWords[strings.ToLower(lastWord(key))] && !notContent[key]
}

var contentWords = map[string]bool{
	"input": true, "inputs": true, "output": true, "outputs": true, "messages": true, "prompt": true, "prompts": true,
	"completion": true, "completions": true, "arguments": true, "args": true, "content": true, "contents": true,
	"instructions": true, "transcript": true, "utterance": true,
}

// lastWord is the last of the words of a.b_c:dE, which is E.
func lastWord(key string) string {
	i := strings.LastIndexAny(key, "._:/- ")
	word := key[i+1:]
	for at := len(word) - 1; at > 0; at-- {
		if c := word[at]; c >= 'A' && c <= 'Z' && word[at-1] >= 'a' && word[at-1] <= 'z' {
			return word[at:]
		}
	}
	return word
}

var contentPrefixes = []string{
	"gen_ai.prompt.", "gen_ai.completion.", "llm.input_messages.", "llm.output_messages.", "llm.prompts.",
	"llm.completions.", "llm.prompt_template.", "ai.prompt.", "ai.response.text", "ai.response.object",
	"ai.response.toolCalls", "ai.response.reasoning", "ai.response.files", "retrieval.documents.",
	"reranker.input_documents.", "reranker.output_documents.", "embedding.embeddings.", "mastra.model_generation.",
	"mastra.model_step.input", "mastra.model_step.output", "mastra.model_chunk.output", "gen_ai.request.messages",
	"input.audio.", "output.audio.", "input.image.", "output.image.",
}

// notContent are names that share a prefix with content: gen_ai.prompt.name is
// an identifier.
var notContent = map[string]bool{"gen_ai.prompt.name": true, "gen_ai.prompt.version": true, "gen_ai.prompt.id": true}

var contentKeys = func() map[string]bool {
	m := map[string]bool{}
	for _, k := range []string{
		"gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt",
		"gen_ai.completion", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions",
		"gen_ai.tool.args", "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.memory.query.text",
		"gen_ai.memory.records", "gen_ai.event.content", "gen_ai.content.prompt", "gen_ai.content.completion",
		"input.value", "output.value", "input", "output", "ai.prompt", "ai.prompt.messages", "ai.prompt.tools",
		"ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "ai.embedding", "ai.embeddings", "ai.schema",
		"traceloop.entity.input", "traceloop.entity.output", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response",
		"gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response", "gcp.vertex.agent.data",
		"langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
		"genkit:input", "genkit:output", "mcp.request.argument", "mcp.response.value", "tool_arguments", "tool_response",
		"tool.parameters", "tool_parameters", "arguments", "system_prompt", "all_messages_events", "pydantic_ai.all_messages",
		"final_result", "agent.messages", "agent.messages.ui", "agent.instructions", "agent.stateSnapshot", "llm.messages",
		"llm.tools", "llm.function_call", "embedding.text", "reranker.query", "model_request_parameters", "logfire.json_schema",
		"function_args", "prompt", "response", "request_data", "response_data", "user_prompt", "mastra.metadata.body",
	} {
		m[k] = true
	}
	return m
}()
