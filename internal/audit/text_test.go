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
