package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/chainspan"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// facts are what is known of chains, a line each: which run of whom is in which
// chain how deep, and how each chain was judged.
type facts map[string]struct{}

func runFact(run, chainID, agentID string, depth int) string {
	return fmt.Sprintf("run %s of %s in %s at %d", run, agentID, chainID, depth)
}

func chainFact(id, verdict, root string, runs int) string {
	return fmt.Sprintf("chain %s is %s, from %s, of %d runs", id, verdict, root, runs)
}

// recompute judges what was accepted anew, each trace by an engine of its own
// that nothing has happened to.
func (r *rig) recompute() facts {
	byTrace := map[int][]int{}
	for number := range r.out.accepted {
		n, i := int(number>>20), int(number&(1<<20-1))-1
		byTrace[n] = append(byTrace[n], i)
	}
	out := facts{}
	for _, n := range slices.Sorted(maps.Keys(byTrace)) {
		spans := byTrace[n]
		slices.Sort(spans)
		td := r.shape.part(n, 0, spans[len(spans)-1]+1)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(s ptrace.Span) bool {
			_, ok := slices.BinarySearch(spans, int(numberOf(s.SpanID())&(1<<20-1))-1)
			return !ok
		})
		judge(td, out)
	}
	return out
}

func judge(td ptrace.Traces, into facts) {
	var batch genai.Batch
	batch.Decode(td, nil)
	reader := chainspan.New()
	records := make([]chain.Record, 0, len(batch.Items))
	for i := range batch.Items {
		records = append(records, reader.Read(&batch.Items[i]))
	}
	engine := chain.New(chain.Options{}, chain.NoRegistry)
	now := time.Now()
	engine.Add(now.UnixNano(), records...)
	engine.Flush(now.Add(time.Hour).UnixNano())
	for _, p := range engine.Pages() {
		into[chainFact(p.Chain.ID, string(p.Chain.Verdict), p.Chain.Root.String(), p.Chain.Runs)] = struct{}{}
		for i := range p.Runs {
			v := &p.Runs[i]
			into[runFact(v.Run.String(), v.Chain, v.Agent, v.Depth)] = struct{}{}
		}
	}
}

// told reads what the store knows of chains.
func told(ctx context.Context, conn driver.Conn) (facts, error) {
	out := facts{}
	rows, err := conn.Query(ctx, "SELECT run_id, chain_id, agent_id, ifNull(toInt64(depth), -1) FROM ev_runs"+period)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var run, id, agentID string
		var depth int64
		if err := rows.Scan(&run, &id, &agentID, &depth); err != nil {
			return nil, err
		}
		out[runFact(run, id, agentID, int(depth))] = struct{}{}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows, err = conn.Query(ctx, "SELECT chain_id, verdict, root_run_id, ifNull(toInt64(runs), -1) FROM ev_chains"+period)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var id, verdict, root string
		var runs int64
		if err := rows.Scan(&id, &verdict, &root, &runs); err != nil {
			return nil, err
		}
		out[chainFact(id, verdict, root, int(runs))] = struct{}{}
	}
	return out, rows.Err()
}

// chainsEventually waits, for as long as there is progress, until the store
// knows what a clean recomputation finds. differ are some of the differences.
func (r *rig) chainsEventually(ctx context.Context, conn driver.Conn) (equal bool, differ []string) {
	want := r.recompute()
	const patience = 20 * time.Second
	fewest, since := -1, time.Now()
	for {
		got, err := told(ctx, conn)
		if err == nil {
			differ = difference(want, got)
			if len(differ) == 0 {
				return true, nil
			}
			if fewest < 0 || len(differ) < fewest {
				fewest, since = len(differ), time.Now()
			}
		}
		if time.Since(since) > patience || pause(ctx, 500*time.Millisecond) != nil {
			if err != nil {
				differ = []string{err.Error()}
			}
			return false, differ
		}
	}
}

func difference(want, got facts) (out []string) {
	for f := range want {
		if _, ok := got[f]; !ok {
			out = append(out, "- "+f)
		}
	}
	for f := range got {
		if _, ok := want[f]; !ok {
			out = append(out, "+ "+f)
		}
	}
	slices.Sort(out)
	return out
}
