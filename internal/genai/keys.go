package genai

import "github.com/spanwarden/spanwarden/internal/attr"

// key says what one attribute means. A lower rank wins over a higher one.
type key struct {
	str  strSlot
	num  numSlot
	kind keyKind
	rank uint8
	mark mark
}

type keyKind uint8

const (
	isText keyKind = iota + 1
	isCount
	isCost // a number of currency units, ranked by how well it is defined
	isFlag // only its presence, or its being true, matters
	isBody // text, or a structure that is read as its JSON text
)

func text(s strSlot, rank uint8, m mark) key { return key{kind: isText, str: s, rank: rank, mark: m} }

func body(s strSlot, rank uint8, m mark) key { return key{kind: isBody, str: s, rank: rank, mark: m} }

func count(n numSlot, rank uint8, m mark) key { return key{kind: isCount, num: n, rank: rank, mark: m} }
func cost(rank uint8) key                     { return key{kind: isCost, rank: rank} }
func flag(m mark) key                         { return key{kind: isFlag, mark: m} }

// keys is every attribute that is read. Adding an emitter begins here.
var keys = func() map[string]key {
	all := map[string]key{}
	for _, table := range []map[string]key{
		ownKeys, semconvKeys, usageKeys, toolKeys, identityKeys, emitterKeys, costKeys,
	} {
		for k, v := range table {
			if _, twice := all[k]; twice {
				panic("genai: key " + k + " stands in two tables")
			}
			all[k] = v
		}
	}
	return all
}()

var ownKeys = map[string]key{
	attr.ActionKind:         text(sCKind, 0, 0),
	attr.Dialect:            text(sCDialect, 0, 0),
	attr.AgentID:            text(sCAgentID, 0, 0),
	attr.AgentName:          text(sCAgentName, 0, 0),
	attr.AgentVersion:       text(sCAgentVersion, 0, 0),
	attr.SessionID:          text(sOwnSession, 0, 0),
	attr.ProjectID:          text(sOwnProject, 0, 0),
	attr.TenantID:           text(sOwnTenant, 0, 0),
	attr.PrincipalID:        text(sOwnPrincipal, 0, 0),
	attr.Inherited:          text(sCInherited, 0, 0),
	attr.PrincipalType:      text(sCPrincipalType, 0, 0),
	attr.PrincipalGrade:     text(sCGrade, 0, 0),
	attr.ToolName:           text(sCToolName, 0, 0),
	attr.ToolOperation:      text(sCToolOperation, 0, 0),
	attr.ToolResource:       text(sCToolResource, 0, 0),
	attr.UsageAccounting:    text(sCAccounting, 0, 0),
	attr.InputTokens:        count(nCInput, 0, 0),
	attr.OutputTokens:       count(nCOutput, 0, 0),
	attr.CacheReadTokens:    count(nCRead, 0, 0),
	attr.CacheWriteTokens:   count(nCWrite, 0, 0),
	attr.CacheWrite1hTokens: count(nCWrite1h, 0, 0),
	attr.ReasoningTokens:    count(nCReasoning, 0, 0),
	attr.UsageEstimated:     flag(markCEstimated),
	attr.UsageInvalid:       flag(markCInvalid),
	attr.ActionDuplicate:    flag(markCDuplicate),
	attr.DecisionID:         flag(markCDecision),
}

