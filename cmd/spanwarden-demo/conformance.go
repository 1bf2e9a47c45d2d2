package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/conformance"
	"github.com/spanwarden/spanwarden/internal/stack"
)

func newConformanceCommand(s *settings) *cobra.Command {
	var deviations string
	cmd := &cobra.Command{
		Use:   "conformance DIR",
		Short: "Replay a folder of recordings and compare what SQL says with their truth",
		Long: `Replays every recording of DIR (<scenario>.jsonl of OTLP JSON requests, beside a
truth.json) through the built collector into a fresh embedded store, and compares
the audit store's answers with the truth, a line per scenario. Differences that
the table of known emitter defects accounts for are named, not hidden.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return conform(cmd.Context(), s, args[0], deviations)
		},
	}
	cmd.Flags().StringVar(&deviations, "deviations", "testdata/deviations.yaml", "table of known emitter defects")
	return cmd
}

func conform(ctx context.Context, s *settings, dir, table string) error {
	corpus, err := conformance.Load(dir)
	if err != nil {
		return err
	}
	known, err := conformance.LoadDeviations(table)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.state, 0o755); err != nil {
		return err
	}
	state, err := os.MkdirTemp(s.state, "conformance-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }() // left over at worst
	if state, err = filepath.Abs(state); err != nil {
		return err
	}
	st, err := stack.New(stack.Options{Bin: s.bin, Config: s.config, State: state})
	if err != nil {
		return err
	}
	err = conformAll(ctx, st, corpus.Scenarios, known)
	return errors.Join(err, st.Stop())
}

func conformAll(ctx context.Context, st *stack.Stack, scenarios []conformance.Scenario, known conformance.Deviations) error {
	if err := within(ctx, st.Start); err != nil {
		return err
	}
	conn, err := open(st.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written through it
	sent, refused := map[spanID]struct{}{}, map[string]error{}
	for i := range scenarios {
		if err := sendScenario(ctx, st, &scenarios[i], sent); err != nil {
			refused[scenarios[i].Name] = err
		}
	}
	if err := waitForSpans(ctx, conn, len(sent)); err != nil {
		return err
	}
	var passed, failed, skipped int
	for i := range scenarios {
		sc := &scenarios[i]
		if err := refused[sc.Name]; err != nil {
			fmt.Printf("FAIL %s: %v\n", sc.Name, err)
			failed++
			continue
		}
		if sc.Truth == nil || len(sc.Requests) == 0 {
			fmt.Printf("SKIP %s: no recording or no truth\n", sc.Name)
			skipped++
			continue
		}
		o, err := observe(ctx, conn, sc)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", sc.Name, err)
		}
		if judge(sc, o, known) {
			passed++
		} else {
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 {
		return fmt.Errorf("%d of %d scenarios differ from their truth", failed, len(scenarios))
	}
	return nil
}

// judge prints a scenario's line and, below it, each difference.
func judge(sc *conformance.Scenario, o *conformance.Observed, known conformance.Deviations) bool {
	all := conformance.Compare(sc.Truth, o)
	unexplained, stale := known.Explain(sc.Name, all)
	explained := len(all) - len(unexplained)
	verdict := "PASS"
	if len(unexplained)+len(stale) > 0 {
		verdict = "FAIL"
	}
	fmt.Printf("%s %-26s calls %d, input %d, output %d, tools %d", verdict, sc.Name, o.Total.Calls, o.Total.InputTotal, o.Total.OutputTotal, sum(o.Tools))
	if explained > 0 {
		fmt.Printf("  (%d fields differ by a known defect of the emitter)", explained)
	}
	if left := conformance.Uncompared(sc.Truth); len(left) > 0 {
		fmt.Printf("  (the truth does not state: %s)", strings.Join(left, ", "))
	}
	fmt.Println()
	for _, d := range unexplained {
		fmt.Println("     ", d)
	}
	for _, field := range stale {
		fmt.Println("      the table of defects names", field, "which does not differ")
	}
	return verdict == "PASS"
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

// spanID names a span; recordings may hold one twice, as senders do that retry.
type spanID struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// spanIDs adds the spans of one recorded request to ids.
func spanIDs(request []byte, ids map[spanID]struct{}) error {
	var decoder ptrace.JSONUnmarshaler
	td, err := decoder.UnmarshalTraces(request)
	if err != nil {
		return fmt.Errorf("reading a recorded request: %w", err)
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				ids[spanID{span.TraceID(), span.SpanID()}] = struct{}{}
			}
		}
	}
	return nil
}

// traceIDs returns the traces of one scenario in hex.
func traceIDs(sc *conformance.Scenario) ([]string, error) {
	spans := map[spanID]struct{}{}
	for _, request := range sc.Requests {
		if err := spanIDs(request, spans); err != nil {
			return nil, err
		}
	}
	traces := map[string]struct{}{}
	for id := range spans {
		traces[id.trace.String()] = struct{}{}
	}
	return slices.Sorted(maps.Keys(traces)), nil
}

// observe asks the audit store about the traces of one scenario.
func observe(ctx context.Context, conn driver.Conn, sc *conformance.Scenario) (*conformance.Observed, error) {
	traces, err := traceIDs(sc)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `
SELECT kind, usage_accounting, outcome, agent_id, agent_name, session_id, principal_id, tool_name,
       if(response_model = '', request_model, response_model) AS model,
       toInt64(ifNull(input_tokens, 0)), toInt64(ifNull(output_tokens, 0)), toInt64(ifNull(cache_read_tokens, 0)),
       toInt64(ifNull(cache_write_tokens, 0)), toInt64(ifNull(reasoning_tokens, 0)),
       isNotNull(coalesce(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens)) AS stated
FROM `+everything+` WHERE trace_id IN (?)`, traces)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read errors are told by Err
	o := &conformance.Observed{
		ByModel: map[string]conformance.Tokens{}, ByAgent: map[string]conformance.Tokens{},
		AgentNames: map[string]string{}, Tools: map[string]int64{},
	}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.kind, &r.accounting, &r.outcome, &r.agentID, &r.agentName, &r.session, &r.principal, &r.tool, &r.model,
			&r.InputTotal, &r.OutputTotal, &r.CacheRead, &r.CacheWrite, &r.Reasoning, &r.stated); err != nil {
			return nil, err
		}
		r.addTo(o)
	}
	return o, rows.Err()
}

// row is what conformance needs of one action.
type row struct {
	kind, accounting, outcome, agentID, agentName, session, principal, tool, model string
	conformance.Tokens
	stated bool
}

func (r *row) addTo(o *conformance.Observed) {
	if r.session != "" {
		o.Sessions = append(o.Sessions, r.session)
	}
	if r.principal != "" {
		o.Principals = append(o.Principals, r.principal)
	}
	if r.agentID != "" {
		o.AgentNames[r.agentID] = r.agentName
	}
	switch {
	case r.accounting == "rollup":
		return
	case r.kind == "tool":
		o.Tools[r.tool]++
		return
	case r.kind != "inference" && r.kind != "embedding" && r.accounting == "":
		return
	case r.outcome == "failure" && !r.stated:
		o.FailedCalls++
		return
	case r.kind == "embedding":
		o.EmbeddingCalls++
		return
	}
	if r.stated {
		o.CallsWithUsage++
	}
	r.Calls = 1
	o.Total = o.Total.Plus(r.Tokens)
	o.ByModel[r.model] = o.ByModel[r.model].Plus(r.Tokens)
	o.ByAgent[r.agentID] = o.ByAgent[r.agentID].Plus(r.Tokens)
}
