package clickhouseauditexporter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// days is a store with a batch of five rows on each of some days.
type days struct {
	*testing.T
	conn  driver.Conn
	opts  verify.Options
	first time.Time
}

const dayCount = 6

func newDays(t *testing.T, s *storetest.Store, database string) *days {
	t.Helper()
	d := &days{T: t, first: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -dayCount)}
	dir := t.TempDir()
	c := collectorOf(t, s, database, dir, "")
	for i := range dayCount {
		td := calls(i*5, 5)
		for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(d.day(i).Add(time.Hour)))
			span.SetEndTimestamp(span.StartTimestamp())
		}
		require.NoError(t, c.ConsumeTraces(t.Context(), td))
		require.NoError(t, c.e.ledger.beat(t.Context(), tlog.Heartbeat))
	}
	require.NoError(t, c.Shutdown(t.Context()))
	opts, err := audit.ParseDSN(s.URL() + "/" + database)
	require.NoError(t, err)
	d.conn, err = clickhouse.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.conn.Close()) })
	d.opts.Keys, err = tlog.Keys(publicKey(t, dir))
	require.NoError(t, err)
	return d
}

func (d *days) day(i int) time.Time { return d.first.AddDate(0, 0, i) }

func (d *days) exec(sql string, args ...any) {
	d.Helper()
	require.NoError(d, d.conn.Exec(d.Context(), fmt.Sprintf(sql, args...)))
}

func (d *days) verify(change func(*verify.Options)) *verify.Report {
	d.Helper()
	opts := d.opts
	opts.Now = time.Now()
	change(&opts)
	report, err := verify.Run(d.Context(), d.conn, opts)
	require.NoError(d, err)
	return report
}

// on is the scope of one day.
func (d *days) on(i int) func(*verify.Options) {
	return func(o *verify.Options) { o.From, o.To = d.day(i), d.day(i+1) }
}

const edit = "ALTER TABLE actions UPDATE tool_name = 'x' WHERE toDate(ts) = '%s' AND row_ix = 2 SETTINGS mutations_sync = 2"

// A part of the time is verified by itself, against everything that was signed.
func TestVerifyPeriod(t *testing.T) {
	d := newDays(t, storetest.Start(t), "period")
	for i := range dayCount {
		report := d.verify(d.on(i))
		require.Equal(t, verify.OK, report.Result, report.Issues)
		assert.Equal(t, uint64(5), report.Rows)
		assert.Equal(t, int64(1+2*dayCount+1), report.Logs[0].Leaves, "all leaves are folded")
	}
	whole := d.verify(func(*verify.Options) {})
	require.Equal(t, verify.OK, whole.Result, whole.Issues)
	assert.Equal(t, uint64(5*dayCount), whole.Rows)
	assert.Equal(t, "everything", whole.Scope.Text())
	deep := d.verify(func(o *verify.Options) { o.Deep = true })
	require.Equal(t, verify.OK, deep.Result, deep.Issues)
	assert.Equal(t, whole.Rows, deep.Rows)

	d.exec(edit, d.day(2).Format(time.DateOnly))
	for i := range dayCount {
		report := d.verify(d.on(i))
		require.Equal(t, i == 2, report.Result == verify.Tampered, report.Issues)
		assert.Contains(t, report.Scope.Text(), "leaves outside count by their hash alone")
	}
	report := d.verify(func(o *verify.Options) { o.To = d.day(2) })
	assert.Equal(t, verify.OK, report.Result, report.Issues)
	report = d.verify(func(o *verify.Options) { o.From, o.Deep = d.day(1), true })
	require.Equal(t, verify.Tampered, report.Result)
	require.Len(t, report.Issues, 1)
	assert.Equal(t, "rows_edited", report.Issues[0].Kind)

	// The columns beside a leaf do not decide what is looked at.
	d.exec("ALTER TABLE ledger_batches UPDATE min_ts = min_ts + INTERVAL 400 DAY, max_ts = max_ts + INTERVAL 400 DAY WHERE toDate(min_ts) = '%s' SETTINGS mutations_sync = 2",
		d.day(2).Format(time.DateOnly))
	kinds := d.kinds(d.on(2))
	assert.True(t, kinds["leaf_edited"] && kinds["rows_edited"], kinds)
	// A row that was moved into the period is not of it.
	d.exec("INSERT INTO actions SELECT * REPLACE (ts + INTERVAL 1 DAY AS ts) FROM (SELECT * FROM actions WHERE toDate(ts) = '%s' LIMIT 1)", d.day(3).Format(time.DateOnly))
	assert.True(t, d.kinds(d.on(4))["rows_added"])
	// A leaf before the period that was changed breaks the roots of all after it.
	d.exec("ALTER TABLE ledger_batches UPDATE leaf = replaceOne(leaf, 'rows 5', 'rows 4') WHERE toDate(min_ts) = '%s' SETTINGS mutations_sync = 2", d.day(0).Format(time.DateOnly))
	assert.True(t, d.kinds(d.on(5))["leaf_edited"])
	_, err := verify.Run(t.Context(), d.conn, verify.Options{From: d.day(2), To: d.day(2)})
	assert.ErrorContains(t, err, "is none")
}

