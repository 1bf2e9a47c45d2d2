package clickhouseauditexporter

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

const (
	benchBatches = 100
	benchBatch   = 10_000
)

// modelCalls returns spans as they are behind the processors.
func modelCalls(first, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "python")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	spans.EnsureCapacity(n)
	start := time.Now().Add(-time.Hour)
	for i := first; i < first+n; i++ {
		s := spans.AppendEmpty()
		s.SetName("chat gpt-4.1")
		s.SetTraceID(pcommon.TraceID{1, byte(i >> 16), byte(i >> 8), byte(i)})
		s.SetSpanID(pcommon.SpanID{1, byte(i >> 16), byte(i >> 8), byte(i)})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(i) * time.Microsecond)))
		s.SetEndTimestamp(s.StartTimestamp() + 1e9)
		a := s.Attributes()
		for k, v := range map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4.1", "server.address": "api.openai.com",
			attr.ActionKind: "inference", attr.AgentID: "planner", attr.SessionID: fmt.Sprint("s", i/50), attr.PrincipalID: "alice", attr.CostStatus: "priced",
			"gen_ai.response.id": fmt.Sprint("chatcmpl-", i),
		} {
			a.PutStr(k, v)
		}
		a.PutInt(attr.InputTokens, int64(1000+i%7))
		a.PutInt(attr.OutputTokens, 200)
		a.PutDouble(attr.CostUSD, 0.0036)
	}
	return td
}

// BenchmarkVerifyMillion verifies 1,000,000 rows in 100 batches.
func BenchmarkVerifyMillion(b *testing.B) {
	s := storetest.Start(b)
	cfg := createDefaultConfig().(*Config)
	cfg.DSN, cfg.Database = configopaque.String(s.URL()), "million"
	cfg.DeadLetter.Directory, cfg.Integrity.Directory = b.TempDir(), b.TempDir()
	exp, err := NewFactory().CreateTraces(b.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(b, err)
	require.NoError(b, exp.Start(b.Context(), componenttest.NewNopHost()))
	instances.Lock()
	e := instances.byConfig[cfg]
	instances.Unlock()
	require.NoError(b, e.prepare(b.Context()))
	for i := range benchBatches {
		require.NoError(b, e.pushTraces(b.Context(), batchOf(modelCalls(i*benchBatch, benchBatch)).request))
	}
	keys, err := tlog.Keys(e.ledger.journal.Public)
	require.NoError(b, err)
	require.NoError(b, exp.Shutdown(b.Context()))
	opts, err := audit.ParseDSN(s.URL() + "/million")
	require.NoError(b, err)
	conn, err := clickhouse.Open(opts)
	require.NoError(b, err)
	for b.Loop() {
		report, err := verify.Run(b.Context(), conn, verify.Options{Keys: keys, Now: time.Now()})
		require.NoError(b, err)
		require.Equal(b, verify.OK, report.Result, report.Issues)
		require.Equal(b, uint64(benchBatches*benchBatch), report.Rows)
	}
	b.ReportMetric(float64(benchBatches*benchBatch)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	require.NoError(b, conn.Close())
}

// BenchmarkPush is a batch of 10,000 spans on its way into the store, sealed and not.
func BenchmarkPush(b *testing.B) {
	s := storetest.Start(b)
	for name, sealed := range map[string]bool{"sealed": true, "unsealed": false} {
		b.Run(name, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.DSN, cfg.Database = configopaque.String(s.URL()), "push_"+name
			cfg.DeadLetter.Directory, cfg.Integrity.Directory, cfg.Integrity.Enabled = b.TempDir(), b.TempDir(), sealed
			exp, err := NewFactory().CreateTraces(b.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(b, err)
			require.NoError(b, exp.Start(b.Context(), componenttest.NewNopHost()))
			instances.Lock()
			e := instances.byConfig[cfg]
			instances.Unlock()
			require.NoError(b, e.prepare(b.Context()))
			next := 0
			for b.Loop() {
				b.StopTimer()
				td := modelCalls(next, benchBatch)
				next += benchBatch
				b.StartTimer()
				require.NoError(b, e.pushTraces(b.Context(), batchOf(td).request))
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "rows/s")
			require.NoError(b, exp.Shutdown(b.Context()))
		})
	}
}