// semconvKeys are the OpenTelemetry GenAI and MCP conventions, v1.26 to date.
var semconvKeys = map[string]key{
	"gen_ai.operation.name":                text(sOperation, 0, markGenAI),
	"gen_ai.provider.name":                 text(sProvider, 0, markGenAI),
	"gen_ai.system":                        text(sProvider, 1, markGenAI),
	"gen_ai.request.model":                 text(sRequestModel, 0, markGenAI),
	"gen_ai.original.model":                text(sRequestModel, 5, markGenAI),
	"gen_ai.response.model":                text(sResponseModel, 0, markGenAI),
	"gen_ai.response.id":                   text(sResponseID, 0, markGenAI),
	"gen_ai.response.finish_reasons":       text(sFinish, 0, markGenAI),
	"gen_ai.response.finish_reason":        text(sFinish, 1, markGenAI),
	"openai.response.service_tier":         text(sTier, 0, 0),
	"gen_ai.openai.response.service_tier":  text(sTier, 1, markGenAI),
	"anthropic.response.service_tier":      text(sTier, 2, 0),
	"gen_ai.response.service_tier":         text(sTier, 3, markGenAI),
	"openai.request.service_tier":          text(sRequestTier, 0, 0),
	"gen_ai.openai.request.service_tier":   text(sRequestTier, 1, markGenAI),
	"gen_ai.request.service_tier":          text(sRequestTier, 2, markGenAI),
	"anthropic.response.speed":             text(sSpeed, 0, 0),
	"gen_ai.response.speed":                text(sSpeed, 1, markGenAI),
	"speed":                                text(sSpeed, 2, 0),
	"gen_ai.request.region":                text(sRegion, 0, markGenAI),
	"server.address":                       text(sServer, 0, 0),
	"gen_ai.request.stream":                flag(markGenAI | markStream),
	"gen_ai.request.is_stream":             flag(markGenAI | markStream),
	"llm.is_streaming":                     flag(markLLM | markStream),
	"llm.stream":                           flag(markStream),
	"error.type":                           text(sErrorType, 0, 0),
	"openai.api.type":                      text(sAPIType, 0, 0),
	"gen_ai.agent.id":                      text(sAgentID, 0, markGenAI),
	"gen_ai.agent.name":                    text(sAgentName, 0, markGenAI),
	"agent_name":                           text(sAgentName, 2, 0), // pydantic-ai v2
	"gen_ai.agent.version":                 text(sAgentVersion, 0, markGenAI),
	"gen_ai.workflow.name":                 text(sWorkflow, 0, markGenAI),
	"gen_ai.conversation.id":               text(sConversation, 0, markGenAI),
	"gen_ai.data_source.id":                text(sDataSource, 0, markGenAI),
	"gen_ai.memory.store.id":               text(sMemoryStore, 0, markGenAI),
	"gen_ai.transfer.mode":                 text(sHandoffMode, 0, markGenAI),
	"gen_ai.transfer.target.name":          text(sHandoffTo, 0, markGenAI),
	"gen_ai.agent.handoff.source.name":     text(sHandoffFrom, 1, markGenAI),
	"gen_ai.agent.handoff.target.name":     text(sHandoffTo, 1, markGenAI),
	"gen_ai.handoff.from_agent":            text(sHandoffFrom, 2, markGenAI),
	"gen_ai.handoff.to_agent":              text(sHandoffTo, 2, markGenAI),
	"gen_ai.agent.source":                  text(sHandoffFrom, 3, markGenAI),
	"gen_ai.agent.target":                  text(sHandoffTo, 3, markGenAI),
	"from_agent":                           text(sHandoffFrom, 4, 0), // Logfire
	"to_agent":                             text(sHandoffTo, 4, 0),
	"langgraph.command.source_node":        text(sHandoffFrom, 5, 0),
	"langgraph.command.goto_node":          text(sHandoffTo, 5, 0),
	"mcp.method.name":                      text(sMCPMethod, 0, markMCP),
	"mcp.resource.uri":                     text(sMCPResource, 0, markMCP),
	"mcp.session.id":                       flag(markMCP),
	"mcp.protocol.version":                 flag(markMCP),
	"a2a.method.name":                      text(sA2AMethod, 0, markA2A),
	"gen_ai.usage.cost.currency":           text(sCurrency, 0, markGenAI),
	"gen_ai.guardrail.component.name":      flag(markGenAI),
	"gen_ai.guardrail.name":                flag(markGenAI | markGuardrail),
	"gen_ai.guardrail.triggered":           flag(markGenAI | markGuardrail),
	"gen_ai.client.operation.duration":     flag(markGenAI),
	"gen_ai.response.time_to_first_chunk":  flag(markGenAI),
	"gen_ai.client.token.usage":            flag(markGenAI), // OpenLIT: a histogram's name, no count
	"http.response.status_code":            flag(0),
	"gen_ai.aggregated_usage.input_tokens": flag(markGenAI),
}

const tokens = "gen_ai.usage."

