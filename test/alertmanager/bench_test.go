package alertmanager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// gate stands in front of an Alertmanager, or for one, and notes when each finding
// was first taken.
type gate struct {
	mu    sync.Mutex
	taken map[string]time.Time
}

func (g *gate) note(body []byte) {
	var posted []struct {
		Annotations map[string]string `json:"annotations"`
	}
	if json.Unmarshal(body, &posted) != nil {
		return
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range posted {
		if id := a.Annotations["finding_id"]; g.taken[id].IsZero() {
			g.taken[id] = now
		}
	}
}

func (g *gate) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if next != nil {
			next.ServeHTTP(w, r)
		}
		g.note(body) // after Alertmanager has answered
	})
}

const (
	spansPerSecond = 5000
	batchSpans     = 100
)

// BenchmarkArrivalToAlert sends 5,000 spans a second, in batches of 100 at an even
// pace, through connector and exporter, and measures from the arrival of the
// offending span to the answer of the Alertmanager: one iteration is one second.
// "real" is Debian's Alertmanager behind a proxy; each finding is a cause of its
// own, so it is a new alert.
func BenchmarkArrivalToAlert(b *testing.B) {
	for _, perMille := range []int{10, 100} {
		b.Run(fmt.Sprintf("fake/%dpermille", perMille), func(b *testing.B) {
			g := &gate{taken: map[string]time.Time{}}
			server := httptest.NewServer(g.handler(nil))
			defer server.Close()
			pace(b, g, server.URL, perMille)
		})
		b.Run(fmt.Sprintf("real/%dpermille", perMille), func(b *testing.B) {
			hooks := newWebhook(b)
			m := newManager(b, hooks)
			target, err := url.Parse(m.url())
			if err != nil {
				b.Fatal(err)
			}
			g := &gate{taken: map[string]time.Time{}}
			server := httptest.NewServer(g.handler(httputil.NewSingleHostReverseProxy(target)))
			defer server.Close()
			pace(b, g, server.URL, perMille)
		})
	}
}

func pace(b *testing.B, g *gate, address string, perMille int) {
	b.Helper()
	o := startAt(b, newDisk(), time.Minute, address)
	arrived := map[string]time.Time{}
	n := 0
	for b.Loop() {
		began := time.Now()
		for i := range spansPerSecond / batchSpans {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second * batchSpans / spansPerSecond)))
			td, ids := batchOf(b, n, perMille)
			n += batchSpans
			now := time.Now()
			for _, id := range ids {
				arrived[id] = now
			}
			if err := o.in.ConsumeTraces(b.Context(), td); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(time.Until(began.Add(time.Second)))
	}
	took := make([]time.Duration, 0, len(arrived))
	for id, at := range arrived {
		waitFor(b, "every alert", func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			if done, ok := g.taken[id]; ok {
				took = append(took, done.Sub(at))
				return true
			}
			return false
		})
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(took))/float64(b.N), "alerts/s")
}

func batchOf(b *testing.B, from, perMille int) (ptrace.Traces, []string) {
	b.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	var ids []string
	for i := range batchSpans {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{byte(from >> 16), byte(from >> 8), byte(from), byte(i), 1})
		span.Events().AppendEmpty().SetName("gen_ai.choice")
		if n := from + i; n%1000%(1000/perMille) == 0 {
			f := found(finding.BoundaryTool, fmt.Sprintf("tool-%d", n), "planner")
			if err := f.AddTo(span); err != nil {
				b.Fatal(err)
			}
			ids = append(ids, f.ID)
		}
	}
	return td, ids
}
