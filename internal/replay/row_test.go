package replay

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// What the exporter could not believe is given back as the span stated it.
func TestStatedTimes(t *testing.T) {
	ts := time.Date(2026, 11, 20, 9, 0, 0, 5, time.UTC)
	for name, test := range map[string]struct {
		row        Row
		start, end uint64
	}{
		"plain":    {Row{TS: ts, Duration: 7}, uint64(ts.UnixNano()), uint64(ts.UnixNano()) + 7},
		"reversed": {Row{TS: ts, Attrs: map[string]string{statedStart: "100", statedEnd: "50"}}, 100, 50},
		"no end":   {Row{TS: ts, Attrs: map[string]string{statedStart: "100", statedEnd: "0"}}, 100, 0},
		"no clock": {Row{TS: ts, Duration: math.MaxUint64}, uint64(ts.UnixNano()), uint64(ts.UnixNano()) + maxDuration},
		"unstored": {Row{TS: ts, Attrs: map[string]string{statedEnd: "soon"}}, uint64(ts.UnixNano()), uint64(ts.UnixNano())},
	} {
		start, end := test.row.stated()
		assert.Equal(t, test.start, start, name)
		assert.Equal(t, test.end, end, name)
	}
}

// Whatever order actions begin in, they are given in the order in which they end,
// each once.
func TestRowsComeInTheOrderInWhichTheyEnded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that repeats
	for range 50 {
		var got []*Row
		q := &ordered{emit: func(rows []*Row) error {
			got = append(got, rows...)
			return nil
		}}
		at, n := time.Unix(1_700_000_000, 0), 1+rnd.IntN(3000)
		for i := range n {
			at = at.Add(time.Duration(rnd.IntN(1000)))
			require.NoError(t, q.add(&Row{TS: at, Duration: rnd.Uint64N(100_000), SpanID: strconv.Itoa(i)}))
		}
		require.NoError(t, q.release(time.Time{}, true))
		require.Len(t, got, n)
		seen := map[string]bool{}
		for i, r := range got {
			seen[r.SpanID] = true
			if i > 0 {
				require.False(t, r.End().Before(got[i-1].End()))
			}
		}
		require.Len(t, seen, n)
	}
}

// FuzzSpan rebuilds a span of any row: ids, times and the attributes of others stay
// as they are, and nothing that spanwarden says of its own accord comes back.
func FuzzSpan(f *testing.F) {
	f.Add("0102030405060708090a0b0c0d0e0f10", "0102030405060708", "", "tool", "user.id", "alice", int64(1_700_000_000), uint64(5))
	f.Add("", "zz", "0102", "agent", "spanwarden.boundary.verdict", "respected", int64(0), uint64(math.MaxUint64))
	f.Add("", "", "", "decision", "gen_ai.response.finish_reasons", `["stop"]`, int64(-1), uint64(0))
	f.Add("", "", "", "inference", "gen_ai.usage.input_tokens", "17", int64(5), uint64(1))
	f.Fuzz(func(t *testing.T, trace, span, parent, kind, key, value string, second int64, duration uint64) {
		r := &Row{
			TS: time.Unix(second%4_000_000_000, 0), Duration: duration, TraceID: trace, SpanID: span, ParentID: parent, Kind: kind,
			Attrs: map[string]string{key: value}, Resource: map[string]string{key: value}, PolicyVersion: "v1",
			LinkTraces: []string{trace}, LinkAttrs: []map[string]string{{key: value}},
		}
		var b builder
		td := b.traces([]*Row{r})
		require.Equal(t, 1, td.SpanCount())
		s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if raw, err := hex.DecodeString(trace); err == nil && len(raw) == 16 {
			require.Equal(t, pcommon.TraceID(raw), s.TraceID())
		}
		start, end := r.stated()
		require.Equal(t, start, uint64(s.StartTimestamp()))
		require.Equal(t, end, uint64(s.EndTimestamp()))
		require.Equal(t, 1, s.Links().Len())
		_, said := s.Attributes().Get(attr.BoundaryVerdict)
		require.False(t, said)
		_, said = s.Attributes().Get(attr.PolicyVersion)
		require.False(t, said)
		if v, ok := td.ResourceSpans().At(0).Resource().Attributes().Get(key); assert.True(t, ok) {
			require.Equal(t, value, v.AsString(), "a value reads as it was stored")
		}
	})
}
