package evidence

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/evidence/sqlfile"
)

//go:embed *.sql
var files embed.FS

// Query is one question. It is never changed after it was read.
type Query struct {
	// ID is the name of its file.
	ID string
	// Question is what it answers, as an auditor would ask.
	Question string
	// Controls are the ids of the controls that the answer is evidence for: SOC 2
	// (CC6.1), ISO 27001 Annex A (A.5.15) and others.
	Controls []string
	Params   []Param
	// Empty says what an answer without rows means.
	Empty string
	// SQL is the statement, without the header. Tables are those of the
	// connection's database.
	SQL string
}

// Param is a parameter of a query, {name:type} in its SQL.
type Param = sqlfile.Param

// List returns all queries, sorted by id.
func List() ([]Query, error) { return read(files) }

// ErrUnknown means that there is no query of this id.
var ErrUnknown = errors.New("no such query")

// Get returns the query of the id, or ErrUnknown with the ids there are.
func Get(id string) (Query, error) {
	all, err := List()
	if err != nil {
		return Query{}, err
	}
	ids := make([]string, 0, len(all))
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
		ids = append(ids, all[i].ID)
	}
	return Query{}, fmt.Errorf("%w: %q; there are %s", ErrUnknown, id, strings.Join(ids, ", "))
}

func read(dir fs.FS) ([]Query, error) {
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	queries := make([]Query, 0, len(names))
	var errs []error
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err == nil {
			var q Query
			q, err = Parse(strings.TrimSuffix(path.Base(name), ".sql"), string(text))
			queries = append(queries, q)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return queries, errors.Join(errs...)
}

// Parse reads a file. Its header is the comment at the top, a key a line: "id",
// "question", "controls", "param" (as often as needed) and "empty"; a line that
// begins with spaces goes on with the one before. All faults are returned at
// once, each with its line.
func Parse(id, text string) (Query, error) {
	q := Query{}
	var errs []error
	fault := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...)))
	}
	head, sql := sqlfile.Header(text)
	q.SQL = sql
	for _, l := range head {
		switch l.Key {
		case "id":
			q.ID = l.Value
		case "question":
			q.Question = l.Value
		case "controls":
			q.Controls = strings.Fields(l.Value)
		case "empty":
			q.Empty = l.Value
		case "param":
			p, err := sqlfile.ParseParam(l.Value)
			if err != nil {
				fault(l.Number, "param: %w", err)
			} else if sqlfile.Has(q.Params, p.Name) {
				fault(l.Number, "param: %s is there already", p.Name)
			}
			q.Params = append(q.Params, p)
		default:
			fault(l.Number, "%q is none of id, question, controls, param, empty", l.Key)
		}
	}
	errs = append(errs, q.check(id)...)
	return q, errors.Join(errs...)
}

// check holds header and statement against each other, and adds the period.
func (q *Query) check(id string) []error {
	var errs []error
	if q.ID != id {
		errs = append(errs, fmt.Errorf("id: want %q, the name of the file, not %q", id, q.ID))
	}
	for key, value := range map[string]string{"question": q.Question, "controls": strings.Join(q.Controls, " "), "empty": q.Empty, "the statement": q.SQL} {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s: missing", key))
		}
	}
	params, faults := sqlfile.Match(q.Params, q.SQL)
	q.Params = params
	return append(errs, faults...)
}

// Bind checks the values and fills in the defaults. Now is what "now" means. All
// faults are returned at once, each naming parameter and value.
func (q *Query) Bind(values map[string]string, now time.Time) (map[string]string, error) {
	return sqlfile.Bind(q.ID, q.Params, values, now)
}
