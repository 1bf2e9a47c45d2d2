package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Baseline is an earlier verification that came out ok: up to where it saw each log.
// It is believed as far as the logs still have the roots that it saw.
type Baseline struct {
	RunID string
	At    time.Time
	Logs  []Log
}

// ErrNoBaseline means that no verification can be continued.
var ErrNoBaseline = errors.New("the store has no verification of everything that came out ok")

// maxBaselines bounds how many records are looked at.
const maxBaselines = 1000

// LastOK returns the newest verification on record that found everything in order.
// The record is in the store: whoever can write there can write one.
func LastOK(ctx context.Context, conn driver.Conn) (*Baseline, error) {
	v := &verifier{conn: conn}
	if err := v.readSuffix(ctx); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT run_id, report FROM ledger_verifications%s WHERE result = 'ok' ORDER BY ts DESC LIMIT %d", v.suffix, maxBaselines))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	for rows.Next() {
		var id, report string
		if err := rows.Scan(&id, &report); err != nil {
			return nil, err
		}
		if b, err := ParseBaseline(id, []byte(report)); err == nil {
			return b, nil
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return nil, ErrNoBaseline
}

// ParseBaseline reads a report, as JSON, of a verification that came out ok and left
// nothing out.
func ParseBaseline(runID string, raw []byte) (*Baseline, error) {
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("no report of a verification: %w", err)
	}
	if r.Word != OK.String() || !r.Scope.whole() {
		return nil, fmt.Errorf("the verification of %s came out %q and looked at %s: it can vouch for nothing", r.At.Format(time.RFC3339), r.Word, r.Scope.Text())
	}
	if r.RunID != "" {
		runID = r.RunID
	}
	return &Baseline{RunID: runID, At: r.At, Logs: r.Logs}, nil
}

// wantBaseline asks for the roots at the sizes that the baseline saw.
func (v *verifier) wantBaseline() {
	if v.opts.Since == nil {
		return
	}
	for i := range v.opts.Since.Logs {
		s := &v.opts.Since.Logs[i]
		if l := v.logs[logID{s.Writer, s.Epoch}]; l != nil {
			l.roots[s.Leaves] = noRoot
		}
	}
}

// applyBaseline leaves out the batches of logs that still are what the baseline saw
// and that a key that is believed signed beyond it.
func (v *verifier) applyBaseline() {
	if v.opts.Since == nil {
		return
	}
	for i := range v.opts.Since.Logs {
		s := &v.opts.Since.Logs[i]
		l := v.logs[logID{s.Writer, s.Epoch}]
		if l == nil {
			v.report.Notes = append(v.report.Notes, fmt.Sprintf("verification %s saw a log %s/%d, and the store has none", v.opts.Since.RunID, s.Writer, s.Epoch))
			continue
		}
		if l.roots[s.Leaves].String() != s.Root || l.trust != ours || int64(l.good) < s.Leaves {
			v.report.Notes = append(v.report.Notes, fmt.Sprintf("verification %s saw something else of %s, or nobody who is believed signed that: all of the log is verified", v.opts.Since.RunID, l.id))
			continue
		}
		l.vouched = s.Leaves
	}
}
