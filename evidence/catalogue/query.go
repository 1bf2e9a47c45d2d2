package catalogue

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/evidence/sqlfile"
)

//go:embed ev_*.sql
var files embed.FS

// What the rows of an answer are.
const (
	Records    = "records"    // what there is: none is "observed zero"
	Exceptions = "exceptions" // what should not be: none among events that were judged is "observed and fine"
)

// Query is one question of the catalogue. It is never changed after it was read.
type Query struct {
	// ID is the name of the file and of the view.
	ID string
	// Number is its place in the catalogue, from 1.
	Number int
	// Section is one of Sections.
	Section string
	// Question is what it answers, as an auditor would ask.
	Question string
	// Controls are the ids of the controls that the answer is evidence for, as the
	// control catalogue writes them.
	Controls []string
	Columns  []Column
	Params   []sqlfile.Param
	// Shows is Records or Exceptions.
	Shows string
	// Watched is SQL for one number: 0 means that nothing watched this in the
	// period, whatever the collectors were doing. "" is always watched while a
	// collector ran.
	Watched string
	// Population is SQL for one number: how many events the question judges. "" is
	// as many as there are rows.
	Population string
	// NotObserved, Zero and Fine say what these states mean here. Fine is "" where
	// rows are records.
	NotObserved, Zero, Fine string
	// SQL is the statement of the view, with {db} and {all} for the migration to
	// fill in.
	SQL string
	// Version is the beginning of the digest of the file: view_version in every row.
	Version string
}

// Column is a column of an answer. The four that every answer has (coverage_pct,
// unsealed_rows, redelivered, view_version) are not listed.
type Column struct{ Name, Doc string }

// Sections are the parts of the catalogue, by letter.
var Sections = map[string]string{
	"A": "Can this evidence be relied on?",
	"B": "Identity and access",
	"C": "Operations and incidents",
	"D": "Change",
	"E": "Processing, capacity, privacy",
}

// List returns all questions by number.
func List() ([]Query, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	queries := make([]Query, 0, len(names))
	var errs []error
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err == nil {
			var q Query
			q, err = Parse(strings.TrimSuffix(path.Base(name), ".sql"), string(text))
			queries = append(queries, q)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	slices.SortFunc(queries, func(a, b Query) int { return cmp.Compare(a.Number, b.Number) })
	return queries, errors.Join(errs...)
}

// ErrUnknown means that there is no question of this id.
var ErrUnknown = errors.New("no such evidence query")

// Get returns the question of the id, which may lack its "ev_", or ErrUnknown with
// the ids there are.
func Get(id string) (Query, error) {
	all, err := List()
	if err != nil {
		return Query{}, err
	}
	ids := make([]string, 0, len(all))
	for i := range all {
		if all[i].ID == id || all[i].ID == "ev_"+strings.ReplaceAll(id, "-", "_") {
			return all[i], nil
		}
		ids = append(ids, all[i].ID)
	}
	return Query{}, fmt.Errorf("%w: %q; there are %s", ErrUnknown, id, strings.Join(ids, ", "))
}

// Parse reads a file. All faults are returned at once, each with its line.
func Parse(id, text string) (Query, error) {
	sum := sha256.Sum256([]byte(text))
	q := Query{Version: hex.EncodeToString(sum[:6])}
	head, sql := sqlfile.Header(text)
	q.SQL = sql
	var errs []error
	for _, l := range head {
		if err := q.set(l.Key, l.Value); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", l.Number, l.Key, err))
		}
	}
	return q, errors.Join(append(errs, q.check(id)...)...)
}

var errKey = errors.New("is no key of a header")

func (q *Query) set(key, value string) (err error) {
	texts := map[string]*string{
		"id": &q.ID, "section": &q.Section, "question": &q.Question, "shows": &q.Shows, "watched": &q.Watched,
		"population": &q.Population, "not_observed": &q.NotObserved, "zero": &q.Zero, "fine": &q.Fine,
	}
	if into, ok := texts[key]; ok {
		if *into != "" {
			return errors.New("is there already")
		}
		*into = value
		return nil
	}
	switch key {
	case "number":
		q.Number, err = strconv.Atoi(value)
	case "controls":
		q.Controls = strings.Fields(value)
	case "column":
		name, doc, _ := strings.Cut(value, "#")
		q.Columns = append(q.Columns, Column{strings.TrimSpace(name), strings.TrimSpace(doc)})
	case "param":
		var p sqlfile.Param
		if p, err = sqlfile.ParseParam(value); err == nil && sqlfile.Has(q.Params, p.Name) {
			err = fmt.Errorf("%s is there already", p.Name)
		}
		q.Params = append(q.Params, p)
	default:
		return errKey
	}
	return err
}

func (q *Query) check(id string) []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if q.ID != id {
		fault("id: want %q, the name of the file, not %q", id, q.ID)
	}
	if q.Number < 1 {
		fault("number: want one from 1, not %d", q.Number)
	}
	if Sections[q.Section] == "" {
		fault("section: want a letter from A to E, not %q", q.Section)
	}
	if q.Shows != Records && q.Shows != Exceptions {
		fault("shows: want %s or %s, not %q", Records, Exceptions, q.Shows)
	}
	needed := map[string]string{
		"question": q.Question, "controls": strings.Join(q.Controls, " "), "not_observed": q.NotObserved, "zero": q.Zero, "the statement": q.SQL,
	}
	if q.Shows == Exceptions {
		needed["fine"], needed["population"] = q.Fine, q.Population
	}
	for key, value := range needed {
		if value == "" {
			fault("%s: missing", key)
		}
	}
	for _, c := range q.Columns {
		if c.Name == "" || c.Doc == "" {
			fault(`column: want "name # what it is", not %q`, c.Name+" # "+c.Doc)
		}
	}
	if len(q.Columns) == 0 {
		fault("column: missing")
	}
	params, faults := sqlfile.Match(q.Params, q.SQL)
	q.Params = params
	return append(errs, faults...)
}

// HasPeriod tells whether the question is asked about a period.
func (q *Query) HasPeriod() bool { return sqlfile.Has(q.Params, "period_start") }
