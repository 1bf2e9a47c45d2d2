package genai

// claudeCode reads the spans of Claude Code. gen_ai.conversation.id is an agent
// id on the spans of sub-agents, so session.id is asked first.
var claudeCode = dialect{name: DialectClaudeCode, sessionFirst: true, kind: claudeKind, refine: func(_ *reader, _ *context, a *Action) {
	if a.Kind == KindInference && a.Provider == "" {
		a.Provider, _ = providerOfModel(a.RequestModel)
	}
}, counts: func(r *reader, _ *context, _ *Action, u *stated) {
	fill(&u.in, r.n(nBareInput))
	fill(&u.out, r.n(nBareOutput))
	fill(&u.read, r.n(nBareRead))
	fill(&u.write, r.n(nBareWrite))
}}

// claudeKind: the scope is known to be Claude Code's, whose spans carry no
// operation name; within it the span's name is the only thing that tells.
func claudeKind(r *reader, c *context) Kind {
	switch c.name {
	case "claude_code.interaction":
		return KindAgent
	case "claude_code.llm_request":
		return KindInference
	case "claude_code.tool":
		return KindTool
	case "claude_code.tool.execution", "claude_code.hook":
		return KindStep
	case "claude_code.tool.blocked_on_user":
		return KindDecision
	}
	if r.has(sOperation) {
		return ""
	}
	return KindOther
}

// codex reads the spans of Codex CLI. Of its many spans those with usage are
// model calls, those with a call id and a phase are tool calls; the rest repeat
// attributes of both.
var codex = dialect{name: DialectCodex, kind: func(r *reader, c *context) Kind {
	switch {
	case r.numRank[nTurnInput] != 0 || r.numRank[nTurnOutput] != 0:
		return KindWorkflow
	case r.numRank[nInput] != 0 || r.numRank[nOutput] != 0:
		return KindInference
	case r.has(sToolCallID) && r.has(sCodexPhase):
		return KindTool
	}
	return KindOther
}, refine: func(r *reader, _ *context, a *Action) {
	if a.Kind == KindInference && a.Provider == "" {
		a.Provider = "openai"
	}
}}
