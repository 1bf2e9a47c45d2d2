package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	client "github.com/spanwarden/spanwarden/client/spanwarden"
	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/agents"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// Where the scenarios' policy is, and when their agents ran: always at the same
// time, so that a second run sends the same telemetry.
const (
	demoBudgets      = "configs/policy/demo-budgets.yaml"
	demoRegistry     = "configs/policy/agents"
	demoAlertmanager = "configs/alertmanager.yml"
)

var scenarioTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// story is one scenario and what the audit store can say about it.
type story struct {
	title, what string
	agents      *agents.Scenario
	// finding is a type that the store must know of, in the session, once the
	// story is told.
	finding, session string
	// asks are questions of agents that do ask before they act.
	asks  []question
	shows []show
}

// question is what an agent asks the decision receiver.
type question struct{ agent, tool, session string }

// show is a query of the catalogue with the columns that fit a screen.
type show struct {
	query   string
	params  map[string]string
	columns []string
}

// chainOfSession stands for the id of the chain that the story's session is.
const chainOfSession = "@chain"

// Time is that of the spans: what reaches back two weeks is told first.
var stories = []story{
	{
		title:  "A retry loop is told from work",
		what:   "The fetcher makes 5 to 10 calls a task. Then it makes 500 in an hour, all refused with 429.",
		agents: &agents.RetryLoop, finding: "baseline.loop", session: agents.SessionRetryLoop,
		shows: []show{{
			query: "findings", params: map[string]string{"type": "baseline."},
			columns: []string{"type", "severity", "state", "message"},
		}},
	},
	{
		title:  "A reasoning loop is stopped before it spends what it must not",
		what:   "100 USD a session. 87 USD are gone after 30 s; at that pace the limit is 4 s away.",
		agents: &agents.ReasoningLoop, finding: "budget.halt", session: agents.SessionLoop,
		asks: []question{{"researcher", "search", agents.SessionLoop}},
		shows: []show{{
			query: "session-trajectory", params: map[string]string{"session": agents.SessionLoop},
			columns: []string{"at", "event", "cost_usd", "spent_usd", "budget_limit", "projected_low", "projected_high", "exhausted_from", "effect", "decision_id"},
		}},
	},
	{
		title:  "An agent leaves its boundary",
		what:   "The support agent may list customers and send mail. It tries to delete one, too.",
		agents: &agents.SupportDeskLive, finding: "boundary.tool", session: agents.SessionSupportLive,
		asks: []question{{"support", "list_customers", "session-support-asks"}, {"support", "delete_customer", "session-support-asks"}},
		shows: []show{{
			query: "boundary-actions", params: map[string]string{"agent": "support"},
			columns: []string{"ts", "kind", "tool", "operation", "model", "verdict", "rule", "findings"},
		}},
	},
	{
		title:  "A delegation keeps its limits",
		what:   "The assistant lets the mailer write to acme.example only. The mailer writes to somebody else.",
		agents: &agents.DelegatedMail, finding: "delegation.constraint_violated", session: agents.SessionMail,
		shows: []show{{
			query: "chain-show", params: map[string]string{"chain": chainOfSession},
			columns: []string{"hop", "agent_id", "principal", "delegator", "delegation_id", "grade", "scope", "constraints", "actions", "chain_verdict"},
		}},
	},
}

// tellStories starts the collector anew, under the demo's policy and with state of
// its own, and plays the scenarios. Each must raise its alerts and no others.
func tellStories(ctx context.Context, st *stack.Stack, conn driver.Conn) error {
	fmt.Println("\nNow under budgets and a registry: " + demoBudgets + ", " + demoRegistry)
	if err := st.StopCollector(); err != nil {
		return err
	}
	alerting, err := startAlertmanager(ctx, st)
	if err != nil {
		return err
	}
	st.Configure([]string{
		"SPANWARDEN_STATE=" + filepath.Join(st.State(), "stories"),
		"SPANWARDEN_BUDGETS=" + demoBudgets, "SPANWARDEN_REGISTRY=" + demoRegistry,
	}, []string{
		// Chains settle when nothing more comes; the demo does not wait a minute.
		"extensions::governance::chains::settle: 2s", "processors::delegation::settle_interval: 500ms",
		// The recordings were counted without budgets.
		"extensions::governance::rebuild::dsn: ''",
	})
	fmt.Println("starting the collector ...")
	if err := within(ctx, st.StartCollector); err != nil {
		return err
	}
	if err := playStories(ctx, st, conn, os.Stdout); err != nil {
		return err
	}
	if alerting {
		return printAlerts(ctx, st)
	}
	return nil
}

