package retention

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// months fills two old months, with a batch that is in both, and the present one.
func (s *scene) months() {
	s.Helper()
	s.store(span{at: day("2024-10-05")}, span{at: day("2024-10-06")})
	s.store(span{at: day("2024-10-31")}, span{at: day("2024-11-01")}, span{at: day("2024-11-02")})
	s.store(span{at: day("2024-11-15")})
	s.store(span{at: now.Add(-time.Hour)})
}

// What is dropped is on record, and verification says under which policy it went;
// what goes without a record is missing.
func TestDroppingWhatIsDue(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.months()
	present := now.Format("200601")
	require.Equal(t, map[string]string{"actions 202410": Due, "actions 202411": Due, "actions " + present: Keep}, s.plan())
	s.verify(verify.OK)

	w := s.work()
	w.Before = day("2024-11-10")
	plan, err := s.k.Apply(t.Context(), s.log, w)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"actions 202410": Dropped, "actions 202411": Later, "actions " + present: Keep}, states(plan))
	assert.Equal(t, "[(202411,3),("+present+",1)]", s.rows())
	report := s.verify(verify.OK)
	assert.Equal(t, 2, report.Expired)
	require.NotEmpty(t, report.Notes) // beside what the embedded engine does not keep
	assert.Contains(t, report.Notes[0], `2 batches of actions expired under policy soc2/400d: partition 202410 was dropped by "dan"`)

	assert.Equal(t, map[string]string{"actions 202411": Dropped, "actions " + present: Keep}, s.apply())
	assert.Equal(t, 3, s.verify(verify.OK).Expired)
	assert.Equal(t, map[string]string{"actions " + present: Keep}, s.apply(), "nothing is left to do")
	assert.Equal(t, "[(202410,3,'soc2/400d',400),(202411,3,'soc2/400d',400)]",
		s.ask("SELECT toString(groupArray((toUInt32(partition_id), rows, policy_version, policy_days))) FROM (SELECT * FROM retention_events ORDER BY partition_id)"))

	s.exec("ALTER TABLE actions DROP PARTITION " + present)
	report = s.verify(verify.Tampered)
	assert.Equal(t, "batch_deleted", report.Issues[0].Kind)
}

// A record covers what it says and nothing else.
func TestWhatARecordDoesNotCover(t *testing.T) {
	store := storetest.Start(t)
	for name, c := range map[string]struct {
		sql  string
		kind string
	}{
		"the rest of a batch that was split":      {"ALTER TABLE actions DELETE WHERE ts < '2024-11-02 00:00:00' SETTINGS mutations_sync = 2", "rows_deleted"},
		"all of what was left of it":              {"ALTER TABLE actions DELETE WHERE ts < '2024-11-10 00:00:00' SETTINGS mutations_sync = 2", "batch_deleted"},
		"a row of it that is changed":             {"ALTER TABLE actions UPDATE tool_name = 'x' WHERE ts < '2024-11-02 00:00:00' SETTINGS mutations_sync = 2", "rows_deleted"},
		"a batch of another month":                {"ALTER TABLE actions DROP PARTITION 202411", "batch_deleted"},
		"a month whose record was made up in SQL": {"INSERT INTO retention_events (event_id, kind, table_name, partition_id, rows) SELECT 'x', 'drop', 'actions', '202411', 3", "rows_unsealed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, store)
			s.months()
			w := s.work()
			w.Before = day("2024-11-01").Add(-12 * time.Hour)
			_, err := s.k.Apply(t.Context(), s.log, w)
			require.NoError(t, err)
			require.Equal(t, "(202411,3)", s.rows()[1:11])
			s.verify(verify.OK)
			s.exec(c.sql)
			report := s.verify(verify.Tampered)
			kinds := make([]string, 0, len(report.Issues))
			for _, i := range report.Issues {
				kinds = append(kinds, i.Kind)
			}
			assert.Contains(t, kinds, c.kind)
		})
	}
}

// A run that ends between record and drop is completed by the next, under the record
// that there is.
func TestRunsThatEndInBetween(t *testing.T) {
	store := storetest.Start(t)
	for calls := range 3 {
		t.Run(fmt.Sprint("after ", calls, " calls"), func(t *testing.T) {
			s := newScene(t, store)
			s.months()
			_, err := s.k.Apply(t.Context(), &crashing{Log: s.log, calls: calls}, s.work())
			require.ErrorIs(t, err, errCrash)
			s.verify(verify.OK)
			states := s.apply()
			if calls < 2 {
				assert.Equal(t, Dropped, states["actions 202410"])
			}
			assert.Equal(t, Dropped, states["actions 202411"])
			assert.Equal(t, 3, s.verify(verify.OK).Expired)
			assert.Equal(t, "2", s.ask("SELECT toString(count()) FROM ledger_batches WHERE entry_kind = 'retention_drop'"), "one record each")
			assert.Equal(t, "2", s.ask("SELECT toString(count()) FROM retention_events"))
		})
	}
}

// Rows that come between record and drop are put on record, too.
func TestRowsThatComeInBetween(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.months()
	late := func() { s.store(span{at: day("2024-10-07")}) }
	_, err := s.k.Apply(t.Context(), &crashing{Log: s.log, calls: 100, then: late}, s.work())
	require.NoError(t, err)
	assert.Equal(t, 4, s.verify(verify.OK).Expired)
	assert.Equal(t, "3", s.ask("SELECT toString(count()) FROM ledger_batches WHERE entry_kind = 'retention_drop'"))
}

