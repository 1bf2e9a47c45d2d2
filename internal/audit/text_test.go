package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// A value is stored as the collector's own library words it, however it is made.
func FuzzTextOf(f *testing.F) {
	for _, text := range []string{"", "stop", `"`, `\`, "é", "\x00", "\xff", "<&>", "\u2028", "~\x7f"} {
		f.Add(text, int64(1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, n int64, copies uint8) {
		s := scribe{}
		list := pcommon.NewValueSlice()
		for range copies % 4 {
			list.Slice().AppendEmpty().SetStr(text)
		}
		mixed := pcommon.NewValueSlice()
		mixed.Slice().AppendEmpty().SetStr(text)
		mixed.Slice().AppendEmpty().SetInt(n)
		for _, v := range []pcommon.Value{pcommon.NewValueStr(text), pcommon.NewValueInt(n), list, mixed} {
			assert.Equal(t, v.AsString(), s.textOf(v))
		}
	})
}

// What a column says is not said again beside it; what it does not say stays.
func TestColumnSaysAll(t *testing.T) {
	row := Row{AgentID: "a", FinishReason: "stop", Input: Count{Set: true, Value: 7}, ToolName: "mcp/files/read"}
	list := func(reasons ...any) any { return reasons }
	for _, c := range []struct {
		key   string
		value any
		says  bool
	}{
		{"gen_ai.agent.id", "a", true},
		{"gen_ai.agent.id", "b", false},
		{"gen_ai.agent.id", 1, false},
		{"gen_ai.tool.name", "read", false},
		{"gen_ai.usage.input_tokens", 7, true},
		{"gen_ai.usage.input_tokens", 8, false},
		{"gen_ai.usage.input_tokens", "7", false},
		{"gen_ai.usage.output_tokens", 0, false},
		{"gen_ai.response.finish_reasons", list("stop"), true},
		{"gen_ai.response.finish_reasons", list("stop", "stop"), false},
		{"gen_ai.response.finish_reasons", list("length"), false},
		{"gen_ai.response.finish_reasons", list(), false},
		{"gen_ai.response.finish_reasons", "stop", false},
	} {
		v := pcommon.NewValueEmpty()
		assert.NoError(t, v.FromRaw(c.value))
		assert.Equal(t, c.says, classify(c.key).set(&row, v), "%s = %v", c.key, c.value)
	}
}
