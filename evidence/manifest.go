package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// Manifest says how an answer was produced, so that it can be again, and what came
// out.
type Manifest struct {
	RunID    string   `json:"run_id"`
	PackID   string   `json:"pack_id,omitempty"`
	View     string   `json:"view"`
	Number   int      `json:"number"`
	Question string   `json:"question"`
	Controls []string `json:"controls"`
	// ViewVersion is that of the question's file.
	ViewVersion string `json:"view_version"`
	// SQL is the view as the migration makes it, then the statement that was asked.
	SQL       string            `json:"sql"`
	SQLDigest string            `json:"sql_digest"` // SHA-256, hex
	Params    map[string]string `json:"params"`
	Provenance
	TimeZone    string    `json:"time_zone"`
	RunBy       string    `json:"run_by"`
	RunAt       time.Time `json:"run_at"`
	ToolVersion string    `json:"tool_version"`
	Rows        int       `json:"rows"`
	// ResultDigest is SHA-256, hex, of the canonical rows: a JSON object a line, as
	// WriteRows writes them.
	ResultDigest string          `json:"result_digest"`
	State        catalogue.State `json:"state"`
	Means        string          `json:"means"`
	CoveragePct  *float64        `json:"coverage_pct"`
	UnsealedRows uint64          `json:"unsealed_rows"`
	Redelivered  uint64          `json:"redelivered"`
	Watched      *uint64         `json:"watched"`
	Population   *uint64         `json:"population"`
}

// Asking is who asks, when, with which program.
type Asking struct {
	By, ToolVersion string
	At              time.Time
	PackID          string
}

// NewManifest is the manifest of an answer. The run's id follows from what was
// asked, when, by whom, and from the answer.
func NewManifest(q *catalogue.Query, e *Evidence, p *Provenance, a Asking, schema Renderer) (*Manifest, error) {
	rows := sha256.New()
	if err := e.WriteRows(rows); err != nil {
		return nil, err
	}
	m := &Manifest{
		PackID: a.PackID, View: q.ID, Number: q.Number, Question: q.Question, Controls: q.Controls, ViewVersion: q.Version,
		SQL: schema.Render(q.View()) + ";\n\n" + e.SQL + ";\n", Params: e.Params, Provenance: *p, TimeZone: "UTC",
		RunBy: a.By, RunAt: a.At.UTC().Truncate(time.Millisecond), ToolVersion: a.ToolVersion,
		Rows: len(e.Rows), ResultDigest: hex.EncodeToString(rows.Sum(nil)), State: e.State, Means: e.Means(q),
		CoveragePct: e.CoveragePct, UnsealedRows: e.UnsealedRows, Redelivered: e.Redelivered, Watched: e.Watched, Population: e.Population,
	}
	m.SQLDigest = Digest(m.SQL)
	m.Checkpoints = slices.Clone(p.Checkpoints)
	for i := range m.Checkpoints {
		m.Checkpoints[i].Note = "" // its digest is enough here
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.RunID = Digest(string(raw))[:32]
	return m, nil
}

// covered is from which percentage on a period counts as covered: heartbeats are a
// minute apart, so that it is rarely 100.
const covered = 99.9

// Caveat says for how much of the period an answer without rows says nothing; ""
// where that is none of it, or where rows speak.
func (m *Manifest) Caveat() string {
	silent := m.State == catalogue.ObservedZero || m.State == catalogue.ObservedFine
	if _, ok := m.Params["period_start"]; !ok || !silent || m.CoveragePct == nil || *m.CoveragePct >= covered {
		return ""
	}
	return "Collectors were there for only " + Text(*m.CoveragePct, "") + "% of the period: of the rest this says nothing."
}

// Digest is SHA-256 in hex.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Means is a sentence about the state, for people.
func (e *Evidence) Means(q *catalogue.Query) string {
	if says := q.Says(e.State); says != "" {
		return says
	}
	if e.State == catalogue.ObservedExceptions {
		return "Each row is an exception."
	}
	return "Rows are records; they are no judgement."
}

// document is an answer with all that is known about it.
type document struct {
	*Manifest
	Columns []Described       `json:"columns"`
	Answer  []json.RawMessage `json:"answer"`
}

// Described is a column of an answer.
type Described struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Doc  string `json:"doc"`
}

// added are the columns that every view of the catalogue has.
var added = map[string]string{
	"coverage_pct":  "for how much of the period collectors were there, 0 to 100, null where that is not known",
	"unsealed_rows": "rows of the period that no leaf of a signed log vouches for",
	"redelivered":   "rows of the period that are stored more than once, and shown once",
	"view_version":  "of the question's file",
}

// Document is the answer with its manifest as one JSON value.
func (e *Evidence) Document(q *catalogue.Query, m *Manifest) ([]byte, error) {
	d := document{Manifest: m, Answer: make([]json.RawMessage, 0, len(e.Rows)), Columns: e.Describe(q)}
	for i := range e.Rows {
		line, err := e.row(i)
		if err != nil {
			return nil, err
		}
		d.Answer = append(d.Answer, line)
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	return append(raw, '\n'), err
}

// Describe returns the columns of the answer with what they mean.
func (e *Evidence) Describe(q *catalogue.Query) []Described {
	columns := make([]Described, len(e.Columns))
	for i, name := range e.Columns {
		columns[i] = Described{Name: name, Type: e.Types[i], Doc: added[name]}
		for _, c := range q.Columns {
			if c.Name == name {
				columns[i].Doc = c.Doc
			}
		}
	}
	return columns
}
