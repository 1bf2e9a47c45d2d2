package extract

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// scenario is a batch in short and the records that come of it.
type scenario struct {
	PerSpan  int `yaml:"per_span"`
	PerBatch int `yaml:"per_batch"`
	Spans    []struct {
		Resource, Scope string
		ID              byte
		Settle          bool
		Findings        []struct {
			Key      string
			Severity finding.Severity
			State    finding.State
			Accuses  byte   // span id; default the span itself
			Spoil    string // an attribute that is made wrong
			At       int64  // seconds; default 1
		}
	} `yaml:"spans"`
	// Want lists the records: resource/scope key severity state span.
	Want       []string                 `yaml:"want"`
	Refused    []finding.Reason         `yaml:"refused"`
	Emitted    map[finding.Severity]int `yaml:"emitted"`
	Duplicates int                      `yaml:"duplicates"`
	OverSpan   int                      `yaml:"over_span"`
	OverBatch  int                      `yaml:"over_batch"`
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		dec := yaml.NewDecoder(strings.NewReader(string(raw)))
		dec.KnownFields(true)
		var cases map[string]scenario
		require.NoError(t, dec.Decode(&cases), file)
		for name := range cases {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) { check(t, cases[name]) })
		}
	}
}

func check(t *testing.T, c scenario) {
	t.Helper()
	td := c.traces(t)
	td.MarkReadOnly()
	limits := Limits{PerSpan: 100, PerBatch: 100}
	if c.PerSpan > 0 {
		limits.PerSpan = c.PerSpan
	}
	if c.PerBatch > 0 {
		limits.PerBatch = c.PerBatch
	}
	r := limits.Logs(td, time.Unix(9, 0))
	assert.Equal(t, c.Want, records(t, r.Logs))
	reasons := make([]finding.Reason, 0, len(r.Refused))
	for i := range r.Refused {
		reasons = append(reasons, r.Refused[i].Reason)
		assert.Error(t, r.Refused[i].Err)
	}
	assert.ElementsMatch(t, c.Refused, reasons)
	assert.Equal(t, [3]int{c.Duplicates, c.OverSpan, c.OverBatch}, [3]int{r.Duplicates, r.OverSpan, r.OverBatch})
	if c.Emitted != nil {
		assert.Equal(t, c.Emitted, r.Emitted)
	}
}

func (c *scenario) traces(tb testing.TB) ptrace.Traces {
	tb.Helper()
	td := ptrace.NewTraces()
	for _, s := range c.Spans {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", s.Resource)
		rs.SetSchemaUrl("schema of " + s.Resource)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(s.Scope)
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{s.ID})
		if s.Settle {
			span.SetName(attr.SettleSpan)
		}
		span.Events().AppendEmpty().SetName("exception")
		for _, want := range s.Findings {
			f := finding.New(finding.BoundaryTool, "", want.Key, want.Key)
			f.Message, f.At = "m", time.Unix(max(want.At, 1), 0)
			if want.Severity != "" {
				f.Severity = want.Severity
			}
			if want.State != "" {
				f.State = want.State
			}
			if want.Accuses != 0 {
				f.TraceID, f.SpanID = pcommon.TraceID{1}, pcommon.SpanID{want.Accuses}
			}
			require.NoError(tb, f.AddTo(span))
			if want.Spoil != "" {
				span.Events().At(span.Events().Len()-1).Attributes().PutStr(want.Spoil, "spoilt")
			}
		}
	}
	return td
}

func records(t *testing.T, logs plog.Logs) []string {
	t.Helper()
	var out []string
	for _, rl := range logs.ResourceLogs().All() {
		name, _ := rl.Resource().Attributes().Get("service.name")
		assert.Equal(t, "schema of "+name.Str(), rl.SchemaUrl())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				f, err := finding.FromLog(lr)
				require.NoError(t, err)
				assert.Equal(t, f.TraceID, lr.TraceID())
				assert.Equal(t, f.SpanID, lr.SpanID())
				assert.Equal(t, f.Severity.Number(), lr.SeverityNumber())
				assert.Equal(t, pcommon.NewTimestampFromTime(time.Unix(9, 0)), lr.ObservedTimestamp())
				out = append(out, fmt.Sprintf("%s/%s %s %s %s %d", name.Str(), sl.Scope().Name(), f.Key, f.Severity, f.State, f.SpanID[0]))
			}
		}
	}
	return out
}

