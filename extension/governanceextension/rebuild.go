package governanceextension

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// rebuildKey stands in the storage until what the audit store knows has been
// counted: a crash meanwhile begins it anew, which charges nothing twice.
const rebuildKey = "rebuild"

const (
	rebuildEvery = 5 * time.Second // how often a store that cannot be reached is tried
	rebuildBatch = 1000            // rows charged at once
)

// unknownTable and unknownDatabase are ClickHouse's codes for a store without a
// schema: it holds no action yet.
const (
	unknownTable    = 60
	unknownDatabase = 81
	unknownFunction = 46
)

// actionsQuery reads every action that the ledger would have been charged with,
// in the order in which they ended: the order in which they were charged.
const actionsQuery = `
SELECT action_id, ts, duration_ns, tenant_id, project_id, agent_id, session_id, principal_id, run_id, chain_id,
       kind, usage_accounting, toString(cost_usd), ifNull(input_tokens, 0) + ifNull(output_tokens, 0), response_id,
       trace_id, span_id, attrs['` + attr.CostBoundUSD + `'], attrs['` + attr.AgentAncestors + `']
FROM %s.ev_actions(period_start = @from, period_end = @to)
WHERE kind NOT IN ('', 'other') AND cost_status != 'duplicate' AND NOT (kind = 'tool' AND attrs['` + attr.ActionDuplicate + `'] = 'true')
ORDER BY ts + toIntervalNanosecond(duration_ns), action_id`

// rebuild counts again what the audit store knows. It runs beside the charges of
// new spans: an action is charged once, whoever comes first.
func (e *governor) rebuild(ctx context.Context) {
	n, err := e.rebuildOnce(ctx)
	for err != nil && ctx.Err() == nil {
		e.log.Warn("The ledger has no state of its own and the audit store does not answer; what was spent before is not counted yet.", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(rebuildEvery):
			n, err = e.rebuildOnce(ctx)
		}
	}
	if err != nil {
		return // shutting down; the next start begins anew
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.book.store.queue(storage.DeleteOperation(rebuildKey))
	e.foundAgain()
	if n > 0 {
		e.log.Warn("the ledger's state was gone and has been counted again from the audit store", zap.Int("actions", n))
		e.post([]finding.Finding{e.lost(n)})
	}
	_ = e.commit(ctx) // what stays queued is stored with the next charge
}

// lost is the finding about state that was gone.
func (e *governor) lost(n int) finding.Finding {
	now := e.now()
	f := finding.New(finding.ConfigChanged, "", "config/ledger-state", "ledger-state", now.UTC().Format(time.RFC3339))
	f.At, f.Severity = now, finding.High
	f.Message = fmt.Sprintf("the ledger had no state when the collector started; %d actions of the last %s were counted again from the audit store", n, e.cfg.Rebuild.Since)
	f.Observed = finding.Known(float64(n))
	f.Extra = map[string]any{attr.ConfigKind: "ledger-state", attr.ConfigComponent: "governance"}
	return f
}

func (e *governor) rebuildOnce(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Rebuild.Timeout)
	defer cancel()
	opts, err := audit.ParseDSN(string(e.cfg.Rebuild.DSN))
	if err != nil {
		return 0, err
	}
	database := opts.Auth.Database
	if database == "" || database == "default" {
		database = audit.DefaultDatabase
	}
	opts.Auth.Database = "default"
	if opts.TLS != nil {
		conf, err := e.cfg.Rebuild.TLS.LoadTLSConfig(ctx)
		if err != nil {
			return 0, fmt.Errorf("rebuild::tls: %w", err)
		}
		if conf != nil {
			conf.InsecureSkipVerify = conf.InsecureSkipVerify || opts.TLS.InsecureSkipVerify
			opts.TLS = conf
		}
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return 0, fmt.Errorf("rebuild: %w", err)
	}
	defer func() { _ = conn.Close() }() // only read
	to := e.now()
	rows, err := conn.Query(ctx, fmt.Sprintf(actionsQuery, quoted(database)),
		clickhouse.DateNamed("from", to.Add(-e.cfg.Rebuild.Since), clickhouse.NanoSeconds),
		clickhouse.DateNamed("to", to, clickhouse.NanoSeconds))
	var ex *clickhouse.Exception
	if errors.As(err, &ex) && (ex.Code == unknownTable || ex.Code == unknownDatabase || ex.Code == unknownFunction) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("rebuild: %w", err)
	}
	defer func() { _ = rows.Close() }()
	batch := make([]governance.Charge, 0, rebuildBatch)
	for rows.Next() {
		c, err := scanCharge(rows)
		if err != nil {
			return n, fmt.Errorf("rebuild: %w", err)
		}
		if e.Elsewhere(routedBy(&c)) != "" {
			continue // its owner counts it
		}
		if batch = append(batch, c); len(batch) == rebuildBatch {
			if err := e.recount(ctx, batch); err != nil {
				return n, err
			}
			n += len(batch)
			batch = batch[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return n, fmt.Errorf("rebuild: %w", err)
	}
	return n + len(batch), e.recount(ctx, batch)
}

// recount charges what was charged once. Its findings were raised then.
func (e *governor) recount(ctx context.Context, batch []governance.Charge) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.ready(ctx); err != nil {
		return err
	}
	for i := range batch {
		e.book.charge(&batch[i])
	}
	return e.commit(ctx)
}

func scanCharge(rows driver.Rows) (c governance.Charge, err error) {
	var action, kind, accounting, response, trace, span, bound, ancestors string
	var cost *string
	var duration uint64
	if err := rows.Scan(&action, &c.Start, &duration, &c.Tenant, &c.Project, &c.Agent, &c.Session, &c.Principal, &c.Run, &c.Root,
		&kind, &accounting, &cost, &c.Tokens, &response, &trace, &span, &bound, &ancestors); err != nil {
		return c, err
	}
	copy(c.Action[:], action)
	c.End = c.Start.Add(time.Duration(duration))
	c.Trace, c.TraceID, c.SpanID = traceIDs(trace, span)
	c.Ancestors = stringList(ancestors)
	switch {
	case kind == "tool":
		c.Kind = ledger.ToolCall
	case accounting == "rollup":
		c.Tokens = 0
	case kind == "inference" || kind == "embedding" || accounting != "":
		c.Kind = ledger.ModelCall
		c.Response = ledger.ResponseID(c.Tenant, response)
		c.Bound = amount(bound)
		if cost != nil {
			c.Cost = amount(*cost)
		}
	}
	return c, nil
}

func traceIDs(trace, span string) (id ledger.ID, t pcommon.TraceID, s pcommon.SpanID) {
	_, _ = hex.Decode(t[:], []byte(trace)) // our own exporter wrote them
	_, _ = hex.Decode(s[:], []byte(span))
	return ledger.ID(t), t, s
}

// amount reads an amount; what cannot be read is unknown.
func amount(s string) pricing.Amount {
	if s == "" {
		return pricing.Amount{}
	}
	p, err := pricing.ParseUSD(s)
	if err != nil {
		return pricing.Amount{}
	}
	return pricing.KnownAmount(p)
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// stringList reads a list as the audit store keeps it, in JSON.
func stringList(s string) (out []string) {
	_ = json.Unmarshal([]byte(s), &out) // what is no list names no ancestors
	return out
}
