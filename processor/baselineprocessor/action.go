package baselineprocessor

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
)

// read translates what a span says into what the engine asks. It reports false
// where no baseline is concerned and nothing of the user's is said.
func read(item *genai.Item, to *engine.Action) bool {
	a, span := &item.Action, item.Span
	*to = engine.Action{
		ID: item.ActionID(), Kind: kindOf(a),
		Tenant: a.Tenant, Project: a.Project, Agent: a.Agent.ID, Session: a.Session, Principal: a.Principal.ID,
		Start: span.StartTimestamp().AsTime(), End: span.EndTimestamp().AsTime(),
		TraceID: span.TraceID(), SpanID: span.SpanID(),
	}
	to.Service, _ = text(item.Resource.Attributes(), "service.name")
	if span.EndTimestamp() == 0 {
		to.Kind = engine.Other // a span without an end has no time
	}
	if to.Session == "" && !span.TraceID().IsEmpty() {
		to.Session = traceSession(to.TraceID)
	}
	switch to.Kind {
	case engine.Model:
		readModel(item, to)
	case engine.Tool:
		to.Tool, to.Operation, to.Resource = a.Tool.Name, a.Tool.Operation, a.Tool.Resource
		to.Arguments, to.Result = a.Tool.Arguments, a.Tool.Result
	case engine.Other:
		to.Prompt = prompt(item)
		return to.Prompt != "" && span.EndTimestamp() != 0
	}
	if a.Outcome == genai.OutcomeFailure {
		to.Failed, to.Error = true, errorOf(item)
	}
	return true
}

// traceSession stands in for the session of a span that names none: a run is its
// trace.
func traceSession(trace [16]byte) string { return "trace:" + hex.EncodeToString(trace[:]) }

// kindOf leaves out what repeats other spans, and steps that call nothing.
func kindOf(a *genai.Action) engine.Kind {
	switch a.Kind {
	case genai.KindInference, genai.KindEmbedding:
		if a.IsModelCall() && !a.Duplicate {
			return engine.Model
		}
	case genai.KindTool, genai.KindRetrieval, genai.KindMemory:
		if !a.Duplicate && a.Tool.Name != "" {
			return engine.Tool
		}
	default:
	}
	return engine.Other
}

func readModel(item *genai.Item, to *engine.Action) {
	a := &item.Action
	if to.Model = a.ResponseModel; to.Model == "" {
		to.Model = a.RequestModel
	}
	if u := &a.Usage; u.Any() && !u.Invalid {
		to.Tokens = engine.Known(float64(u.Input.N + u.Output.N))
	}
	if v, ok := item.Span.Attributes().Get(attr.CostUSD); ok && v.Type() == pcommon.ValueTypeDouble {
		to.Cost = engine.Known(v.Double())
	}
	to.Prompt, to.Message = prompt(item), message(item)
}

// messageKeys hold what a model answered.
var messageKeys = []string{"gen_ai.output.messages", "gen_ai.completion.0.content", "ai.response.text", "llm.output_messages.0.message.content", "output.value"}

// message returns the answer of a model that calls no tool, "" where it is not
// recorded: to tell whether it repeats.
func message(item *genai.Item) string {
	if strings.Contains(item.Action.FinishReason, "tool") {
		return ""
	}
	for _, k := range messageKeys {
		if v, ok := item.Span.Attributes().Get(k); ok {
			if s := v.AsString(); s != "" && !strings.Contains(s, "tool_call") {
				return s[:min(len(s), maxWaitingText)]
			}
		}
	}
	return ""
}

// errorOf is the shortest name of what went wrong: a status that was returned
// says more than the type of an exception that carried it.
func errorOf(item *genai.Item) string {
	for _, key := range []string{"http.response.status_code", "http.status_code", "rpc.grpc.status_code"} {
		if v, ok := text(item.Span.Attributes(), key); ok && v != "" && v != "200" {
			return v
		}
	}
	return item.Action.ErrorType
}

// promptKeys hold what was said to a model or an agent, as a list of messages or
// as plain text.
var promptKeys = []string{
	"gen_ai.input.messages", "ai.prompt.messages", "ai.prompt", "user_prompt", "input.value", "traceloop.entity.input", "langfuse.observation.input",
}

// numbered are prefixes of messages written as one attribute each.
var numbered = []struct{ prefix, role, content string }{
	{"gen_ai.prompt.", ".role", ".content"},
	{"llm.input_messages.", ".message.role", ".message.content"},
}

// prompt returns what the user said on a span of a model or an agent, "" where it
// is not recorded.
func prompt(item *genai.Item) string {
	switch item.Action.Kind {
	case genai.KindInference, genai.KindAgent, genai.KindWorkflow:
	default:
		return ""
	}
	m := item.Span.Attributes()
	for _, n := range numbered {
		for i := range 4 {
			at := n.prefix + strconv.Itoa(i)
			role, ok := text(m, at+n.role)
			if !ok {
				break
			}
			if said, _ := text(m, at+n.content); role == "user" && said != "" {
				return plain(said)
			}
		}
	}
	for _, k := range promptKeys {
		if v, ok := text(m, k); ok && v != "" {
			return v
		}
	}
	return ""
}

// plain keeps text that looks like JSON from being read as messages.
func plain(s string) string {
	if s = strings.TrimSpace(s); s != "" && (s[0] == '[' || s[0] == '{') {
		return " . " + s
	}
	return s
}

func text(m pcommon.Map, key string) (string, bool) {
	v, ok := m.Get(key)
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

// maxSkew is how far ahead of the clock a span may end. One further ahead would
// end every session.
const maxSkew = 10 * time.Minute
