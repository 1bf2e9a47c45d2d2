package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Record writes to the store that it was verified, by whom and with what result, and
// returns the SHA-256 of the report, which whoever keeps it can keep elsewhere.
func Record(ctx context.Context, conn driver.Conn, r *Report, by, version string) (digest string, err error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	digest = hex.EncodeToString(sum[:])
	from, to := r.span()
	columns, values := "", ""
	var args []any
	if has, err := hasDigest(ctx, conn); err != nil {
		return "", err
	} else if has {
		columns, values, args = ", scope, report_digest", ", ?, ?", []any{r.Scope.Text(), digest}
	}
	return digest, conn.Exec(ctx, fmt.Sprintf(`INSERT INTO ledger_verifications (run_id, ts, tool_version, by_principal, scope_from, scope_to, batches, rows,
    missing_seq, missing_rows, digest_mismatch, unsealed_rows, anchors_checked, anchor_mismatch, result, report%s)
SELECT ?, fromUnixTimestamp64Milli(%d), ?, ?, fromUnixTimestamp64Milli(%d), fromUnixTimestamp64Milli(%d), %d, %d, %d, %d, %d, %d, %d, %d, ?, ?%s`,
		columns, r.At.UnixMilli(), from.UnixMilli(), to.UnixMilli(), r.Batches, r.Rows, r.MissingSeq, r.MissingRows, r.Mismatches, r.UnsealedRows, r.Anchors, r.AnchorMismatches,
		values), append([]any{r.RunID, version, by, r.Word, string(raw)}, args...)...)
}

// span is the time that was verified: the period, or that of all leaves.
func (r *Report) span() (from, to time.Time) {
	from, to = time.Unix(0, 0).UTC(), time.Unix(0, 0).UTC()
	for i := range r.Logs {
		if i == 0 || r.Logs[i].First.Before(from) {
			from = r.Logs[i].First
		}
		if r.Logs[i].Last.After(to) {
			to = r.Logs[i].Last
		}
	}
	if r.Scope.From != nil {
		from = *r.Scope.From
	}
	if r.Scope.To != nil {
		to = *r.Scope.To
	}
	return from, to
}

// hasDigest tells whether the store was migrated since reports have a digest.
func hasDigest(ctx context.Context, conn driver.Conn) (bool, error) {
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'ledger_verifications' AND name = 'report_digest'").Scan(&n)
	return n > 0, err
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows in %d batches of %d logs", strings.ToUpper(r.Word), r.Rows, r.Batches, len(r.Logs))
	if r.Took > 0 {
		fmt.Fprintf(&b, ", in %s", r.Took.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "\nscope: %s\nheld against %d checkpoints in the store, %d anchored outside, %d vouched for by other writers\n", r.Scope.Text(), r.Checkpoints, r.Anchors, r.Peers)
	if r.Redelivered > 0 {
		fmt.Fprintf(&b, "%d rows are there more than once and alike: delivered again\n", r.Redelivered)
	}
	if r.Expired > 0 {
		fmt.Fprintf(&b, "%d batches expired: a record says which rows of them were dropped, and why\n", r.Expired)
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
	if r.Digest != "" {
		fmt.Fprintf(&b, "on record as %s, report %s\n", r.RunID, r.Digest)
	}
	if r.Anchors == 0 {
		b.WriteString("note  no anchor was given: that the newest batches were cut off together with their leaves would not show\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
