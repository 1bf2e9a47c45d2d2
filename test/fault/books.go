package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// tally is what became of the spans of a scenario.
type tally struct {
	Accepted, Stored, Dead int
	// Lost were accepted and are neither stored nor dead-lettered; Twice are rows
	// that the deduplicating view shows beyond one a span; Stray are stored although
	// nobody was told so.
	Lost, Twice, Stray int
}

func (t *tally) exact() bool { return t.Lost == 0 && t.Twice == 0 && t.Stray == 0 }

// period covers everything a scenario may send, however wrong its clock.
const period = "(period_start = toDateTime64('2000-01-01 00:00:00', 3, 'UTC'), period_end = toDateTime64('2200-01-01 00:00:00', 3, 'UTC'))"

// ours is the part of ev_actions that the harness sent.
var ours = fmt.Sprintf("ev_actions%s WHERE startsWith(trace_id, '%016x')", period, uint64(traceSeed))

// stored returns how many rows the deduplicating view has of each span.
func stored(ctx context.Context, conn driver.Conn) (map[uint64]int, error) {
	rows, err := conn.Query(ctx, "SELECT reinterpretAsUInt64(reverse(unhex(span_id))) AS id, count() FROM "+ours+" GROUP BY id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read errors are told by Err
	out := map[uint64]int{}
	for rows.Next() {
		var id, n uint64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		out[id] = int(n)
	}
	return out, rows.Err()
}

// deadLetters returns the spans in the dead-letter files.
func (r *rig) deadLetters() (map[uint64]struct{}, error) {
	out := map[uint64]struct{}{}
	for _, dir := range append(r.dead, filepath.Join(r.state, "dead-letters")) {
		f, err := os.Open(filepath.Join(dir, "traces.jsonl"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = readDead(bufio.NewReader(f), out)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return out, nil
}

func readDead(from *bufio.Reader, into map[uint64]struct{}) error {
	for dec := json.NewDecoder(from); dec.More(); {
		var line struct {
			Reason string          `json:"reason"`
			Traces json.RawMessage `json:"traces"`
		}
		if err := dec.Decode(&line); err != nil {
			return err
		}
		if line.Reason == "invalid_record" {
			continue // its spans are stored all the same
		}
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line.Traces)
		if err != nil {
			return err
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if id := span.TraceID(); binary.BigEndian.Uint64(id[:]) == traceSeed {
						into[numberOf(span.SpanID())] = struct{}{}
					}
				}
			}
		}
	}
	return nil
}

// count compares what was accepted with what is there.
func (r *rig) count(ctx context.Context, conn driver.Conn) (t tally, err error) {
	rows, err := stored(ctx, conn)
	if err != nil {
		return t, err
	}
	dead, err := r.deadLetters()
	if err != nil {
		return t, err
	}
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	t.Accepted, t.Stored, t.Dead = len(r.out.accepted), len(rows), len(dead)
	for id, n := range rows {
		t.Twice += n - 1
		if _, ok := r.out.accepted[id]; !ok {
			t.Stray++
		}
	}
	for id := range r.out.accepted {
		_, put := dead[id]
		if rows[id] == 0 && !put {
			t.Lost++
		}
	}
	return t, nil
}

// settle waits until everything accepted is stored or dead-lettered, for as long
// as there is progress.
func (r *rig) settle(ctx context.Context) (t tally, err error) {
	conn, err := r.conn()
	if err != nil {
		return t, err
	}
	defer func() { _ = conn.Close() }() // only read
	const patience = time.Minute
	last, since := -1, time.Now()
	for {
		var n uint64
		if err = conn.QueryRow(ctx, "SELECT uniqExact(trace_id, span_id) FROM "+ours).Scan(&n); err == nil {
			if int(n) >= len(r.out.accepted) {
				return r.count(ctx, conn)
			}
			if dead, failed := r.deadLetters(); failed == nil && int(n)+len(dead) >= len(r.out.accepted) {
				return r.count(ctx, conn)
			}
		}
		if int(n) > last {
			last, since = int(n), time.Now()
		}
		if time.Since(since) > patience {
			if err != nil {
				return t, err
			}
			return r.count(ctx, conn)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return t, err
		}
	}
}

// owed is what the accepted calls cost, in USD, by our own arithmetic.
func (r *rig) owed() *big.Rat { return pico(int64(r.out.calls) * callPico) }

func pico(n int64) *big.Rat { return big.NewRat(n, 1_000_000_000_000) }

// summed is what the store says they cost.
func summed(ctx context.Context, conn driver.Conn) (*big.Rat, error) {
	var text string
	if err := conn.QueryRow(ctx, "SELECT toString(ifNull(sum(cost_usd), 0)) FROM "+ours).Scan(&text); err != nil {
		return nil, err
	}
	sum, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("sum(cost_usd) is %q", text)
	}
	return sum, nil
}

// charged is what the ledgers of all collectors say they cost.
func (r *rig) charged(ctx context.Context) (sum float64, err error) {
	for _, s := range append([]*stack.Stack{r.Stack}, r.others...) {
		client := &operator.Client{Base: s.Decision()}
		found, err := client.Balances(ctx, url.Values{"project": {project}})
		if err != nil {
			return 0, err
		}
		for i := range found {
			sum += found[i].Spent
		}
	}
	return sum, nil
}

// chargedEventually waits until the balance is what is owed: a rebuild takes a
// while. It returns what it is in the end.
func (r *rig) chargedEventually(ctx context.Context, owed *big.Rat, patience time.Duration) (equal bool, got float64) {
	for began := time.Now(); ; {
		var err error
		if got, err = r.charged(ctx); err == nil && sameMoney(got, owed) {
			return true, got
		}
		if time.Since(began) > patience || pause(ctx, 100*time.Millisecond) != nil {
			return false, got
		}
	}
}

// sameMoney compares to less than a hundred-thousandth of the price of one call:
// a balance is told as a double.
func sameMoney(got float64, want *big.Rat) bool {
	diff := new(big.Rat).SetFloat64(got)
	diff.Sub(diff, want).Abs(diff)
	return diff.Cmp(pico(callPico/100_000)) < 0
}
