package genai

import "strings"

// vercelAI reads AI SDK 3 to 6, and 7 in its legacy mode. The outer span of a
// call repeats what its inner .doX spans used.
var vercelAI = dialect{name: DialectVercelAI, kind: vercelKind, refine: vercelRefine, counts: vercelCounts}

func vercelKind(r *reader, _ *context) Kind {
	op := r.get(sAIOperation)
	switch {
	case op == "ai.toolCall":
		return KindTool
	case strings.HasSuffix(op, ".doEmbed"):
		return KindEmbedding
	case strings.Contains(op, ".do"): // doGenerate, doStream, doRerank
		if strings.HasSuffix(op, ".doRerank") {
			return KindRetrieval
		}
		return KindInference
	case strings.HasPrefix(op, "ai.embed"), strings.HasPrefix(op, "ai.rerank"):
		return KindStep
	case strings.HasPrefix(op, "ai."):
		return KindAgent
	}
	return KindOther
}

func vercelRefine(r *reader, c *context, a *Action) {
	a.Operation = r.get(sAIOperation)
	if strings.Contains(a.Operation, "stream") || strings.Contains(a.Operation, "Stream") {
		a.Stream = true
	}
	c.aiMajor = vercelMajor(r)
	if md := r.json(sProviderMetadata); md != "" && a.ServiceTier == "" {
		a.ServiceTier = unquote(field(md, "openai", "serviceTier"))
		if a.ServiceTier == "" {
			a.ServiceTier = unquote(field(md, "anthropic", "usage", "service_tier"))
		}
	}
}

// vercelMajor tells the major version, on which the meaning of the input hangs:
// by the user agent, or by counts that only exist since 6.
func vercelMajor(r *reader) int {
	if ua := r.get(sUserAgent); strings.HasPrefix(ua, "ai/") {
		major, _, _ := strings.Cut(ua[3:], ".")
		if n, ok := digits(major); ok && major != "" {
			return int(n)
		}
	}
	if r.numRank[nNoCache] != 0 || r.rankIs(nRead, "ai.usage.inputTokenDetails.cacheReadTokens") {
		return 6
	}
	return 5
}

// rankIs reports whether a count was read from the named key.
func (r *reader) rankIs(s numSlot, name string) bool {
	return r.numRank[s] != 0 && r.numRank[s] == keys[name].rank+1
}

// vercelCounts adds what version 5 left out: Anthropic's cache counts stand in
// the provider's metadata alone, and so do the lifetimes of cache writes.
func vercelCounts(r *reader, c *context, a *Action, u *stated) {
	if a.Kind == KindEmbedding {
		u.in = r.n(nEmbedding)
		return
	}
	md := r.json(sProviderMetadata)
	if md == "" {
		return
	}
	usage := field(md, "anthropic", "usage")
	if usage == "" {
		usage = field(md, "bedrock", "usage")
	}
	for o := parseObject(usage); o.next(); {
		switch o.key {
		case "cache_read_input_tokens", "cacheReadInputTokens":
			if !u.read.Known {
				u.read = r.jsonCount(o.raw)
			}
		case "cache_creation_input_tokens", "cacheWriteInputTokens":
			if !u.write.Known {
				u.write = r.jsonCount(o.raw)
			}
		case "cache_creation":
			u.splitWrite(r.jsonCount(field(o.raw, "ephemeral_5m_input_tokens")), r.jsonCount(field(o.raw, "ephemeral_1h_input_tokens")))
		}
	}
}
