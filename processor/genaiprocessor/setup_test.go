package genaiprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

func setupOf(kind genai.Kind, key string, attrs map[string]any) (prompt, tools string) {
	span := ptrace.NewSpan()
	_ = span.Attributes().FromRaw(attrs)
	it := genai.Item{Span: span}
	it.Action.Kind = kind
	d := setupDigests{key: []byte(key)}
	d.write(&it)
	text := func(name string) string {
		v, ok := span.Attributes().Get(name)
		if !ok {
			return ""
		}
		return v.AsString()
	}
	return text(attr.PromptDigest), text(attr.ToolsDigest)
}

// Wherever an emitter puts the same instructions, the digest is of them alone.
func TestSetupDigests(t *testing.T) {
	const be = "sha256:b0d336336bae9756708102764ccc9777" // of: be brief
	tests := map[string]struct {
		kind          genai.Kind
		attrs         map[string]any
		prompt, tools string
	}{
		"the standard's":      {genai.KindInference, map[string]any{"gen_ai.system_instructions": "be brief"}, be, ""},
		"a framework's":       {genai.KindAgent, map[string]any{"agent.instructions": "be brief"}, be, ""},
		"a message":           {genai.KindInference, map[string]any{"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "be brief"}, be, ""},
		"a user's message":    {genai.KindInference, map[string]any{"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "be brief"}, "", ""},
		"in all messages":     {genai.KindInference, map[string]any{"gen_ai.input.messages": `[{"role":"system","content":"be brief"},{"role":"user"`}, "sha256:*", ""},
		"not in all messages": {genai.KindInference, map[string]any{"gen_ai.input.messages": `[{"role":"user","content":"be brief"}]`}, "", ""},
		"no JSON":             {genai.KindInference, map[string]any{"gen_ai.input.messages": `be brief`}, "", ""},
		"none":                {genai.KindInference, map[string]any{"gen_ai.system_instructions": "", "gen_ai.tool.definitions": "[]"}, "", ""},
		"tools":               {genai.KindInference, map[string]any{"gen_ai.tool.definitions": `[{"name":"get"}]`}, "", "sha256:*"},
		"no model call":       {genai.KindTool, map[string]any{"gen_ai.system_instructions": "be brief"}, "", ""},
	}
	fits := func(t *testing.T, want, got string) {
		t.Helper()
		if prefix, some := strings.CutSuffix(want, "*"); some {
			assert.Regexp(t, "^"+prefix+"[0-9a-f]{32}$", got)
			return
		}
		assert.Equal(t, want, got)
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			prompt, tools := setupOf(c.kind, "", c.attrs)
			fits(t, c.prompt, prompt)
			fits(t, c.tools, tools)
		})
	}
}

func TestSetupDigestsKeyed(t *testing.T) {
	attrs := map[string]any{"gen_ai.system_instructions": "be brief"}
	plain, _ := setupOf(genai.KindInference, "", attrs)
	a, _ := setupOf(genai.KindInference, "a", attrs)
	again, _ := setupOf(genai.KindInference, "a", attrs)
	b, _ := setupOf(genai.KindInference, "b", attrs)
	assert.Regexp(t, "^hmac-sha256:[0-9a-f]{32}$", a)
	assert.Equal(t, a, again)
	assert.NotEqual(t, a, b)
	assert.NotContains(t, a, strings.TrimPrefix(plain, "sha256:"))
}

// Whatever stands where messages are expected, nothing but a digest is added.
func FuzzSetupDigests(f *testing.F) {
	f.Add(`[{"role":"system","content":"x"}]`, "x")
	f.Add(`[{"role":"system"`, "")
	f.Fuzz(func(t *testing.T, messages, instructions string) {
		span := ptrace.NewSpan()
		span.Attributes().PutStr("gen_ai.input.messages", messages)
		span.Attributes().PutStr("gen_ai.system_instructions", instructions)
		it := genai.Item{Span: span}
		it.Action.Kind = genai.KindInference
		(&setupDigests{}).write(&it)
		span.Attributes().RemoveIf(func(k string, v pcommon.Value) bool {
			if k == attr.PromptDigest {
				assert.Regexp(t, "^sha256:[0-9a-f]{32}$", v.AsString())
				return true
			}
			return k == "gen_ai.input.messages" || k == "gen_ai.system_instructions"
		})
		assert.Zero(t, span.Attributes().Len())
	})
}
