package genai

import "strings"

// langfuse reads the Langfuse SDK, which keeps all tokens in one JSON of
// disjoint buckets.
var langfuse = dialect{name: DialectLangfuse, kind: langfuseKind, refine: langfuseRefine, counts: langfuseCounts}

var langfuseKinds = map[string]Kind{
	"generation": KindInference, "embedding": KindEmbedding, "agent": KindAgent, "tool": KindTool, "chain": KindStep,
	"retriever": KindRetrieval, "guardrail": KindGuardrail, "evaluator": KindStep, "span": KindStep, "event": KindOther,
}

func langfuseKind(r *reader, _ *context) Kind {
	if k := langfuseKinds[strings.ToLower(r.get(sLangfuseKind))]; k != "" {
		return k
	}
	return KindOther
}

func langfuseRefine(r *reader, c *context, a *Action) {
	switch a.Kind {
	case KindTool:
		if a.Tool.Name == "" {
			a.Tool.Name = clean(c.name)
		}
	case KindAgent:
		if a.Agent.Name == "" {
			a.Agent.Name = clean(c.name)
		}
	default:
	}
	if id := unquote(field(r.json(sOutput), "id")); a.ResponseID == "" && isResponseID(id) {
		a.ResponseID = id
	}
	if d := r.json(sCostDetails); d != "" && !a.Reported.Known {
		if f, ok := parseFloat(field(d, "total")); ok && f > 0 {
			a.Reported = ReportedCost{Amount: f, Known: true}
		}
	}
}

// langfuseCounts sums nothing itself: input and output lie beside their details.
func langfuseCounts(r *reader, _ *context, _ *Action, u *stated) {
	var m5, h1 Count
	for o := parseObject(r.json(sUsageDetails)); o.next(); {
		switch o.key {
		case "input":
			fill(&u.in, r.jsonCount(o.raw))
		case "output":
			fill(&u.out, r.jsonCount(o.raw))
		case "total":
			fill(&u.total, r.jsonCount(o.raw))
		case "input_cached_tokens", "input_cache_read", "cache_read_input_tokens":
			fill(&u.read, r.jsonCount(o.raw))
		case "input_cache_creation", "cache_creation_input_tokens":
			fill(&u.write, r.jsonCount(o.raw))
		case "input_cache_creation_5m":
			m5 = r.jsonCount(o.raw)
		case "input_cache_creation_1h":
			h1 = r.jsonCount(o.raw)
		case "output_reasoning_tokens", "output_reasoning":
			fill(&u.reason, r.jsonCount(o.raw))
		case "input_audio_tokens":
			fill(&u.audioIn, r.jsonCount(o.raw))
		case "output_audio_tokens":
			fill(&u.audioOut, r.jsonCount(o.raw))
		}
	}
	if m5.Known || h1.Known {
		u.splitWrite(m5, h1)
	}
}

// langSmith reads LangSmith's OpenTelemetry export.
var langSmith = dialect{name: DialectLangSmith, sessionFirst: true, kind: func(r *reader, _ *context) Kind {
	switch r.get(sLangsmithKind) {
	case "llm":
		return KindInference
	case "tool":
		return KindTool
	case "retriever":
		return KindRetrieval
	case "embedding":
		return KindEmbedding
	case "chain", "prompt", "parser":
		return KindStep
	}
	return ""
}, refine: func(r *reader, c *context, a *Action) {
	if a.Kind == KindTool && a.Tool.Name == "" {
		a.Tool.Name = clean(c.name)
	}
}, counts: func(r *reader, _ *context, _ *Action, u *stated) {
	for o := parseObject(r.json(sInDetails)); o.next(); {
		switch o.key {
		case "cache_read":
			fill(&u.read, r.jsonCount(o.raw))
		case "cache_creation":
			fill(&u.write, r.jsonCount(o.raw))
		case "audio":
			fill(&u.audioIn, r.jsonCount(o.raw))
		}
	}
	for o := parseObject(r.json(sOutDetails)); o.next(); {
		switch o.key {
		case "reasoning":
			fill(&u.reason, r.jsonCount(o.raw))
		case "audio":
			fill(&u.audioOut, r.jsonCount(o.raw))
		}
	}
}}