// Every event is accounted for once, whatever it says, and no severe finding is
// left out while a milder one of the same limit is kept.
func account(t *testing.T, l Limits, td ptrace.Traces) {
	t.Helper()
	claims := 0
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				for _, e := range span.Events().All() {
					if e.Name() == attr.FindingEvent {
						claims++
					}
				}
			}
		}
	}
	td.MarkReadOnly()
	r := l.Logs(td, time.Unix(9, 0))
	emitted := 0
	for _, n := range r.Emitted {
		emitted += n
	}
	require.Equal(t, claims, emitted+len(r.Refused)+r.Duplicates+r.OverSpan+r.OverBatch)
	require.Equal(t, emitted, r.Logs.LogRecordCount())
	require.LessOrEqual(t, emitted, l.PerBatch)
	for _, rl := range r.Logs.ResourceLogs().All() {
		require.Positive(t, rl.ScopeLogs().Len())
		for _, sl := range rl.ScopeLogs().All() {
			require.Positive(t, sl.LogRecords().Len())
			for _, lr := range sl.LogRecords().All() {
				_, err := finding.FromLog(lr)
				require.NoError(t, err)
			}
		}
	}
	again, err := (&plog.JSONMarshaler{}).MarshalLogs(l.Logs(td, time.Unix(9, 0)).Logs)
	require.NoError(t, err)
	first, err := (&plog.JSONMarshaler{}).MarshalLogs(r.Logs)
	require.NoError(t, err)
	require.JSONEq(t, string(first), string(again), "the same batch makes the same records")
}

func TestSeverestAreKept(t *testing.T) {
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		entries := make([]entry, r.IntN(20))
		for i := range entries {
			entries[i].Severity = []finding.Severity{finding.Info, finding.Warning, finding.High, finding.Critical}[r.IntN(4)]
			entries[i].ID = strconv.Itoa(i)
		}
		n := 1 + r.IntN(20)
		// Sorted by severity, the earlier first among equals: the first n are kept.
		want := slices.Clone(entries)
		slices.SortStableFunc(want, func(a, b entry) int { return b.Severity.Rank() - a.Severity.Rank() })
		want = want[:min(n, len(want))]
		slices.SortFunc(want, func(a, b entry) int { return len(a.ID)*10 - len(b.ID)*10 + strings.Compare(a.ID, b.ID) })
		had := len(entries)
		kept, over := severest(entries, n)
		require.Equal(t, max(had-n, 0), over)
		require.Len(t, kept, len(want))
		for i := range want {
			require.Equal(t, want[i].ID, kept[i].ID, "seed %d", seed)
		}
	}
}

func FuzzLogs(f *testing.F) {
	c := scenario{}
	require.NoError(f, yaml.Unmarshal([]byte(`spans: [{resource: a, scope: s, id: 1, findings: [{key: k}, {key: k}, {key: l, accuses: 2}]}, {resource: b, id: 2, settle: true, findings: [{key: m, spoil: spanwarden.finding.severity}]}]`), &c))
	seed, err := (&ptrace.JSONMarshaler{}).MarshalTraces(c.traces(f))
	require.NoError(f, err)
	f.Add(seed, 1, 1)
	f.Add(seed, 9, 2)
	f.Fuzz(func(t *testing.T, raw []byte, perSpan, perBatch int) {
		if perSpan <= 0 || perBatch <= 0 || !json.Valid(raw) {
			return
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(raw)
		if err != nil {
			return
		}
		account(t, Limits{PerSpan: perSpan, PerBatch: perBatch}, td)
	})
}

// A batch without findings, which is nearly every batch, and one with some.
func BenchmarkLogs(b *testing.B) {
	for _, share := range []int{0, 10} {
		b.Run(fmt.Sprintf("%dpercent", share), func(b *testing.B) {
			td := ptrace.NewTraces()
			spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			want := 0
			for i := range 1000 {
				span := spans.AppendEmpty()
				span.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
				span.Events().AppendEmpty().SetName("gen_ai.choice")
				if i%100 < share {
					f := finding.New(finding.BoundaryTool, "", "k", strconv.Itoa(i))
					f.Message, f.At = "m", time.Unix(1, 0)
					if err := f.AddTo(span); err != nil {
						b.Fatal(err)
					}
					want++
				}
			}
			for b.Loop() {
				if r := (Limits{1000, 100_000}).Logs(td, time.Unix(9, 0)); r.Logs.LogRecordCount() != want {
					b.Fatal("lost")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/span")
		})
	}
}
