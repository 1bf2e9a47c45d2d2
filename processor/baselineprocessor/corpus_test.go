package baselineprocessor

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// The recorded runs of some twenty SDKs go through a fresh processor: no span is
// lost, most calls find their agent, and a first run is no reason to cry.
func TestRecordedRuns(t *testing.T) {
	files, err := filepath.Glob("../../testdata/corpus/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		sink := new(consumertest.TracesSink)
		p := open(t, nil, host{}, sink)
		sent := 0
		lines := bufio.NewScanner(bytes.NewReader(raw))
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(lines.Bytes())
			require.NoError(t, err, file)
			sent += td.SpanCount()
			require.NoError(t, p.ConsumeTraces(t.Context(), td))
		}
		require.NoError(t, lines.Err())
		assert.Equal(t, sent, sink.SpanCount(), file)
		for _, f := range findings(t, sink.AllTraces()) {
			t.Logf("%s: %s %s", filepath.Base(file), f.Severity, f.Message)
			// One of the recordings is of an agent that goes round in circles.
			assert.Equal(t, filepath.Base(file) == "ai6_loop.jsonl", f.Severity == finding.Critical || f.Type == finding.BaselineLoop, "%s: %s", file, f.Message)
		}
		t.Logf("%s: %d spans, %d actions, %d wait", filepath.Base(file), sent, p.engine.Stats().Actions, len(p.waiting.actions))
		require.NoError(t, p.Shutdown(t.Context()))
	}
}
