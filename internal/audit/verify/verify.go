// Package verify holds what the audit store has against what its writers signed.
// It reads and never writes; the clock is a parameter.
package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Result is what a verification comes to. Its number is the exit code.
type Result int

// Results, as exit codes.
const (
	OK         Result = 0 // everything is there and as it was signed
	Tampered   Result = 1 // something was changed, added or taken away
	Incomplete Result = 2 // something is missing, and what is missing explains itself
	CannotTell Result = 3 // it could not be checked
)

// String is the result in a word.
func (r Result) String() string {
	switch r {
	case OK:
		return "ok"
	case Tampered:
		return "tampered"
	case Incomplete:
		return "incomplete"
	default:
		return "cannot tell"
	}
}

// Issue is one thing that is not as it should be, and where.
type Issue struct {
	Result Result `json:"-"`
	Level  string `json:"result"`
	Kind   string `json:"kind"`
	Writer string `json:"writer,omitempty"`
	Epoch  uint64 `json:"epoch,omitempty"`
	Seq    *int64 `json:"seq,omitempty"` // the first leaf concerned
	Table  string `json:"table,omitempty"`
	Batch  string `json:"batch,omitempty"` // batch_id, lower-case hex
	Text   string `json:"text"`
}

// Options say whom to believe and what else to look at.
type Options struct {
	Keys    []note.Verifier
	Anchors []anchor.Held
	// Witnesses are whose cosignatures every log has to bear.
	Witnesses []note.Verifier
	Now       time.Time
	// Grace is how long rows may be in the store before their leaf is. 0 means two
	// minutes.
	Grace time.Duration
	// SealedSince is when sealing began: rows without a seal that were inserted
	// before are not vouched for, and no sign of tampering. Zero means always.
	SealedSince time.Time
	// From and To bound the time of the rows that are looked at; zero is no bound, To is
	// not included.
	From, To time.Time
	// Sample is how many batches are looked at, drawn by Seed; 0 is all.
	Sample int
	Seed   string
	// Deep hashes rows in this program and not in the store.
	Deep bool
	// Since leaves out batches that an earlier verification looked at.
	Since *Baseline
	// ChunkRows bounds how many rows are hashed in one query. 0 means 250,000.
	ChunkRows int
}

// Log is what was found of one log.
type Log struct {
	Writer   string        `json:"writer"`
	Epoch    uint64        `json:"epoch"`
	Leaves   int64         `json:"leaves"`
	Batches  int           `json:"batches"`
	Root     string        `json:"root"`
	SignedBy string        `json:"signed_by"`
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
	Ended    bool          `json:"ended"`
	Counters tlog.Counters `json:"counters"`
	Cosigned []Cosigned    `json:"cosigned,omitempty"`
}

// Cosigned is the newest that a witness has seen of a log.
type Cosigned struct {
	Witness string    `json:"witness"`
	Leaves  int64     `json:"leaves"`
	At      time.Time `json:"at"` // the witness's clock
}

// Report is the outcome.
type Report struct {
	Result      Result        `json:"-"`
	Word        string        `json:"result"`
	ExitCode    int           `json:"exit_code"`
	RunID       string        `json:"run_id,omitempty"`
	Digest      string        `json:"-"` // of the report on record
	At          time.Time     `json:"at"`
	Scope       Scope         `json:"scope"`
	Took        time.Duration `json:"-"`
	Logs        []Log         `json:"logs"`
	Batches     int           `json:"batches"`
	Rows        uint64        `json:"rows"`
	Redelivered uint64        `json:"redelivered"`
	Expired     int           `json:"expired_batches"`
	Checkpoints int           `json:"checkpoints"`
	Anchors     int           `json:"anchors"`
	Peers       int           `json:"peers"`
	Issues      []Issue       `json:"issues"`
	Notes       []string      `json:"notes"`
	MoreIssues  int           `json:"more_issues,omitempty"`

	MissingSeq, MissingRows, Mismatches, UnsealedRows, AnchorMismatches uint64 `json:"-"`
}

// maxIssues bounds the report; the rest is counted.
const maxIssues = 1000

func (r *Report) add(i Issue) {
	i.Level = i.Result.String()
	if r.worse(i.Result) {
		r.Result = i.Result
	}
	if len(r.Issues) >= maxIssues {
		r.MoreIssues++
		return
	}
	r.Issues = append(r.Issues, i)
}

// worse orders results by what they say: tampered before cannot tell before
// incomplete.
func (r *Report) worse(with Result) bool {
	rank := map[Result]int{OK: 0, Incomplete: 1, CannotTell: 2, Tampered: 3}
	return rank[with] > rank[r.Result]
}

// verifier is one run.
type verifier struct {
	opts   Options
	conn   driver.Conn
	suffix string // of tables, where the store is a cluster
	tables map[string]bool
	report *Report
	logs   map[logID]*log
	groups map[group]stored
	period period
	chosen []sealed // batches that are looked at
	claims []claim
	drops  map[dropKey][]*dropped
	// allDrops are the same, one for each drop.
	allDrops []*dropped
	// named are keys that a key which is believed handed a log over to.
	named []note.Verifier
}

type logID struct {
	writer string
	epoch  uint64
}

func (id logID) String() string { return fmt.Sprintf("%s/%d", id.writer, id.epoch) }

// Run verifies the database that conn is connected to. An error means that it
// could not be checked.
func Run(ctx context.Context, conn driver.Conn, opts Options) (*Report, error) {
	if opts.Grace <= 0 {
		opts.Grace = 2 * time.Minute
	}
	if opts.ChunkRows <= 0 {
		opts.ChunkRows = 250_000
	}
	if opts.Sample < 0 || !opts.From.IsZero() && !opts.To.IsZero() && !opts.From.Before(opts.To) {
		return nil, fmt.Errorf("scope: a sample of %d from %s to %s is none", opts.Sample, opts.From.Format(time.RFC3339), opts.To.Format(time.RFC3339))
	}
	v := &verifier{opts: opts, conn: conn, period: periodOf(&opts), report: &Report{At: opts.Now.UTC(), Scope: scopeOf(&opts)}, logs: map[logID]*log{}}
	// What is stored is read first, then the checkpoints and then the leaves: rows
	// without a leaf then have none, and leaves that a checkpoint counts are there. The
	// digests come last, for the leaves that were read.
	for _, step := range []func(context.Context) error{
		v.readSuffix, v.readGroups, v.readCheckpoints, v.readLeaves, v.pullIn, v.checkLogs, v.checkCheckpoints, v.checkWitnesses, v.checkBatches, v.checkUnsealed, v.checkViews, v.readMutations, v.readStatements,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	v.report.Word, v.report.ExitCode = v.report.Result.String(), int(v.report.Result)
	return v.report, nil
}

// readSuffix learns where the tables are read, and which of them there are: a store
// that was not migrated lately has not all.
func (v *verifier) readSuffix(ctx context.Context) (err error) {
	if v.suffix, err = audit.ReadSuffix(ctx, v.conn); err != nil {
		return err
	}
	rows, err := v.conn.Query(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	v.tables = map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		v.tables[name] = true
	}
	return rows.Err()
}
