// Package chainstore reads delegation chains back from the audit store, as the
// page that an auditor is shown.
package chainstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// Selector says which chains: by exactly one of its fields.
type Selector struct{ Chain, Trace, Session string }

// MaxChains bounds how many chains one question is answered with.
const MaxChains = 100

// Errors of Load.
var (
	ErrNone     = errors.New("no such chain is in the store; one that is still open is not there yet")
	ErrMany     = fmt.Errorf("more than %d chains; ask for one by its id", MaxChains)
	ErrSelector = errors.New("name one of chain, trace and session")
)

// Load returns the page of each chain, in the order of their first action. from
// bounds how far back records are looked for.
func Load(ctx context.Context, conn driver.Conn, s Selector, from, to time.Time) ([]chain.Page, error) {
	q := query{ctx: ctx, conn: conn, from: from, to: to}
	ids, err := q.chains(s)
	if err != nil {
		return nil, err
	}
	pages := make([]chain.Page, 0, len(ids))
	for _, id := range ids {
		p, err := q.page(id)
		if err != nil {
			return nil, fmt.Errorf("chain %s: %w", id, err)
		}
		pages = append(pages, *p)
	}
	slices.SortFunc(pages, func(a, b chain.Page) int { return int(min(1, max(-1, a.Chain.First-b.Chain.First))) })
	return pages, nil
}

// query asks within one period of records.
type query struct {
	ctx      context.Context
	conn     driver.Conn
	from, to time.Time
}

// each runs a statement whose views take the period, and calls read for each row.
func (q *query) each(statement string, args []any, read func(driver.Rows) error) error {
	args = append([]any{
		clickhouse.DateNamed("period_start", q.from, clickhouse.NanoSeconds), clickhouse.DateNamed("period_end", q.to, clickhouse.NanoSeconds),
	}, args...)
	rows, err := q.conn.Query(q.ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // read errors are told by Err
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (q *query) chains(s Selector) (ids []string, err error) {
	column, value := "chain_id", s.Chain
	set := 0
	for _, f := range []struct{ column, value string }{{"chain_id", s.Chain}, {"trace_id", s.Trace}, {"session_id", s.Session}} {
		if f.value != "" {
			column, value, set = f.column, f.value, set+1
		}
	}
	if set != 1 {
		return nil, ErrSelector
	}
	err = q.each(`SELECT DISTINCT chain_id FROM ev_runs(period_start = @period_start, period_end = @period_end)
WHERE `+column+` = @value AND chain_id != '' ORDER BY chain_id LIMIT 101`,
		[]any{clickhouse.Named("value", value)}, func(r driver.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 0:
		return nil, ErrNone
	case len(ids) > MaxChains:
		return nil, ErrMany
	}
	return ids, nil
}

func (q *query) page(id string) (*chain.Page, error) {
	p := &chain.Page{}
	for _, read := range []func(string, *chain.Page) error{q.chain, q.runs, q.edges, q.actions, q.findings} {
		if err := read(id, p); err != nil {
			return nil, err
		}
	}
	if p.Chain.ID == "" { // runs are known before their chain settles
		p.Chain = chain.ChainView{ID: id, State: chain.Open, Depth: -1, Verdict: chain.IncompleteEvidence, Runs: len(p.Runs), Edges: len(p.Edges)}
		p.Chain.Missing = append(p.Chain.Missing, "the chain has not settled: nothing here is final")
	}
	p.Chain.Actions = len(p.Actions)
	return p, nil
}

func named(id string) []any { return []any{clickhouse.Named("chain", id)} }

func ref(s string) chain.Ref {
	r, _ := chain.ParseRef(s) // "" and what is none of ours is no run
	return r
}

func spanRef(trace, span string) chain.Ref { return ref(trace + "-" + span) }

func nanos(t *time.Time) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func codes(names []string) []chain.Code {
	out := make([]chain.Code, len(names))
	for i, n := range names {
		out[i] = chain.Code(n)
	}
	return out
}

func depth(n *uint64) int {
	if n == nil {
		return -1
	}
	return int(*n)
}