func (d *days) kinds(change func(*verify.Options)) map[string]bool {
	d.Helper()
	kinds := map[string]bool{}
	for _, i := range d.verify(change).Issues {
		kinds[i.Kind] = true
	}
	return kinds
}

// A sample is the same for the same seed and finds what it looks at.
func TestVerifySample(t *testing.T) {
	d := newDays(t, storetest.Start(t), "sample")
	d.exec(edit, d.day(3).Format(time.DateOnly))
	found := 0
	for seed := range 12 {
		sample := func(o *verify.Options) { o.Sample, o.Seed = 2, strconv.Itoa(seed) }
		report, again := d.verify(sample), d.verify(sample)
		assert.Equal(t, report.Issues, again.Issues)
		assert.Equal(t, 2, report.Batches)
		assert.Equal(t, dayCount-2, report.Scope.Skipped)
		found += len(report.Issues)
	}
	assert.Positive(t, found)
	assert.Less(t, found, 12)
	assert.Equal(t, verify.Tampered, d.verify(func(o *verify.Options) { o.Sample, o.Seed = 100, "x" }).Result, "a sample of more than there are")
}

// What a verification found in order is left out by the next, as long as the log
// still is the one that it saw.
func TestVerifySinceLastOK(t *testing.T) {
	d := newDays(t, storetest.Start(t), "since")
	_, err := verify.LastOK(t.Context(), d.conn)
	require.ErrorIs(t, err, verify.ErrNoBaseline)
	part := d.verify(d.on(1))
	_, err = verify.Record(t.Context(), d.conn, part, "me", "v")
	require.NoError(t, err)
	_, err = verify.LastOK(t.Context(), d.conn)
	require.ErrorIs(t, err, verify.ErrNoBaseline, "a part vouches for nothing")

	report := d.verify(func(*verify.Options) {})
	report.RunID = "run1"
	digest, err := verify.Record(t.Context(), d.conn, report, "me", "v")
	require.NoError(t, err)
	var kept, stored string
	require.NoError(t, d.conn.QueryRow(t.Context(), "SELECT report_digest, lower(hex(SHA256(report))) FROM ledger_verifications WHERE run_id = 'run1'").Scan(&kept, &stored))
	assert.Equal(t, digest, kept)
	assert.Equal(t, digest, stored)
	since, err := verify.LastOK(t.Context(), d.conn)
	require.NoError(t, err)
	assert.Equal(t, "run1", since.RunID)

	d.exec(edit, d.day(1).Format(time.DateOnly))
	quick := d.verify(func(o *verify.Options) { o.Since = since })
	assert.Equal(t, verify.OK, quick.Result, "nothing is new, and what happened to the old is not seen")
	assert.Equal(t, dayCount, quick.Scope.Skipped)
	assert.Contains(t, quick.Scope.Text(), "since verification run1")

	// A record that saw something else of the log is not believed.
	forged := *since
	forged.Logs = append([]verify.Log(nil), since.Logs...)
	forged.Logs[0].Leaves--
	report = d.verify(func(o *verify.Options) { o.Since = &forged })
	assert.Equal(t, verify.Tampered, report.Result)
	assert.Contains(t, fmt.Sprint(report.Notes), "saw something else")
	raw, err := json.Marshal(report)
	require.NoError(t, err)
	_, err = verify.ParseBaseline("x", raw)
	assert.ErrorContains(t, err, "it can vouch for nothing")
}
