package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime/debug"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
)

func init() { commands = append(commands, newVerifyCommand) }

// exit is os.Exit, but in tests.
var exit = os.Exit

// leave ends the program with the code of a result. What could not be checked is
// no result of its own, so an error is one.
func leave(cmd *cobra.Command, result verify.Result, err error) error {
	if err != nil {
		cmd.PrintErrln("spanwarden: could not check:", err)
		result = verify.CannotTell
	}
	if result != verify.OK {
		exit(int(result))
	}
	return nil
}

// verifyFlags are what the command takes.
type verifyFlags struct {
	dsn         string
	keys        []string
	anchors     []string
	witnesses   []string
	format      string
	by          string
	sealedSince string
	from, to    string
	sample      int
	seed        string
	deep        bool
	sinceLastOK bool
	sinceReport string
	grace       time.Duration
	// anchorsPerLog bounds what is read of an anchor that keeps a file a checkpoint.
	anchorsPerLog int
	record        bool
}

func newVerifyCommand() *cobra.Command {
	var v verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that nothing in the audit store was changed, added or taken away",
		Long: "Holds every row of the audit store against what its collectors signed.\n\n" +
			"Exit codes: 0 everything is there as it was signed; 1 tampered with; 2 incomplete, and what is missing explains itself;\n" +
			"3 it could not be told. The public key must come from where nobody who can change the store can change it.",
		Example: "  spanwarden verify --key spanwarden-integrity --anchors /mnt/other-host/anchors",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := v.run(cmd)
			if err != nil {
				return leave(cmd, verify.CannotTell, err)
			}
			if v.format == "json" {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(report)
			} else {
				err = report.Text(cmd.OutOrStdout())
			}
			return leave(cmd, report.Result, err)
		},
	}
	storeFlag(cmd, &v.dsn)
	f := cmd.Flags()
	f.StringArrayVar(&v.keys, "key", nil, "who is believed: a public key, a file with some, or a directory with .pub files (required)")
	f.StringArrayVar(&v.anchors, "anchors", nil, "where checkpoints were anchored: a directory, git+URL[#branch] or a repository on this disk,\n"+
		"s3://bucket[/prefix][?endpoint=URL&region=NAME] (keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)")
	f.IntVar(&v.anchorsPerLog, "anchors-per-log", 200, "how many of the newest checkpoints of each log are read from git and S3; 0 is all. The newest stands for all before it")
	f.StringArrayVar(&v.witnesses, "witness-key", nil, "public key of a witness (or a file with some) whose cosignature every log must bear")
	f.StringVar(&v.format, "format", "text", "text or json")
	f.StringVar(&v.by, "by", "", "who verifies (default the user of this process)")
	f.StringVar(&v.sealedSince, "sealed-since", "", "when sealing began (RFC 3339): older rows without a seal are not vouched for, and no sign of tampering")
	f.DurationVar(&v.grace, "grace", 2*time.Minute, "how long rows of a living collector may be without their leaf")
	f.StringVar(&v.from, "from", "", "look at rows from this time on: a date, RFC 3339, or how long ago (7d)")
	f.StringVar(&v.to, "to", "", "look at rows before this time")
	f.IntVar(&v.sample, "sample", 0, "look at so many batches, drawn by --seed (default all)")
	f.StringVar(&v.seed, "seed", "", "of the sample; the same draws the same batches (default made at random and printed)")
	f.BoolVar(&v.deep, "deep", false, "read the rows themselves and hash them here, not in the store")
	f.BoolVar(&v.sinceLastOK, "since-last-ok", false, "leave out what the newest verification on record looked at. Who can write to the store can make up such a record:\n"+
		"a quick look between two full ones")
	f.StringVar(&v.sinceReport, "since-report", "", "the same, by a report (--format json) that you kept")
	f.BoolVar(&v.record, "record", true, "write to the store that it was verified")
	return cmd
}