// usageKeys are all names of token counts. Aliases of one count share its slot.
var usageKeys = map[string]key{
	tokens + "input_tokens":                                    count(nInput, 0, markGenAI),
	tokens + "prompt_tokens":                                   count(nInput, 1, markGenAI),
	"ai.usage.inputTokens":                                     count(nInput, 2, 0),
	"ai.usage.promptTokens":                                    count(nInput, 3, 0),
	"llm.token_count.prompt":                                   count(nInput, 4, markLLM),
	tokens + "output_tokens":                                   count(nOutput, 0, markGenAI),
	tokens + "completion_tokens":                               count(nOutput, 1, markGenAI),
	"ai.usage.outputTokens":                                    count(nOutput, 2, 0),
	"ai.usage.completionTokens":                                count(nOutput, 3, 0),
	"llm.token_count.completion":                               count(nOutput, 4, markLLM),
	tokens + "total_tokens":                                    count(nTotal, 0, markGenAI),
	"ai.usage.totalTokens":                                     count(nTotal, 1, 0),
	"llm.token_count.total":                                    count(nTotal, 2, markLLM),
	"llm.usage.total_tokens":                                   count(nTotal, 3, 0),
	"ai.usage.tokens":                                          count(nEmbedding, 0, 0),
	tokens + "cache_read.input_tokens":                         count(nRead, 0, markGenAI),
	tokens + "cache_read_input_tokens":                         count(nRead, 1, markGenAI),
	tokens + "cache_read_tokens":                               count(nRead, 2, markGenAI),
	tokens + "details.cache_read_input_tokens":                 count(nRead, 3, markGenAI),
	tokens + "details.cache_read_tokens":                       count(nRead, 4, markGenAI),
	tokens + "prompt_details.cache_read":                       count(nRead, 5, markGenAI),
	tokens + "prompt_tokens_details.cached_tokens":             count(nRead, 6, markGenAI),
	tokens + "input_cached_tokens":                             count(nRead, 7, markGenAI),
	tokens + "cached_tokens":                                   count(nRead, 8, markGenAI),
	"ai.usage.inputTokenDetails.cacheReadTokens":               count(nRead, 9, 0),
	"ai.usage.cachedInputTokens":                               count(nRead, 10, 0),
	"llm.token_count.prompt_details.cache_read":                count(nRead, 11, markLLM),
	"llm.token_count.prompt_details.cache_input":               count(nRead, 12, markLLM),
	tokens + "cache_write.input_tokens":                        count(nWrite, 0, markGenAI),
	tokens + "cache_creation.input_tokens":                     count(nWrite, 1, markGenAI),
	tokens + "cache_creation_input_tokens":                     count(nWrite, 2, markGenAI),
	tokens + "cache_write_input_tokens":                        count(nWrite, 3, markGenAI),
	tokens + "cache_write_tokens":                              count(nWrite, 4, markGenAI),
	tokens + "details.cache_write_input_tokens":                count(nWrite, 5, markGenAI),
	tokens + "details.cache_write_tokens":                      count(nWrite, 6, markGenAI),
	tokens + "details.cache_creation_input_tokens":             count(nWrite, 7, markGenAI),
	tokens + "prompt_details.cache_write":                      count(nWrite, 8, markGenAI),
	tokens + "prompt_tokens_details.cache_creation_tokens":     count(nWrite, 9, markGenAI),
	tokens + "input_cache_creation":                            count(nWrite, 10, markGenAI),
	"ai.usage.inputTokenDetails.cacheWriteTokens":              count(nWrite, 11, 0),
	"llm.token_count.prompt_details.cache_write":               count(nWrite, 12, markLLM),
	"anthropic.usage.cache_creation.ephemeral_5m_input_tokens": count(nWrite5m, 0, 0),
	"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": count(nWrite1h, 0, 0),
	tokens + "cache_creation.5m_input_tokens":                  count(nWrite5m, 1, markGenAI),
	tokens + "cache_creation.1h_input_tokens":                  count(nWrite1h, 1, markGenAI),
	tokens + "input_cache_creation_5m":                         count(nWrite5m, 2, markGenAI),
	tokens + "input_cache_creation_1h":                         count(nWrite1h, 2, markGenAI),
	"ai.usage.inputTokenDetails.noCacheTokens":                 count(nNoCache, 0, 0),
	tokens + "reasoning.output_tokens":                         count(nReasoning, 0, markGenAI),
	tokens + "reasoning_tokens":                                count(nReasoning, 1, markGenAI),
	tokens + "completion_details.reasoning":                    count(nReasoning, 2, markGenAI),
	tokens + "completion_tokens_details.reasoning_tokens":      count(nReasoning, 3, markGenAI),
	tokens + "output_reasoning_tokens":                         count(nReasoning, 4, markGenAI),
	tokens + "details.reasoning_tokens":                        count(nReasoning, 5, markGenAI),
	"ai.usage.outputTokenDetails.reasoningTokens":              count(nReasoning, 6, 0),
	"ai.usage.reasoningTokens":                                 count(nReasoning, 7, 0),
	"llm.token_count.completion_details.reasoning":             count(nReasoning, 8, markLLM),
	"llm.usage.reasoning_tokens":                               count(nLegacyReasoning, 0, 0),
	tokens + "audio.input_tokens":                              count(nAudioInput, 0, markGenAI),
	tokens + "prompt_details.audio":                            count(nAudioInput, 1, markGenAI),
	"llm.token_count.prompt_details.audio":                     count(nAudioInput, 2, markLLM),
	tokens + "audio.output_tokens":                             count(nAudioOutput, 0, markGenAI),
	tokens + "completion_details.audio":                        count(nAudioOutput, 1, markGenAI),
	"llm.token_count.completion_details.audio":                 count(nAudioOutput, 2, markLLM),
	tokens + "audio.cache_read.input_tokens":                   count(nAudioCached, 0, markGenAI),
	tokens + "image.input_tokens":                              count(nImageInput, 0, markGenAI),
	tokens + "image.output_tokens":                             count(nImageOutput, 0, markGenAI),
	tokens + "web_search_requests":                             count(nWebSearches, 0, markGenAI),
	"anthropic.usage.server_tool_use.web_search_requests":      count(nWebSearches, 1, 0),
	// VoltAgent: usage.* on the agent is the sum, llm.usage.* the last step.
	"usage.prompt_tokens":         count(nVoltInput, 0, 0),
	"usage.completion_tokens":     count(nVoltOutput, 0, 0),
	"usage.total_tokens":          count(nVoltTotal, 0, 0),
	"usage.cached_tokens":         count(nVoltCached, 0, 0),
	"usage.reasoning_tokens":      count(nVoltReasoning, 0, 0),
	"llm.usage.prompt_tokens":     count(nLegacyInput, 0, 0),
	"llm.usage.completion_tokens": count(nLegacyOutput, 0, 0),
	"llm.usage.cached_tokens":     count(nLegacyCached, 0, 0),
	// Claude Code: bare names, meaningful under its scope alone.
	"input_tokens":          count(nBareInput, 0, 0),
	"output_tokens":         count(nBareOutput, 0, 0),
	"cache_read_tokens":     count(nBareRead, 0, 0),
	"cache_creation_tokens": count(nBareWrite, 0, 0),
	// Codex: a turn repeats what its responses used.
	"codex.turn.token_usage.input_tokens":  count(nTurnInput, 0, markCodex),
	"codex.turn.token_usage.output_tokens": count(nTurnOutput, 0, markCodex),
}

// costKeys are what emitters say a call cost, best defined first.
var costKeys = map[string]key{
	"gen_ai.usage.cost.amount":                cost(0),
	"langfuse.observation.cost_details":       body(sCostDetails, 0, 0),
	"langfuse.observation.cost_details.total": cost(1),
	"llm.cost.total":                          cost(2),
	"operation.cost":                          cost(3),
	"gen_ai.usage.cost":                       cost(4),
	"gen_ai.usage.total_cost":                 cost(5),
	"gen_ai.cost.total":                       cost(6),
	"gen_ai.cost.total_cost":                  cost(7),
	"agw.ai.usage.cost.total":                 cost(9),
	"cost_usd":                                cost(10),
	"usage.estimated_usd":                     cost(11),
	"opencode.llm.cost.total":                 cost(12),
}
