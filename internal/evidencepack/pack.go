package evidencepack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// Scope is what a pack is about and how it is made.
type Scope struct {
	// Frameworks are the ones the pack is for; Everything says that they are all.
	Frameworks []catalogue.Framework
	Everything bool
	// Start and End are the period, End not part of it. Now is when it is made.
	Start, End, Now time.Time
	// Seed draws the samples: the same seed draws the same rows. SampleSize is how
	// many of an answer, 0 draws none.
	Seed       string
	SampleSize int
	// TableRows is how many rows of an answer the report shows.
	TableRows   int
	By          string
	ToolVersion string
	evidence.Provenance
	// Days is the coverage of the period, by day.
	Days []Day
	// Verified is what the verification of the store came to; nil is not verified.
	Verified *Verification
}

// Day is how much of a day collectors were there.
type Day struct {
	Day      time.Time
	Expected float64  // minutes
	Seen     float64  // minutes
	Pct      *float64 // nil where the day expects none, or is not known
}

// Verification is the outcome of verifying the store.
type Verification struct {
	Result string          // ok, tampered, incomplete, cannot tell
	Text   string          // for people
	Report json.RawMessage // for machines
	Keys   []string        // who was believed
}

// Pack is one being made. It is not for concurrent use.
type Pack struct {
	scope   Scope
	sink    Sink
	files   []File
	answers []*answer
	runs    []*evidence.Manifest
}

// File is one file of a pack.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Sink takes files. Create is called once for each; the file before is closed then.
type Sink interface {
	Create(name string) (io.WriteCloser, error)
}

// New begins a pack.
func New(sink Sink, scope Scope) *Pack {
	scope.Start, scope.End, scope.Now = scope.Start.UTC(), scope.End.UTC(), scope.Now.UTC().Truncate(time.Millisecond)
	return &Pack{scope: scope, sink: sink}
}

// ID names the pack in its manifests and in the store: it follows from what the
// pack is about and from the store's provenance.
func (s *Scope) ID() string {
	raw, err := json.Marshal([]any{s.frameworkIDs(), s.Start.UTC(), s.End.UTC(), s.Now.UTC().Truncate(time.Millisecond), s.Seed, s.SampleSize, s.By, s.Provenance})
	if err != nil {
		return "" // cannot be: these are texts, numbers and times
	}
	return evidence.Digest(string(raw))[:32]
}

// Queries are the questions that are evidence for the pack's frameworks, by number.
func (p *Pack) Queries(all []catalogue.Query) []catalogue.Query {
	return slices.DeleteFunc(slices.Clone(all), func(q catalogue.Query) bool {
		return !slices.ContainsFunc(q.Controls, func(id string) bool {
			_, c := catalogue.FindControl(p.scope.Frameworks, id)
			return c != nil
		})
	})
}

// Add writes the files of a question and keeps what the report shows of it.
func (p *Pack) Add(q *catalogue.Query, e *evidence.Evidence, m *evidence.Manifest) error {
	dir := "answers/" + q.ID + "/"
	a := newAnswer(q, e, m, &p.scope)
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"answer.csv", func(w io.Writer) error { return e.Write(w, evidence.CSV) }},
		{"answer.jsonl", e.WriteRows},
		{"query.sql", func(w io.Writer) error { return text(w, m.SQL) }},
		{"manifest.json", func(w io.Writer) error { return text(w, string(manifest)+"\n") }},
	} {
		if err := p.write(dir+f.name, f.write); err != nil {
			return err
		}
	}
	if len(a.sampled) > 0 {
		sample := evidence.Answer{Columns: e.Columns, Types: e.Types}
		for _, i := range a.sampled {
			sample.Rows = append(sample.Rows, e.Rows[i])
		}
		if err := p.write(dir+"sample.csv", func(w io.Writer) error { return sample.Write(w, evidence.CSV) }); err != nil {
			return err
		}
	}
	p.answers, p.runs = append(p.answers, a), append(p.runs, m)
	return nil
}

// Skip says that a question was not asked, and why.
func (p *Pack) Skip(q *catalogue.Query, why string) {
	p.answers = append(p.answers, &answer{Query: q, State: notAsked, Means: why})
}

// Close writes what tells of the pack as a whole, and returns a manifest for the
// store's record: its result is the digest of SHA256SUMS, and with it of every file.
func (p *Pack) Close() (*evidence.Manifest, error) {
	s := &p.scope
	checkpoints, err := json.MarshalIndent(s.Checkpoints, "", "  ")
	if err != nil {
		return nil, err
	}
	verification := []byte("null")
	said := notVerified
	if s.Verified != nil {
		said = s.Verified.Text
		if verification, err = json.MarshalIndent(s.Verified.Report, "", "  "); err != nil {
			return nil, err
		}
	}
	page := p.report()
	var sums bytes.Buffer
	err = errors.Join(
		p.write("checkpoints.json", func(w io.Writer) error { return text(w, string(checkpoints)+"\n") }),
		p.write("coverage.csv", p.coverageCSV),
		p.write("verification.json", func(w io.Writer) error { return text(w, string(verification)+"\n") }),
		p.write("verification.txt", func(w io.Writer) error { return text(w, said) }),
		p.write("report.html", page.write),
		p.write("manifest.json", p.manifest),
	)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(p.files, func(a, b File) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	for _, f := range p.files {
		fmt.Fprintf(&sums, "%s  %s\n", f.SHA256, f.Name)
	}
	files := len(p.files)
	if err := p.write("SHA256SUMS", func(w io.Writer) error { return text(w, sums.String()) }); err != nil {
		return nil, err
	}
	id := s.ID()
	return &evidence.Manifest{
		RunID: id, PackID: id, Provenance: s.Provenance, TimeZone: "UTC", RunBy: s.By, RunAt: s.Now, ToolVersion: s.ToolVersion,
		Params: map[string]string{"period_start": clock(s.Start), "period_end": clock(s.End), "frameworks": s.frameworkIDs(), "seed": s.Seed},
		Rows:   files, ResultDigest: evidence.Digest(sums.String()),
	}, nil
}

// Runs are the manifests of what was asked, for the store's record.
func (p *Pack) Runs() []*evidence.Manifest { return p.runs }

const notVerified = "Not verified: no public key was given (--key). This pack says what the store answered, and not whether the store was altered.\n"

func text(w io.Writer, s string) error {
	_, err := io.WriteString(w, s)
	return err
}

func (p *Pack) write(name string, fill func(io.Writer) error) (err error) {
	f, err := p.sink.Create(name)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer func() {
		if e := f.Close(); e != nil {
			err = errors.Join(err, fmt.Errorf("writing %s: %w", name, e))
		}
	}()
	counted := &counter{hash: sha256.New()}
	if err := fill(io.MultiWriter(f, counted)); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	p.files = append(p.files, File{name, counted.n, hex.EncodeToString(counted.hash.Sum(nil))})
	return nil
}

type counter struct {
	hash hash.Hash
	n    int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.hash.Write(b)
}
