// Command fault runs the built collector against the embedded engine, breaks one
// or the other, and closes the books: what was accepted is stored or
// dead-lettered, once; spend and chains are what a clean recomputation finds; the
// store verifies; memory stayed within its bound. It prints a line for each fault.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// options are the command's flags.
type options struct {
	bin, config, work string
	down              time.Duration
	flood             time.Duration
	agents            int
	run               string
	quick, keep, list bool
}

func main() {
	var opts options
	flag.StringVar(&opts.bin, "bin", "_build", "folder of the binaries")
	flag.StringVar(&opts.config, "config", "configs/spanwarden.yaml", "the collector's configuration")
	flag.StringVar(&opts.work, "work", "_run/fault", "folder for what the scenarios need")
	flag.DurationVar(&opts.down, "down", 10*time.Second, "how long the store is down in store-down")
	flag.DurationVar(&opts.flood, "flood", time.Minute, "how long overload lasts")
	flag.IntVar(&opts.agents, "agents", 1_000_000, "how many agents there are in million-agents")
	flag.StringVar(&opts.run, "run", "", "regular expression: only these scenarios")
	flag.BoolVar(&opts.quick, "quick", false, "only the subset that every change runs")
	flag.BoolVar(&opts.keep, "keep", false, "keep the folders of the scenarios")
	flag.BoolVar(&opts.list, "list", false, "say what the scenarios are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	results, err := runAll(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		os.Exit(2)
	}
	if slices.ContainsFunc(results, func(r result) bool { return len(r.Faults) > 0 }) {
		os.Exit(1)
	}
}

func runAll(ctx context.Context, opts options) ([]result, error) {
	only, err := regexp.Compile(opts.run)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	if opts.bin, err = filepath.Abs(opts.bin); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.work, 0o755); err != nil {
		return nil, err
	}
	var results []result
	for _, sc := range scenarios(opts) {
		switch {
		case !only.MatchString(sc.Name) || opts.quick && !sc.Quick:
			continue
		case opts.list:
			fmt.Printf("%-18s %s\n", sc.Name, sc.About)
			continue
		case ctx.Err() != nil:
			return results, ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "%s: %s ...\n", sc.Name, sc.About)
		results = append(results, sc.play(ctx, opts))
	}
	if opts.list {
		return nil, nil
	}
	return results, table(os.Stdout, results)
}

// table prints the results, and below them what went wrong.
func table(w io.Writer, results []result) error {
	var text strings.Builder
	tab := tabwriter.NewWriter(&text, 2, 0, 2, ' ', 0)
	line := func(cells ...any) { _, _ = fmt.Fprintln(tab, strings.Join(words(cells), "\t")) } // into memory
	line("scenario", "accepted", "stored", "dead", "lost", "twice", "refused", "spend", "chains", "verify", "peak MiB", "seconds", "result")
	for i := range results {
		r := &results[i]
		line(r.Name, r.Accepted, r.Stored, r.Dead, r.Lost, r.Twice, r.Refused, r.Spend, r.Chains, r.Verify,
			fmt.Sprintf("%d of %d", r.Peak>>20, r.Bound>>20), int(r.Took.Seconds()), r.outcome())
	}
	_ = tab.Flush() // into memory
	for i := range results {
		for _, f := range results[i].Faults {
			fmt.Fprintf(&text, "%s: FAULT: %s\n", results[i].Name, f)
		}
		for _, n := range results[i].Notes {
			fmt.Fprintf(&text, "%s: %s\n", results[i].Name, n)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func words(cells []any) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = fmt.Sprint(c)
	}
	return out
}

func (r *result) outcome() string {
	switch {
	case r.Skipped != "":
		return "skipped: " + r.Skipped
	case len(r.Faults) > 0:
		return "FAULT"
	default:
		return "ok"
	}
}
