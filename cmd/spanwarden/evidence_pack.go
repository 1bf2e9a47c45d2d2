package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/evidencepack"
)

// evidencePack is what the command takes.
type evidencePack struct {
	dsn, framework, from, to, out, seed, by, now string
	keys, anchors                                []string
	sampleSize, tableRows, maxRows               int
	record                                       bool

	// what a verification said, to be written when all questions are asked: they are
	// asked of the store as it was
	verify verifyFlags
	report *verify.Report
}

func newEvidencePackCommand() *cobra.Command {
	var p evidencePack
	cmd := &cobra.Command{
		Use:   "pack",
		Short: "Write a pack for an auditor: every answer of a framework, how it was produced, and a report to read",
		Long: "Asks every question that is evidence for the framework and writes a folder, or a zip where --out ends in .zip: report.html to read or print, and for each\n" +
			"question its answer (CSV and JSON lines), its SQL and its manifest, with digests of everything. With --key the store is verified as by `spanwarden verify`.\n" +
			"Times are UTC.\n\nThe same store, period, seed and --now give the same bytes; questions about all that was ever stored answer as of when they are asked.",
		Example: "  spanwarden evidence pack --framework soc2 --from 2026-10-01 --to 2026-11-01 --key collectors.pub --out october.zip",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	storeFlag(cmd, &p.dsn)
	f := cmd.Flags()
	f.StringVar(&p.framework, "framework", "soc2", "soc2, iso27001, iso42001, eu-ai-act, nist, finra, sec-17a-4, at-c or all")
	f.StringVar(&p.from, "from", "now-30d", "beginning of the period")
	f.StringVar(&p.to, "to", "now", "end of the period, not part of it; at most now")
	f.StringVar(&p.out, "out", "", "the folder or .zip to write, which must not exist (required)")
	f.StringVar(&p.seed, "seed", "", "draws the samples; let the auditor choose it (default the period)")
	f.IntVar(&p.sampleSize, "sample-size", 25, "rows drawn from each longer answer; 0 draws none")
	f.IntVar(&p.tableRows, "table-rows", 15, "rows of an answer that the report shows")
	f.IntVar(&p.maxRows, "max-rows", 100_000, "refuse longer answers: they are held in memory, one at a time; 0 means no bound")
	f.StringArrayVar(&p.keys, "key", nil, "verify the store, believing this public key, file or directory; as often as needed")
	f.StringArrayVar(&p.anchors, "anchors", nil, "a directory with anchored checkpoints, for the verification")
	f.StringVar(&p.by, "by", "", "who makes it (default the user of this process)")
	f.StringVar(&p.now, "now", "", "what now is, to make a pack again as it was (default the clock)")
	f.BoolVar(&p.record, "record", true, "write to the store that it was asked and verified")
	return cmd
}

// scope reads the flags; what the store says is added later.
func (p *evidencePack) scope(clock time.Time) (evidencepack.Scope, error) {
	all, err := catalogue.Frameworks()
	if err != nil {
		return evidencepack.Scope{}, err
	}
	chosen, err := chooseFrameworks(all, p.framework)
	if err != nil {
		return evidencepack.Scope{}, err
	}
	now := clock
	if p.now != "" {
		if now, err = instantOf(p.now, clock); err != nil {
			return evidencepack.Scope{}, fmt.Errorf("--now: %w", err)
		}
		if now.After(clock) {
			return evidencepack.Scope{}, fmt.Errorf("--now: %s has not come yet", p.now)
		}
	}
	bound, err := sqlfile.Bind("evidence pack", sqlfile.Period(), map[string]string{"period_start": p.from, "period_end": p.to}, now)
	if err != nil {
		return evidencepack.Scope{}, fmt.Errorf("--from, --to: %w", err)
	}
	s := evidencepack.Scope{
		Frameworks: chosen, Everything: p.framework == everyFramework, Now: now, Seed: p.seed, SampleSize: p.sampleSize, TableRows: p.tableRows,
		By: whoever(p.by), ToolVersion: version(),
	}
	for name, into := range map[string]*time.Time{"period_start": &s.Start, "period_end": &s.End} {
		if *into, err = time.Parse(sqlfile.Clock, bound[name]); err != nil {
			return s, err
		}
	}
	switch {
	case p.out == "":
		return s, errors.New("--out: missing; where is the pack to be written, a folder or a .zip?")
	case p.sampleSize < 0 || p.tableRows < 0 || p.maxRows < 0:
		return s, errors.New("--sample-size, --table-rows, --max-rows: want numbers from 0")
	case s.End.After(now):
		return s, fmt.Errorf("--to: %s has not come yet; a period that is not over has no complete answer", bound["period_end"])
	case s.End.Sub(s.Start) > maxPeriod:
		return s, fmt.Errorf("--from: more than %d days before --to", int(maxPeriod.Hours()/24))
	case len(p.anchors) > 0 && len(p.keys) == 0:
		return s, errors.New("--anchors: are of no use without --key")
	}
	if s.Seed == "" {
		s.Seed = s.Start.Format(time.RFC3339) + "/" + s.End.Format(time.RFC3339)
	}
	return s, nil
}

// maxPeriod bounds the calendar: ten years.
const maxPeriod = 3660 * 24 * time.Hour

// instantOf reads one time as people write it.
func instantOf(text string, now time.Time) (time.Time, error) {
	bound, err := sqlfile.Bind("now", []sqlfile.Param{{Name: "now", Type: "DateTime64(3,'UTC')"}}, map[string]string{"now": text}, now)
	if err != nil {
		return now, err
	}
	return time.Parse(sqlfile.Clock, bound["now"])
}

func (p *evidencePack) run(cmd *cobra.Command) error {
	scope, err := p.scope(time.Now())
	if err != nil {
		return err
	}
	var sink interface {
		evidencepack.Sink
		Finish() error
		Abort() error
	}
	if strings.HasSuffix(p.out, ".zip") {
		sink, err = evidencepack.NewZip(p.out, scope.Now)
	} else {
		sink, err = evidencepack.NewDir(p.out)
	}
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	err = withStore(cmd.Context(), p.dsn, func(conn driver.Conn, opts *clickhouse.Options) error {
		whole, err := p.fill(cmd, conn, opts, sink, scope)
		if err != nil {
			return err
		}
		if err := sink.Finish(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written: %d files, SHA256SUMS has sha256:%s\n", p.out, whole.Rows+1, whole.ResultDigest)
		return err
	})
	if err != nil {
		return errors.Join(err, sink.Abort())
	}
	return nil
}

// fill asks all questions, one after the other.
func (p *evidencePack) fill(cmd *cobra.Command, conn driver.Conn, opts *clickhouse.Options, sink evidencepack.Sink, scope evidencepack.Scope) (*evidence.Manifest, error) {
	ctx := cmd.Context()
	schema, err := storeSchema(ctx, conn, opts)
	if err != nil {
		return nil, err
	}
	if err := p.about(cmd, conn, &scope); err != nil {
		return nil, err
	}
	all, err := catalogue.List()
	if err != nil {
		return nil, err
	}
	pack := evidencepack.New(sink, scope)
	queries := pack.Queries(all)
	versions := map[string]string{}
	for i := range queries {
		versions[queries[i].ID] = queries[i].Version
	}
	if err := evidence.CheckViews(ctx, conn, versions); err != nil {
		return nil, err
	}
	for i := range queries {
		q := &queries[i]
		values, why := packValues(q, &scope)
		if why != "" {
			pack.Skip(q, why)
			cmd.PrintErrf("[%d/%d] %s: not asked, %s\n", i+1, len(queries), q.ID, why)
			continue
		}
		answer, err := evidence.Ask(ctx, conn, schema, q, values, scope.Now, p.maxRows)
		if err != nil {
			return nil, err
		}
		m, err := evidence.NewManifest(q, answer, &scope.Provenance, evidence.Asking{By: scope.By, ToolVersion: scope.ToolVersion, At: scope.Now, PackID: scope.ID()}, schema)
		if err != nil {
			return nil, err
		}
		if err := pack.Add(q, answer, m); err != nil {
			return nil, err
		}
		cmd.PrintErrf("[%d/%d] %s: %s, %d rows\n", i+1, len(queries), q.ID, answer.State, len(answer.Rows))
	}
	whole, err := pack.Close()
	if err != nil {
		return nil, err
	}
	if p.record && p.report != nil {
		p.verify.write(cmd, conn, p.report)
	}
	if p.record {
		recordRuns(cmd, conn, append(pack.Runs(), whole)...)
	}
	return whole, nil
}

// packValues are what a question is asked with in a pack: the period, and where it
// draws a sample itself, seed and size. A question that wants to know more, such as
// which session, is not asked.
func packValues(q *catalogue.Query, s *evidencepack.Scope) (values map[string]string, why string) {
	values = map[string]string{}
	for _, param := range q.Params {
		switch param.Name {
		case "period_start":
			values[param.Name] = s.Start.Format(sqlfile.Clock)
		case "period_end":
			values[param.Name] = s.End.Format(sqlfile.Clock)
		case "seed":
			values[param.Name] = s.Seed
		case "size":
			if s.SampleSize > 0 { // drawing none is no answer: then as many as the question itself would
				values[param.Name] = strconv.Itoa(s.SampleSize)
			}
		default:
			if !param.HasDefault {
				return nil, fmt.Sprintf("it wants --param %s, %s: spanwarden evidence run %s --param %s=…", param.Name, param.Doc, q.ID, param.Name)
			}
		}
	}
	return values, ""
}

// about adds what the store says of itself: provenance, coverage, whether it is as
// it was signed.
func (p *evidencePack) about(cmd *cobra.Command, conn driver.Conn, scope *evidencepack.Scope) error {
	ctx := cmd.Context()
	provenance, err := evidence.ReadProvenance(ctx, conn)
	if err != nil {
		return err
	}
	scope.Provenance = *provenance
	if scope.Days, err = coverageDays(ctx, conn, scope.Start, scope.End); err != nil {
		return err
	}
	if len(p.keys) == 0 {
		cmd.PrintErrln("not verified: no --key was given")
		return nil
	}
	cmd.PrintErrln("verifying the store ...")
	p.verify = verifyFlags{keys: p.keys, anchors: p.anchors, by: p.by, grace: 2 * time.Minute, anchorsPerLog: 200, seed: scope.Seed}
	o, notes, err := p.verify.options(ctx)
	if err != nil {
		return err
	}
	o.Now = scope.Now
	report, err := verify.Run(ctx, conn, o)
	if err != nil {
		return fmt.Errorf("verifying the store: %w", err)
	}
	report.Notes, report.RunID = append(notes, report.Notes...), scope.ID()
	p.report = report
	var keys []string
	for _, k := range o.Keys {
		keys = append(keys, fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()))
	}
	var text strings.Builder
	if err := report.Text(&text); err != nil {
		return err
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	scope.Verified = &evidencepack.Verification{Result: report.Word, Text: text.String(), Report: raw, Keys: keys}
	cmd.PrintErrln("verified:", report.Word)
	if report.Result == verify.Tampered {
		cmd.PrintErrln("spanwarden: the store was TAMPERED WITH; the pack says so")
	}
	return nil
}

func coverageDays(ctx context.Context, conn driver.Conn, start, end time.Time) ([]evidencepack.Day, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT day, minutes_expected, minutes_seen, coverage_pct FROM ev_coverage_days(period_start = '%s', period_end = '%s')",
		start.Format(sqlfile.Clock), end.Format(sqlfile.Clock)))
	if err != nil {
		return nil, fmt.Errorf("reading the coverage of days: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var days []evidencepack.Day
	for rows.Next() {
		var d evidencepack.Day
		if err := rows.Scan(&d.Day, &d.Expected, &d.Seen, &d.Pct); err != nil {
			return nil, fmt.Errorf("reading the coverage of days: %w", err)
		}
		days = append(days, d)
	}
	return days, rows.Err()
}
