package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Record writes to the store that it was verified, by whom and with what result.
func Record(ctx context.Context, conn driver.Conn, r *Report, runID, by, version string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	from, to := time.Unix(0, 0).UTC(), time.Unix(0, 0).UTC()
	for i := range r.Logs {
		if i == 0 || r.Logs[i].First.Before(from) {
			from = r.Logs[i].First
		}
		if r.Logs[i].Last.After(to) {
			to = r.Logs[i].Last
		}
	}
	return conn.Exec(ctx, fmt.Sprintf(`INSERT INTO ledger_verifications (run_id, ts, tool_version, by_principal, scope_from, scope_to, batches, rows,
    missing_seq, missing_rows, digest_mismatch, unsealed_rows, anchors_checked, anchor_mismatch, result, report)
SELECT ?, fromUnixTimestamp64Milli(%d), ?, ?, fromUnixTimestamp64Milli(%d), fromUnixTimestamp64Milli(%d), %d, %d, %d, %d, %d, %d, %d, %d, ?, ?`,
		r.At.UnixMilli(), from.UnixMilli(), to.UnixMilli(), r.Batches, r.Rows, r.MissingSeq, r.MissingRows, r.Mismatches, r.UnsealedRows, r.Anchors, r.AnchorMismatches),
		runID, version, by, r.Word, string(raw))
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows in %d batches of %d logs", strings.ToUpper(r.Word), r.Rows, r.Batches, len(r.Logs))
	if r.Took > 0 {
		fmt.Fprintf(&b, ", in %s", r.Took.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "\nheld against %d checkpoints in the store, %d anchored outside, %d vouched for by other writers\n", r.Checkpoints, r.Anchors, r.Peers)
	if r.Redelivered > 0 {
		fmt.Fprintf(&b, "%d rows are there more than once and alike: delivered again\n", r.Redelivered)
	}
	if r.Expired > 0 {
		fmt.Fprintf(&b, "%d batches lost rows after their retention\n", r.Expired)
	}
	for i := range r.Logs {
		l := &r.Logs[i]
		state := "open"
		if l.Ended {
			state = "stopped in order"
		}
		signer := "signed by " + l.SignedBy
		if l.SignedBy == "" {
			signer = "signed by nobody who is believed"
		}
		fmt.Fprintf(&b, "log %s/%d: %d leaves, %s to %s, %s, %s\n    received %d = written %d + filtered %d + refused %d\n", l.Writer, l.Epoch, l.Leaves,
			l.First.Format(time.RFC3339), l.Last.Format(time.RFC3339), state, signer, l.Counters.Received, l.Counters.Written, l.Counters.Filtered, l.Counters.Refused)
	}
	for i := range r.Logs {
		for _, c := range r.Logs[i].Cosigned {
			fmt.Fprintf(&b, "log %s/%d: witness %s saw %d leaves at %s\n", r.Logs[i].Writer, r.Logs[i].Epoch, c.Witness, c.Leaves, c.At.Format(time.RFC3339))
		}
	}
	for i := range r.Issues {
		n := &r.Issues[i]
		fmt.Fprintf(&b, "%s  %s: %s", strings.ToUpper(n.Level), n.Kind, n.Text)
		var where []string
		if n.Writer != "" {
			where = append(where, fmt.Sprintf("log %s/%d", n.Writer, n.Epoch))
		}
		if n.Seq != nil {
			where = append(where, fmt.Sprintf("leaf %d", *n.Seq))
		}
		if n.Batch != "" {
			where = append(where, fmt.Sprintf("table %s, batch %s", n.Table, n.Batch))
		}
		if len(where) > 0 {
			b.WriteString(" [" + strings.Join(where, ", ") + "]")
		}
		b.WriteByte('\n')
	}
	if r.MoreIssues > 0 {
		fmt.Fprintf(&b, "and %d more\n", r.MoreIssues)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note  %s\n", n)
	}
	if r.Anchors == 0 {
		b.WriteString("note  no anchor was given: that the newest batches were cut off together with their leaves would not show\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
