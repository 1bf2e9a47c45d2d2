package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/conformance"
	"github.com/spanwarden/spanwarden/internal/stack"
)

// patience bounds each wait for the machine; a wait ends as soon as it may.
const patience = 2 * time.Minute

// demo is `make demo`. Its store stays between runs, on purpose: the second run
// sends the same telemetry again and must find nothing new.
func demo(ctx context.Context, s *settings, corpus string) error {
	recordings, err := conformance.Load(corpus)
	if err != nil {
		return err
	}
	st, err := stack.New(stack.Options{
		Bin: s.bin, Config: s.config, State: filepath.Join(s.state, "demo"),
		// Recordings of strangers alert nobody.
		Overrides: []string{"service::pipelines::logs::exporters: [clickhouse_audit]"},
	})
	if err != nil {
		return err
	}
	err = runDemo(ctx, st, recordings.Scenarios)
	if err == nil {
		err = verifyStore(ctx, st, s.bin)
	}
	if err == nil {
		err = packEvidence(ctx, st, s)
	}
	if stopped := st.Stop(); err == nil {
		err = stopped
	}
	return err
}

func runDemo(ctx context.Context, st *stack.Stack, scenarios []conformance.Scenario) error {
	fmt.Println("starting the embedded ClickHouse engine ...")
	if err := within(ctx, st.StartStore); err != nil {
		return err
	}
	conn, err := open(st.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written through it
	fmt.Println("starting the collector ...")
	if err := within(ctx, st.StartCollector); err != nil {
		return err
	}
	before := storedSpans(ctx, conn)
	sent := map[spanID]struct{}{}
	for i, sc := range scenarios {
		progress(i+1, len(scenarios))
		if err := sendScenario(ctx, st, &sc, sent); err != nil {
			return fmt.Errorf("scenario %s: %w", sc.Name, err)
		}
	}
	fmt.Printf("sent %d spans\n", len(sent))
	if err := waitForSpans(ctx, conn, len(sent)); err != nil {
		return err
	}
	after := storedSpans(ctx, conn)
	fmt.Printf("the audit store held %d actions before and holds %d now\n", before, after)
	if before > 0 && before != after {
		return fmt.Errorf("the same telemetry sent again must not add actions: %d before, %d after", before, after)
	}
	for _, r := range reports {
		if err := r.print(ctx, conn, os.Stdout); err != nil {
			return err
		}
	}
	return tellStories(ctx, st, conn)
}

// keys are the public keys of all who wrote to the store.
func keys(st *stack.Stack) []string {
	return []string{"--key", filepath.Join(st.State(), "integrity"), "--key", filepath.Join(st.State(), "stories", "integrity")}
}

// command runs the command-line tool, as its user would.
func command(ctx context.Context, bin string, args ...string) error {
	tool := filepath.Join(bin, "spanwarden")
	fmt.Printf("%s %s\n\n", tool, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// verifyStore runs the command that an auditor runs.
func verifyStore(ctx context.Context, st *stack.Stack, bin string) error {
	fmt.Printf("\n=== Was anything changed since? ")
	if err := command(ctx, bin, append([]string{"verify", "--dsn", st.DSN()}, keys(st)...)...); err != nil {
		return fmt.Errorf("the audit store is not as it was signed (a store of a version that signed nothing: remove %s): %w", st.State(), err)
	}
	return nil
}

// packEvidence writes what an auditor would be handed about the traffic of the
// demonstration, and checks it.
func packEvidence(ctx context.Context, st *stack.Stack, s *settings) error {
	conn, err := open(st.DSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written through it
	var from time.Time
	if err := conn.QueryRow(ctx, "SELECT toStartOfDay(min(ts)) FROM actions").Scan(&from); err != nil {
		return fmt.Errorf("asking when the first action was: %w", err)
	}
	out := filepath.Join(s.state, "evidence-"+time.Now().UTC().Format("20060102T150405"))
	fmt.Printf("\n=== What an auditor gets: ")
	args := append([]string{"evidence", "pack", "--dsn", st.DSN(), "--framework", "all", "--from", from.UTC().Format(time.DateOnly), "--out", out}, keys(st)...)
	if err := command(ctx, s.bin, args...); err != nil {
		return fmt.Errorf("writing the evidence pack: %w", err)
	}
	fmt.Printf("\n=== Is the pack as it was made? ")
	if err := command(ctx, s.bin, append([]string{"evidence", "check", out}, keys(st)...)...); err != nil {
		return fmt.Errorf("checking the evidence pack: %w", err)
	}
	page, err := filepath.Abs(filepath.Join(out, "report.html"))
	if err != nil {
		return err
	}
	fmt.Printf("\nOpen it in a browser, or print it: file://%s\n", page)
	return nil
}

// progress counts on one line of a terminal, and tells a log only the end.
func progress(done, all int) {
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	switch {
	case terminal && done < all:
		fmt.Printf("\rsending recorded agent runs through OTLP: %d of %d", done, all)
	case terminal:
		fmt.Print("\r")
		fallthrough
	case done == all:
		fmt.Printf("sending recorded agent runs through OTLP: %d of %d\n", done, all)
	}
}

func within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f(ctx)
}

func open(dsn string) (driver.Conn, error) {
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("store address %s: %w", dsn, err)
	}
	return clickhouse.Open(opts)
}

// sendScenario sends a recording request by request, as the stack did, and notes
// its spans in sent.
func sendScenario(ctx context.Context, st *stack.Stack, sc *conformance.Scenario, sent map[spanID]struct{}) error {
	for _, request := range sc.Requests {
		if err := st.Send(ctx, request); err != nil {
			return err
		}
		if err := spanIDs(request, sent); err != nil {
			return err
		}
	}
	return nil
}

// everything is the period that holds every recording.
const everything = "ev_actions(period_start = toDateTime64('1970-01-02 00:00:00', 3, 'UTC'), period_end = toDateTime64('2200-01-01 00:00:00', 3, 'UTC'))"

// storedSpans counts distinct spans; a store without a schema yet holds none.
func storedSpans(ctx context.Context, conn driver.Conn) (n uint64) {
	row := conn.QueryRow(ctx, "SELECT uniqExact(trace_id, span_id) FROM "+everything)
	if err := row.Scan(&n); err != nil {
		return 0
	}
	return n
}

func waitForSpans(ctx context.Context, conn driver.Conn, want int) error {
	deadline := time.After(patience)
	for storedSpans(ctx, conn) < uint64(want) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("only %d of %d spans reached the store within %s", storedSpans(ctx, conn), want, patience)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
