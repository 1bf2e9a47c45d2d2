package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// ranks order what happens at the same time.
var ranks = []string{"firing", "resolved", audit.Acknowledged, audit.Closed}

// stateOf is the slow, obvious model of view findings: events in order, one after
// the other, up to a second.
func stateOf(events []audit.FindingRow, id string, before int64) (text string) {
	seen := map[string]bool{}
	var own []audit.FindingRow
	for _, e := range events {
		key := fmt.Sprint(e.State, e.TS)
		if e.ID == id && e.TS < before && !seen[key] {
			seen[key] = true
			own = append(own, e)
		}
	}
	slices.SortFunc(own, func(a, b audit.FindingRow) int {
		return cmp.Or(cmp.Compare(a.TS, b.TS), cmp.Compare(slices.Index(ranks, a.State), slices.Index(ranks, b.State)))
	})
	var state, cause, acked, closed string
	fired := 0
	for _, e := range own {
		state = e.State
		switch e.State {
		case "firing":
			cause = e.State
			fired++
		case "resolved":
			cause = e.State
		case audit.Acknowledged:
			acked = e.By
		case audit.Closed:
			closed = e.By
		}
	}
	open := map[bool]int{true: 1}[cause == "firing" && state != audit.Closed]
	return fmt.Sprint(state, " ", cause, " ", open, " ", fired, " ", acked, " ", closed)
}

func ask(t *testing.T, conn driver.Conn, sql string) map[string]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	got := map[string]string{}
	for rows.Next() {
		var id, text string
		require.NoError(t, rows.Scan(&id, &text))
		got[id] = text
	}
	require.NoError(t, rows.Err())
	return got
}

// Whatever the order, the batches and the repetitions in which events arrive, the
// views say what the model says.
func TestViewsAgainstModels(t *testing.T) {
	store := storetest.Start(t)
	random := rand.New(rand.NewPCG(7, 11))
	t.Run("findings", func(t *testing.T) {
		conn, sender := open(t, store.Database(t))
		findings(t, random, conn, sender)
	})
	t.Run("lineage", func(t *testing.T) {
		conn, sender := open(t, store.Database(t))
		lineage(t, random, conn, sender)
	})
}

func findings(t *testing.T, random *rand.Rand, conn driver.Conn, sender *insert.Sender) {
	t.Helper()
	const ids, seconds = 40, 12
	const n = 600
	events := make([]audit.FindingRow, 0, n)
	for range n {
		id, second := fmt.Sprintf("f%02d", random.IntN(ids)), random.Int64N(seconds)
		ts := epoch.Add(time.Duration(second) * time.Second).UnixNano()
		events = append(events, audit.FindingRow{
			Tenant: "t", ID: id, Type: "budget.halt", State: ranks[random.IntN(len(ranks))], By: fmt.Sprint("p", second),
			Stated: uint64(ts), TS: ts, Observer: ts + random.Int64N(1e12), TSQuality: "ok",
		})
	}
	for rest := events; len(rest) > 0; {
		n := min(1+random.IntN(100), len(rest))
		block, err := audit.EncodeFindings(rest[:n])
		require.NoError(t, err)
		require.NoError(t, sender.Insert(t.Context(), block))
		rest = rest[n:]
	}
	const text = "concat(state, ' ', cause, ' ', toString(open), ' ', toString(fired), ' ', acknowledged_by, ' ', closed_by)"
	for second := range int64(seconds + 1) {
		end := epoch.Add(time.Duration(second) * time.Second)
		got := ask(t, conn, fmt.Sprintf("SELECT finding_id, %s FROM ev_findings(period_start='2000-01-01', period_end='%s')", text, end.Format(sqlfile.Clock)))
		want := map[string]string{}
		for _, e := range events {
			if e.TS < end.UnixNano() {
				want[e.ID] = stateOf(events, e.ID, end.UnixNano())
			}
		}
		assert.Equal(t, want, got, "as of second %d", second)
		if second == seconds {
			assert.Equal(t, want, ask(t, conn, "SELECT finding_id, "+text+" FROM findings"))
		}
	}
}

// lineage draws random delegations with cycles, joins, broken links and later
// revisions, and walks them from the roots as anyone would by hand.
func lineage(t *testing.T, random *rand.Rand, conn driver.Conn, sender *insert.Sender) {
	t.Helper()
	const runs = 60
	type edge struct{ from, to, kind string }
	edges := map[string]edge{}
	var events []func(ptrace.SpanEvent)
	record := func(name string, revision int, attributes map[string]string) {
		events = append(events, func(ev ptrace.SpanEvent) {
			ev.SetName(name)
			ev.SetTimestamp(pcommon.NewTimestampFromTime(epoch))
			ev.Attributes().PutInt(attr.DelegationRevision, int64(revision))
			for k, v := range attributes {
				ev.Attributes().PutStr(k, v)
			}
		})
	}
	run := func(i int) string { return fmt.Sprintf("t%d-s%d", i, i) }
	for i := range runs {
		record(attr.DelegationRunEvent, 1, map[string]string{attr.RunID: run(i)})
	}
	for i := range runs {
		for revision := range random.IntN(3) {
			e := edge{from: run(random.IntN(runs)), to: run(random.IntN(runs)), kind: []string{"delegate", "transfer", "join"}[random.IntN(3)]}
			if random.IntN(5) == 0 {
				e.from = "" // nobody knows the delegator
			}
			id := fmt.Sprint("e", i)
			edges[id] = e // the highest revision is drawn last
			record(attr.DelegationEdgeEvent, revision+1, map[string]string{
				attr.DelegationEdgeID: id, attr.DelegationDelegatorRun: e.from, attr.DelegationDelegateeRun: e.to, attr.DelegationKind: e.kind,
			})
		}
	}
	for range 2 { // everything twice, in any order
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		deliver(t, random, events, sender)
	}

	delegated := map[string]bool{}
	for _, e := range edges {
		if e.kind != "join" {
			delegated[e.to] = true
		}
	}
	want := map[string]string{}
	for i := range runs {
		if !delegated[run(i)] {
			want[run(i)] = "reached"
		}
	}
	for grown := true; grown; {
		before := len(want)
		for _, e := range edges {
			if e.kind != "join" && want[e.from] != "" {
				want[e.to] = "reached"
			}
		}
		grown = len(want) > before
	}
	got := ask(t, conn, "SELECT DISTINCT run_id, 'reached' FROM ev_lineage(period_start='2000-01-01', period_end='2100-01-01')")
	assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
	assert.Less(t, len(want), runs, "some are in cycles or below a broken link")
}

func deliver(t *testing.T, random *rand.Rand, events []func(ptrace.SpanEvent), sender *insert.Sender) {
	t.Helper()
	for rest := events; len(rest) > 0; {
		n := min(1+random.IntN(60), len(rest))
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		ss.Scope().SetName(attr.Scope)
		for _, fill := range rest[:n] {
			s := ss.Spans().AppendEmpty()
			s.SetName(attr.SettleSpan)
			fill(s.Events().AppendEmpty())
		}
		_, err := audit.NewEncoder(audit.Limits{}, audit.Content{}).Encode(td, epoch, func(b *audit.Encoded) error {
			return sender.Insert(t.Context(), b)
		})
		require.NoError(t, err)
		rest = rest[n:]
	}
}