func (v *verifyFlags) run(cmd *cobra.Command) (report *verify.Report, err error) {
	if v.format != "text" && v.format != "json" {
		return nil, fmt.Errorf("--format: want text or json, not %q", v.format)
	}
	opts, notes, err := v.options(cmd.Context())
	if err != nil {
		return nil, err
	}
	err = withStore(cmd.Context(), v.dsn, func(conn driver.Conn, _ *clickhouse.Options) error {
		if v.sinceLastOK {
			if opts.Since, err = verify.LastOK(cmd.Context(), conn); err != nil {
				return fmt.Errorf("--since-last-ok: %w", err)
			}
		}
		opts.Now = time.Now()
		report, err = verify.Run(cmd.Context(), conn, opts)
		if err != nil {
			return err
		}
		report.Took, report.Notes, report.RunID = time.Since(opts.Now), append(notes, report.Notes...), runID()
		if v.record {
			v.write(cmd, conn, report)
		}
		return nil
	})
	return report, err
}

// options reads whom to believe and what to look at; notes are about anchors that
// were left out.
func (v *verifyFlags) options(ctx context.Context) (opts verify.Options, notes []string, err error) {
	opts.Grace = v.grace
	if v.sealedSince != "" {
		if opts.SealedSince, err = time.Parse(time.RFC3339, v.sealedSince); err != nil {
			return opts, nil, fmt.Errorf("--sealed-since: %w", err)
		}
	}
	if err = v.scope(&opts); err != nil {
		return opts, nil, err
	}
	if opts.Keys, err = readKeys(v.keys); err != nil {
		return opts, nil, err
	}
	if opts.Witnesses, err = readWitnesses(v.witnesses); err != nil {
		return opts, nil, err
	}
	for _, place := range v.anchors {
		some, left, err := anchor.Read(ctx, place, anchor.Limits{PerLog: v.anchorsPerLog, Now: time.Now()})
		if err != nil {
			return opts, nil, fmt.Errorf("--anchors: %w", err)
		}
		opts.Anchors, notes = append(opts.Anchors, some...), append(notes, left...)
	}
	return opts, notes, nil
}

// write puts the report on record, and goes on where the account may not write.
func (v *verifyFlags) write(cmd *cobra.Command, conn driver.Conn, report *verify.Report) {
	digest, err := verify.Record(cmd.Context(), conn, report, v.who(), version())
	if err != nil {
		cmd.PrintErrln("spanwarden: that the store was verified could not be written to it:", err)
		return
	}
	report.Digest = digest
}

// scope reads what is to be looked at.
func (v *verifyFlags) scope(opts *verify.Options) (err error) {
	if v.sample < 0 {
		return fmt.Errorf("--sample: must not be negative, not %d", v.sample)
	}
	if v.sinceLastOK && v.sinceReport != "" {
		return errors.New("--since-last-ok, --since-report: want one of them")
	}
	opts.Sample, opts.Seed, opts.Deep = v.sample, v.seed, v.deep
	if opts.Seed == "" {
		opts.Seed = runID()
	}
	if opts.From, err = timeOf("--from", v.from); err != nil {
		return err
	}
	if opts.To, err = timeOf("--to", v.to); err != nil {
		return err
	}
	if !opts.From.IsZero() && !opts.To.IsZero() && !opts.From.Before(opts.To) {
		return fmt.Errorf("--from, --to: there is no time from %s to %s", v.from, v.to)
	}
	if v.sinceReport == "" {
		return nil
	}
	raw, err := os.ReadFile(v.sinceReport)
	if err != nil {
		return fmt.Errorf("--since-report: %w", err)
	}
	if opts.Since, err = verify.ParseBaseline(v.sinceReport, raw); err != nil {
		return fmt.Errorf("--since-report %s: %w", v.sinceReport, err)
	}
	return nil
}

// timeOf reads a date, which is its first moment in UTC, a time, or how long ago.
func timeOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return moment(flag, text, time.Now())
}

func (v *verifyFlags) who() string {
	if v.by != "" {
		return v.by
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func runID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}