// Rows whose leaf may still come keep their partition for now; rows that nobody ever
// sealed do not for ever, and the record counts them.
func TestRowsWithoutALeaf(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(span{at: day("2024-10-05")})
	s.exec("INSERT INTO actions (ts, span_id, inserted_at) SELECT toDateTime64('2024-10-05 00:00:00', 9, 'UTC'), 'x', now64(3)")
	assert.Equal(t, Busy, s.apply()["actions 202410"])
	s.exec("ALTER TABLE actions UPDATE inserted_at = now64(3) - 3600 WHERE span_id = 'x' SETTINGS mutations_sync = 2")
	assert.Equal(t, Dropped, s.apply()["actions 202410"])
	assert.Equal(t, "2 1", s.ask("SELECT concat(detail['rows'], ' ', detail['unsealed']) FROM ledger_batches WHERE entry_kind = 'retention_drop'"))
	s.verify(verify.OK)
}

// A drop before its time is on record and no excuse.
func TestDroppedEarly(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(span{at: now.AddDate(0, 0, -100)})
	w := s.work()
	w.Now = func() time.Time { return now.AddDate(2, 0, 0) } // the operator's clock is wrong
	_, err := s.k.Apply(t.Context(), s.log, w)
	require.NoError(t, err)
	report := s.verify(verify.Tampered)
	assert.Equal(t, "dropped_early", report.Issues[0].Kind)
}

// Whatever is stored and held: what goes is what is due and not held, the rest stays,
// and everything verifies.
func TestModelOfHoldsAndDrops(t *testing.T) {
	store := storetest.Start(t)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			s := newScene(t, store)
			type row struct {
				at     time.Time
				tenant string
			}
			rows := make([]row, 0, 32)
			start := day("2025-06-01")
			for range 8 {
				at := start.AddDate(0, 0, r.IntN(300))
				batch := make([]span, 1+r.IntN(4))
				for i := range batch {
					batch[i] = span{at: at.AddDate(0, 0, r.IntN(40)), tenant: []string{"", "acme"}[r.IntN(2)]}
					rows = append(rows, row{batch[i].at, batch[i].tenant})
				}
				s.store(batch...)
			}
			holds := make([]Hold, 0, 4)
			for range r.IntN(4) {
				h := Hold{Active: true, Tenant: []string{audit.All, "acme", "nobody"}[r.IntN(3)], Table: []string{audit.All, "actions", "runs"}[r.IntN(3)]}
				if r.IntN(2) == 0 {
					h.From = start.AddDate(0, 0, r.IntN(200))
				}
				if r.IntN(2) == 0 {
					h.To = start.AddDate(0, 0, 200+r.IntN(100))
				}
				holds = append(holds, h)
				s.hold(h)
			}
			newest, stays := map[string]time.Time{}, map[string]bool{}
			for _, row := range rows {
				m := row.at.Format("200601")
				if row.at.After(newest[m]) {
					newest[m] = row.at
				}
				for _, h := range holds {
					if h.Table != "runs" && (h.Tenant == audit.All || h.Tenant == row.tenant) && (h.From.IsZero() || !row.at.Before(h.From)) && (h.To.IsZero() || row.at.Before(h.To)) {
						stays[m] = true
					}
				}
			}
			want := map[string]int{}
			for _, row := range rows {
				m := row.at.Format("200601")
				if stays[m] || !newest[m].AddDate(0, 0, 400).Before(now) {
					want[m]++
				}
			}
			s.apply()
			got := map[string]int{}
			require.NoError(t, s.k.scan(t.Context(), "SELECT toString(toYYYYMM(ts)), toInt64(count()) FROM actions GROUP BY 1", func(scan func(...any) error) error {
				var m string
				var n int64
				err := scan(&m, &n)
				got[m] = int(n)
				return err
			}))
			assert.Equal(t, want, got)
			s.verify(verify.OK)
		})
	}
}

// However much there is to say of a drop, each leaf is bounded and all of it is said.
func TestRecordsSayEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		in := &inventory{rows: 9}
		for i := range r.IntN(2500) {
			in.logs = append(in.logs, tlog.DropLog{Writer: fmt.Sprint("w", i), Epoch: 1, First: 5, Last: 100})
			for j := range r.IntN(3) {
				in.splits = append(in.splits, tlog.DropSplit{Writer: fmt.Sprint("w", i), Epoch: 1, Seq: uint64(5 + j), Rows: uint64(j)})
			}
		}
		records := in.records("id", &Partition{Table: "actions", Partition: "202411"}, &Policy{Name: "soc2", Days: 400}, "dan")
		logs, splits := map[string]bool{}, map[string]bool{}
		for i := range records {
			d := &records[i]
			assert.LessOrEqual(t, len(d.Logs)+len(d.Splits), tlog.MaxDropEntries)
			for _, l := range d.Logs {
				logs[l.Writer] = true
			}
			for _, s := range d.Splits {
				rows, _, ok := d.Left(&tlog.Leaf{Kind: tlog.Batch, Table: "actions", Writer: s.Writer, Epoch: s.Epoch, Seq: s.Seq})
				assert.True(t, ok)
				assert.Equal(t, s.Rows, rows)
				splits[fmt.Sprint(s.Writer, s.Seq)] = true
			}
		}
		require.Len(t, logs, len(in.logs))
		require.Len(t, splits, len(in.splits))
	}
}
