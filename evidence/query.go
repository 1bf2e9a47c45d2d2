package evidence

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
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
type Param struct {
	Name, Type string
	// Default is what Bind takes where none is given, if HasDefault.
	Default    string
	HasDefault bool
	Doc        string
}

// The period that a query covers, where its SQL names it.
var period = []Param{
	{Name: "period_start", Type: "DateTime64(3,'UTC')", Default: "now-30d", HasDefault: true, Doc: "beginning of the period"},
	{Name: "period_end", Type: "DateTime64(3,'UTC')", Default: "now", HasDefault: true, Doc: "end of the period, not part of it"},
}

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
	head, sql := header(text)
	q.SQL = sql
	for _, l := range head {
		switch l.key {
		case "id":
			q.ID = l.value
		case "question":
			q.Question = l.value
		case "controls":
			q.Controls = strings.Fields(l.value)
		case "empty":
			q.Empty = l.value
		case "param":
			p, err := parseParam(l.value)
			if err != nil {
				fault(l.line, "param: %w", err)
			} else if slices.ContainsFunc(q.Params, func(o Param) bool { return o.Name == p.Name }) {
				fault(l.line, "param: %s is there already", p.Name)
			}
			q.Params = append(q.Params, p)
		default:
			fault(l.line, "%q is none of id, question, controls, param, empty", l.key)
		}
	}
	errs = append(errs, q.check(id)...)
	return q, errors.Join(errs...)
}

type headerLine struct {
	line       int
	key, value string
}

// header parts the comment at the top from the statement.
func header(text string) (head []headerLine, sql string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		comment, ok := strings.CutPrefix(line, "--")
		if !ok {
			return head, strings.TrimSpace(strings.Join(lines[i:], "\n"))
		}
		if strings.HasPrefix(comment, "  ") && len(head) > 0 {
			head[len(head)-1].value += " " + strings.TrimSpace(comment)
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(comment), ":")
		head = append(head, headerLine{i + 1, key, strings.TrimSpace(value)})
	}
	return head, ""
}

// paramLine is "name Type = default # what it is"; without a default it is
// required.
var paramLine = regexp.MustCompile(`^([a-z_]+)\s+([A-Za-z0-9]+(?:\([^)]*\))?)(\s*=\s*[^#\s]*)?\s+#\s*(\S.*)$`)

func parseParam(s string) (Param, error) {
	m := paramLine.FindStringSubmatch(s)
	if m == nil {
		return Param{}, fmt.Errorf(`want "name Type = default # what it is", not %q`, s)
	}
	p := Param{Name: m[1], Type: m[2], Doc: m[4], HasDefault: m[3] != ""}
	p.Default = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(m[3]), "="))
	if _, ok := checks[p.Type]; !ok {
		return p, fmt.Errorf("%s: type %s cannot be given", p.Name, p.Type)
	}
	return p, nil
}

// placeholder is {name:type} in SQL.
var placeholder = regexp.MustCompile(`\{([a-z_]+):([^}]+)\}`)

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
	used := map[string]string{}
	for _, m := range placeholder.FindAllStringSubmatch(q.SQL, -1) {
		used[m[1]] = m[2]
	}
	for _, p := range period {
		if used[p.Name] != "" && !q.has(p.Name) {
			q.Params = append(q.Params, p)
		}
	}
	for _, p := range q.Params {
		if used[p.Name] != p.Type {
			errs = append(errs, fmt.Errorf("param: %s is %s here and %q in the statement", p.Name, p.Type, used[p.Name]))
		}
		delete(used, p.Name)
	}
	for name := range used {
		errs = append(errs, fmt.Errorf("param: %s is in the statement and not in the header", name))
	}
	return errs
}

func (q *Query) has(name string) bool {
	return slices.ContainsFunc(q.Params, func(p Param) bool { return p.Name == name })
}
