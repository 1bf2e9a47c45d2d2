package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/processor"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/replay"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor"
	"github.com/spanwarden/spanwarden/processor/costprocessor"
	"github.com/spanwarden/spanwarden/processor/delegationprocessor"
	"github.com/spanwarden/spanwarden/processor/genaiprocessor"
)

func init() { commands = append(commands, newReplayCommand) }

// governing are the components that a replay runs.
func governing() *replay.Factories {
	return &replay.Factories{
		Extensions: []extension.Factory{governanceextension.NewFactory()},
		Processors: []processor.Factory{
			genaiprocessor.NewFactory(), delegationprocessor.NewFactory(), costprocessor.NewFactory(), boundaryprocessor.NewFactory(),
			baselineprocessor.NewFactory(),
		},
	}
}

// replayFlags are what `replay` and `baseline show` share.
type replayFlags struct {
	dsn, since, until, warmUp, config, pipeline, project string
	set                                                  []string
	batch                                                time.Duration
	quiet                                                bool
}

func (r *replayFlags) add(cmd *cobra.Command, since, warmUp string) {
	storeFlag(cmd, &r.dsn)
	f := cmd.Flags()
	f.StringVar(&r.since, "since", since, "begin of the period: a time (RFC 3339) or how long ago, such as 12h or 7d")
	f.StringVar(&r.until, "until", "now", "end of the period, likewise, or now; not in the future")
	f.StringVar(&r.warmUp, "warm-up", warmUp, "how long before the period the replay begins, so that there is a history")
	f.StringVar(&r.config, "config", "configs/spanwarden.yaml", "the collector's configuration")
	f.StringArrayVar(&r.set, "set", nil, "a setting laid over it, such as 'processors::cost::prices: prices.yaml' (repeatable)")
	f.StringVar(&r.pipeline, "pipeline", "", "which traces pipeline, where several have governance processors")
	f.StringVar(&r.project, "project", "", "read the actions of this project only: its budgets and chains then miss those of others")
	f.DurationVar(&r.batch, "batch", 5*time.Second, "what ended within so much time is one batch, as SDKs send it")
	f.BoolVar(&r.quiet, "quiet", false, "no progress on stderr")
}

// options reads the flags; the error names all that is wrong.
func (r *replayFlags) options(now time.Time) (o replay.Options, err error) {
	var errs [3]error
	o.Since, errs[0] = moment("--since", r.since, now)
	o.Until, errs[1] = moment("--until", r.until, now)
	o.WarmUp, errs[2] = span("--warm-up", r.warmUp)
	o.Batch = r.batch
	if err := errors.Join(errs[:]...); err != nil {
		return o, err
	}
	if o.Until.After(now) {
		return o, fmt.Errorf("--until: %s is in the future", o.Until.Format(time.RFC3339))
	}
	if !o.Since.Before(o.Until) {
		return o, fmt.Errorf("--since: %s is not before --until (%s)", r.since, o.Until.Format(time.RFC3339))
	}
	if r.batch <= 0 || r.batch > time.Minute {
		return o, fmt.Errorf("--batch: want more than 0 and at most 1m, not %s", r.batch)
	}
	return o, nil
}

// moment reads a time, or how long ago.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	if text == "now" {
		return now.UTC(), nil
	}
	d, err := span(flag, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: want a time such as 2026-11-20T09:00:00Z or how long ago, such as 12h or 7d, not %q", flag, text)
	}
	return now.Add(-d).UTC(), nil
}

// span reads a duration, in days too. At most ten years.
func span(flag, text string) (d time.Duration, err error) {
	const day, most = 24 * time.Hour, 3660 * 24 * time.Hour
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, bad := strconv.Atoi(days)
		if n = max(0, min(n, 4000)); bad == nil {
			d = time.Duration(n) * day
		}
		err = bad
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < 0 || d > most || strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%s: want minutes, hours or days such as 90m, 12h or 7d, at most 3660d, not %q", flag, text)
	}
	return d, nil
}

func newReplayCommand() *cobra.Command {
	var r replayFlags
	var agent, format string
	cmd := &cobra.Command{
		Use:   "replay --since 7d --config FILE",
		Short: "What would these rules have found? Run the governance processors over stored actions",
		Long: `Takes the actions of a period out of the audit store, rebuilds their spans, and runs the genai, delegation, cost, boundary and
baseline processors of a configuration over them, with the governance extension and its policy files, in this process and
under the clock of the actions. It prints what that finds beside what is on record: same (by id), alike (same type and key,
another id), new and gone. Nothing live is touched and nothing is written.

Environment variables in the configuration are those of this process: set SPANWARDEN_BUDGETS, SPANWARDEN_REGISTRY and SPANWARDEN_PRICES
as the collector has them, or to the files that you want to try.

The replay begins --warm-up earlier, so that baselines and budgets have a history. What the store does not hold cannot
be judged: see the notes at the end of each report, and internal/replay/doc.go.`,
		Example: `  spanwarden replay --since 7d --config configs/spanwarden.yaml
  spanwarden replay --since 2026-11-13T00:00:00Z --until 2026-11-20T00:00:00Z --agent support --format json
  SPANWARDEN_BUDGETS=new-budgets.yaml spanwarden replay --since 30d --set 'processors::baseline::tuning::ratio: 5'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return fmt.Errorf("--format: want table or json, not %q", format)
			}
			return r.run(cmd, func(o *replay.Options) { o.Agent = agent }, func(report *replay.Report) error {
				if format == "json" {
					enc := json.NewEncoder(cmd.OutOrStdout())
					enc.SetIndent("", "  ")
					return enc.Encode(report)
				}
				return report.Text(cmd.OutOrStdout())
			})
		},
	}
	r.add(cmd, "7d", "14d")
	cmd.Flags().StringVar(&agent, "agent", "", "report on this agent only; all actions are replayed all the same")
	cmd.Flags().StringVar(&format, "format", "table", "table or json")
	return cmd
}

// run replays and hands the report on.
func (r *replayFlags) run(cmd *cobra.Command, more func(*replay.Options), done func(*replay.Report) error) error {
	o, err := r.options(time.Now())
	if err != nil {
		return err
	}
	rules, err := replay.ReadConfig(cmd.Context(), r.config, r.set, r.pipeline, governing())
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	if !r.quiet {
		o.Progress = progress(cmd.ErrOrStderr())
	}
	more(&o)
	return withStore(cmd.Context(), r.dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
		store := replay.NewStore(conn)
		store.Project = r.project
		report, err := r.replay(cmd.Context(), store, rules, o)
		if err != nil {
			return err
		}
		return done(report)
	})
}

func (*replayFlags) replay(ctx context.Context, store *replay.Store, rules *replay.Rules, o replay.Options) (*replay.Report, error) {
	report, err := replay.Run(ctx, store, rules, o)
	if errors.Is(err, replay.ErrNothing) {
		return nil, fmt.Errorf("%w; look further back with --since, or see `spanwarden query run agent-inventory`", err)
	}
	if err == nil && store.Unheld > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("%d pieces of content have expired, or were erased: what depends on them was not evaluated", store.Unheld))
	}
	return report, err
}

// progress writes how far a replay is, at each full percent.
func progress(to io.Writer) func(done, of uint64, at time.Time) {
	last := uint64(101)
	return func(done, of uint64, at time.Time) {
		percent := uint64(100)
		if of > 0 {
			percent = min(100, done*100/of)
		}
		if percent != last {
			last = percent
			_, _ = fmt.Fprintf(to, "replayed %d of %d actions (%d%%), up to %s\n", done, of, percent, at.UTC().Format(time.RFC3339))
		}
	}
}