// playStories runs the scenarios and shows what is known of them.
func playStories(ctx context.Context, st *stack.Stack, conn driver.Conn, out io.Writer) error {
	spans := make([]int, len(stories))
	for i := range stories {
		n, err := agents.Run(ctx, st.OTLP(), stories[i].agents, scenarioTime)
		if err != nil {
			return err
		}
		spans[i] = n[stories[i].session]
	}
	for i := range stories {
		s := &stories[i]
		if err := waitFor(ctx, conn, fmt.Sprintf("%d actions of session %s", spans[i], s.session), uint64(spans[i]),
			"SELECT uniqExact(action_id) FROM "+everything+" WHERE session_id = ?", s.session); err != nil {
			return err
		}
		if err := waitFor(ctx, conn, "a finding "+s.finding+" about session "+s.session, 1,
			"SELECT count() FROM findings WHERE type = ? AND session_id = ?", s.finding, s.session); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "\n%s\n  %s\n", s.title, s.what)
		for _, q := range s.asks {
			if err := q.ask(ctx, st, conn, out); err != nil {
				return err
			}
		}
		for _, q := range s.shows {
			if err := q.print(ctx, conn, s.session, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask asks as an agent that waits for leave does, and holds that the answer is
// evidence.
func (q *question) ask(ctx context.Context, st *stack.Stack, conn driver.Conn, out io.Writer) error {
	d, err := (&client.Client{Base: st.Decision(), Agent: q.agent}).May(ctx, client.Action{
		Tool: q.tool, Session: q.session, Arguments: map[string]any{}, PrincipalType: "user", PrincipalID: "alice@acme.example",
	})
	if err != nil {
		return err
	}
	reason := d.Reason
	if reason == "" {
		reason = "rule " + d.Rule
	}
	_, _ = fmt.Fprintf(out, "  asked before: may %s call %s? %s (%s), decision %s\n", q.agent, q.tool, d.Effect, reason, d.ID)
	return waitFor(ctx, conn, "decision "+d.ID, 1, "SELECT count() FROM "+everything+" WHERE kind = 'decision' AND decision_id = ?", d.ID)
}

// waitFor waits until a query counts enough.
func waitFor(ctx context.Context, conn driver.Conn, what string, want uint64, query string, args ...any) error {
	deadline := time.After(patience)
	for {
		var n uint64
		err := conn.QueryRow(ctx, query, args...).Scan(&n)
		if err == nil && n >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return errors.Join(fmt.Errorf("the store did not know of %s within %s", what, patience), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *show) print(ctx context.Context, conn driver.Conn, session string, out io.Writer) error {
	q, err := evidence.Get(s.query)
	if err != nil {
		return err
	}
	own := map[string]string{}
	for k, v := range s.params {
		if v == chainOfSession {
			if v, err = chainOf(ctx, conn, session); err != nil {
				return err
			}
		}
		own[k] = v
	}
	params := maps.Clone(own)
	params["period_start"], params["period_end"] = "2026-11-20T00:00:00Z", "2200-01-01T00:00:00Z"
	bound, err := q.Bind(params, scenarioTime)
	if err != nil {
		return err
	}
	a, err := q.Run(ctx, conn, bound, 1000)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "  $ spanwarden query run %s%s\n", s.query, flags(own))
	w := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "  "+strings.Join(s.columns, "\t"))
	for _, row := range a.Rows {
		cells := make([]string, 0, len(s.columns))
		for _, c := range s.columns {
			i := slices.Index(a.Columns, c)
			if i < 0 {
				return fmt.Errorf("query %s: no column %s", s.query, c)
			}
			cells = append(cells, evidence.Text(row[i], "-"))
		}
		_, _ = fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// chainOf waits until the chain of a session has a verdict.
func chainOf(ctx context.Context, conn driver.Conn, session string) (id string, err error) {
	deadline := time.After(patience)
	for {
		err = conn.QueryRow(ctx, `SELECT chain_id FROM chains WHERE verdict != '' AND chain_id IN (SELECT chain_id FROM runs WHERE session_id = ?) LIMIT 1`, session).Scan(&id)
		if err == nil {
			return id, nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-deadline:
			return "", fmt.Errorf("no chain of session %s within %s: %w", session, patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func flags(params map[string]string) string {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(params)) {
		text.WriteString(" --param " + k + "=" + params[k])
	}
	return text.String()
}

// startAlertmanager reports whether there is one. Without it the demo goes on:
// what would have been raised stands in the store.
func startAlertmanager(ctx context.Context, st *stack.Stack) (bool, error) {
	fmt.Println("starting Alertmanager ...")
	err := within(ctx, func(ctx context.Context) error { return st.StartAlertmanager(ctx, demoAlertmanager) })
	if errors.Is(err, stack.ErrNoAlertmanager) {
		fmt.Println("  " + err.Error() + "; the demo goes on without alerts")
		return false, nil
	}
	return err == nil, err
}

func printAlerts(ctx context.Context, st *stack.Stack) error {
	alerts, err := st.Alerts(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nAlerts that fire\n  $ amtool alert query --alertmanager.url=%s   (while it runs: make run)\n", st.Alertmanager())
	lines := make([]string, 0, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		note := ""
		if len(a.Status.InhibitedBy) > 0 {
			note = " (inhibited)"
		}
		lines = append(lines, fmt.Sprintf("  %s\t%s%s\t%s", a.Labels["severity"], a.Labels["alertname"], note, a.Annotations["summary"]))
	}
	slices.Sort(lines)
	w := tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(lines, "\n"))
	return w.Flush()
}
