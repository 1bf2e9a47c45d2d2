package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/parquetfile"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/audit"
)

const formatParquet = "parquet"

// evidenceRun is what the command takes.
type evidenceRun struct {
	dsn, from, to, format, out, by string
	params                         []string
	maxRows                        int
	record                         bool
}

func newEvidenceRunCommand() *cobra.Command {
	var r evidenceRun
	cmd := &cobra.Command{
		Use:   "run ID",
		Short: "Ask the audit store, and say what the answer means",
		Long: "Asks the audit store. What the answer means, and for how much of the period collectors were there, is in the document of --format json and on the error\n" +
			"stream otherwise. That it was asked is written to the store.\n\nTimes are now, now-30d, 2006-01-02, 2006-01-02 15:04:05 or RFC 3339, in UTC. There is no time zone to choose: days are UTC too.",
		Example: "  spanwarden evidence run ev_unattributed --from 2026-10-01 --to 2026-11-01 --format csv --out unattributed.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := catalogue.Get(args[0])
			if err != nil {
				return err
			}
			return r.run(cmd, &q)
		},
	}
	storeFlag(cmd, &r.dsn)
	f := cmd.Flags()
	f.StringVar(&r.from, "from", "", "beginning of the period (default now-30d)")
	f.StringVar(&r.to, "to", "", "end of the period, not part of it (default now)")
	f.StringArrayVar(&r.params, "param", nil, "name=value, as often as needed")
	f.StringVar(&r.format, "format", evidence.Table, strings.Join(append(evidence.Formats(), formatParquet), ", ")+"; texts in csv that a sheet would take for a formula get an apostrophe")
	f.StringVar(&r.out, "out", "", "where to write it (default the standard output)")
	f.StringVar(&r.by, "by", "", "who asks (default the user of this process)")
	f.IntVar(&r.maxRows, "max-rows", 100_000, "refuse a longer answer; 0 means no bound")
	f.BoolVar(&r.record, "record", true, "write to the store that it was asked")
	return cmd
}

// values are the parameters of a question: the period where it takes one, and what
// was given by name.
func periodValues(q *catalogue.Query, from, to string, params []string) (map[string]string, error) {
	values, err := parseParams(params)
	if err != nil {
		return nil, err
	}
	for name, flag := range map[string][2]string{"period_start": {"--from", from}, "period_end": {"--to", to}} {
		if flag[1] == "" {
			continue
		}
		if !q.HasPeriod() {
			return nil, fmt.Errorf("%s: %s is about all that was ever stored and takes no period", flag[0], q.ID)
		}
		if _, ok := values[name]; ok {
			return nil, fmt.Errorf("%s: %s is given as --param as well", flag[0], name)
		}
		values[name] = flag[1]
	}
	return values, nil
}

func (r *evidenceRun) run(cmd *cobra.Command, q *catalogue.Query) error {
	if r.format != evidence.Table && r.format != evidence.JSON && r.format != evidence.CSV && r.format != formatParquet {
		return fmt.Errorf("--format: want one of %s, not %q", strings.Join(append(evidence.Formats(), formatParquet), ", "), r.format)
	}
	values, err := periodValues(q, r.from, r.to, r.params)
	if err != nil {
		return err
	}
	now := time.Now()
	if _, err := sqlfile.Bind(q.ID, q.Params, values, now); err != nil {
		return fmt.Errorf("%w\n`spanwarden evidence show %s` says what it takes", err, q.ID)
	}
	return withStore(cmd.Context(), r.dsn, func(conn driver.Conn, opts *clickhouse.Options) error {
		ctx := cmd.Context()
		schema, err := storeSchema(ctx, conn, opts)
		if err != nil {
			return err
		}
		if err := evidence.CheckViews(ctx, conn, map[string]string{q.ID: q.Version}); err != nil {
			return err
		}
		provenance, err := evidence.ReadProvenance(ctx, conn)
		if err != nil {
			return err
		}
		answer, err := evidence.Ask(ctx, conn, schema, q, values, now, r.maxRows)
		if err != nil {
			return err
		}
		asking := evidence.Asking{By: whoever(r.by), ToolVersion: version(), At: now}
		manifest, err := evidence.NewManifest(q, answer, provenance, asking, schema)
		if err != nil {
			return err
		}
		if err := r.write(cmd, q, answer, manifest); err != nil {
			return err
		}
		if r.record {
			recordRuns(cmd, conn, manifest)
		}
		return nil
	})
}

// recordRuns goes on where the account may not write: who only reads gets the
// evidence all the same.
func recordRuns(cmd *cobra.Command, conn driver.Conn, manifests ...*evidence.Manifest) {
	if err := evidence.Record(cmd.Context(), conn, manifests...); err != nil {
		cmd.PrintErrln("spanwarden: that evidence was asked for could not be written to the store:", err)
	}
}

// storeSchema tells how statements name the tables of the store.
func storeSchema(ctx context.Context, conn driver.Conn, opts *clickhouse.Options) (*audit.Options, error) {
	schema := &audit.Options{Database: opts.Auth.Database}
	var engine string
	err := conn.QueryRow(ctx, "SELECT any(engine_full) FROM system.tables WHERE database = currentDatabase() AND name = 'actions_all'").Scan(&engine)
	if err != nil {
		return nil, err
	}
	// Distributed('cluster', …)
	if parts := strings.Split(engine, "'"); len(parts) > 1 {
		schema.Cluster = parts[1]
	}
	return schema, nil
}

func (r *evidenceRun) write(cmd *cobra.Command, q *catalogue.Query, e *evidence.Evidence, m *evidence.Manifest) (err error) {
	w := cmd.OutOrStdout()
	if r.out != "" {
		f, err := os.OpenFile(r.out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("--out: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	switch r.format {
	case evidence.JSON:
		raw, err := e.Document(q, m)
		if err != nil {
			return err
		}
		_, err = w.Write(raw)
		return err
	case formatParquet:
		raw, err := json.Marshal(m)
		if err != nil {
			return err
		}
		err = parquetfile.Write(w, &e.Answer, map[string]string{"spanwarden.manifest": string(raw)})
		if err != nil {
			return err
		}
	default:
		if err := e.Write(w, r.format); err != nil {
			return err
		}
	}
	cmd.PrintErr(means(q, e, m))
	return nil
}

// means is what an answer says beyond its rows.
func means(q *catalogue.Query, e *evidence.Evidence, m *evidence.Manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows. %s\n", e.State, len(e.Rows), e.Means(q))
	about := "all that was ever stored"
	if q.HasPeriod() {
		about = e.Params["period_start"] + " to " + e.Params["period_end"] + " UTC"
	}
	coverage := "it is not known for how much of it collectors were there"
	if e.CoveragePct != nil {
		coverage = fmt.Sprintf("collectors were there for %s%% of it", evidence.Text(*e.CoveragePct, ""))
	}
	fmt.Fprintf(&b, "About %s; %s; %d rows are not sealed, %d were delivered again.\n", about, coverage, e.UnsealedRows, e.Redelivered)
	if caveat := m.Caveat(); caveat != "" {
		b.WriteString(caveat + "\n")
	}
	if e.Population != nil {
		fmt.Fprintf(&b, "%d events were judged.\n", *e.Population)
	}
	fmt.Fprintf(&b, "Run %s, result sha256:%s, query sha256:%s\n", m.RunID, m.ResultDigest, m.SQLDigest)
	return b.String()
}

func whoever(by string) string {
	v := verifyFlags{by: by}
	return cmp.Or(v.who(), "unknown")
}
