// Package sqlfile reads the header of an SQL file that is a question: the comment
// at its top, a key a line. Both the questions of package evidence and the
// auditor's catalogue are such files. It has no clock and no connection.
package sqlfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Param is a parameter of a question, {name:type} in its SQL.
type Param struct {
	Name, Type string
	// Default is what Bind takes where none is given, if HasDefault.
	Default    string
	HasDefault bool
	Doc        string
}

// Period returns the two parameters that need no line in a header.
func Period() []Param {
	return []Param{
		{Name: "period_start", Type: "DateTime64(3,'UTC')", Default: "now-30d", HasDefault: true, Doc: "beginning of the period"},
		{Name: "period_end", Type: "DateTime64(3,'UTC')", Default: "now", HasDefault: true, Doc: "end of the period, not part of it"},
	}
}

// Line is one key of a header and where it stands.
type Line struct {
	Number     int // from 1
	Key, Value string
}

// Header parts the comment at the top from the statement. A line that begins with
// two spaces goes on with the one before.
func Header(text string) (head []Line, sql string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		comment, ok := strings.CutPrefix(line, "--")
		if !ok {
			return head, strings.TrimSpace(strings.Join(lines[i:], "\n"))
		}
		if strings.HasPrefix(comment, "  ") && len(head) > 0 {
			last := &head[len(head)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(comment))
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(comment), ":")
		head = append(head, Line{i + 1, key, strings.TrimSpace(value)})
	}
	return head, ""
}

// paramLine is "name Type = default # what it is"; without a default it is
// required.
var paramLine = regexp.MustCompile(`^([a-z_]+)\s+([A-Za-z0-9]+(?:\([^)]*\))?)(\s*=\s*[^#\s]*)?\s+#\s*(\S.*)$`)

// ParseParam reads the value of a "param" line.
func ParseParam(s string) (Param, error) {
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

// Match holds the parameters of a header against those of the statement and
// returns them with the period added where the statement names it. Each fault is
// an error of its own.
func Match(params []Param, sql string) ([]Param, []error) {
	var errs []error
	used := map[string]string{}
	for _, m := range placeholder.FindAllStringSubmatch(sql, -1) {
		used[m[1]] = m[2]
	}
	for _, p := range Period() {
		if used[p.Name] != "" && !Has(params, p.Name) {
			params = append(params, p)
		}
	}
	for _, p := range params {
		if used[p.Name] != p.Type {
			errs = append(errs, fmt.Errorf("param: %s is %s here and %q in the statement", p.Name, p.Type, used[p.Name]))
		}
		delete(used, p.Name)
	}
	for name := range used {
		errs = append(errs, fmt.Errorf("param: %s is in the statement and not in the header", name))
	}
	return params, errs
}

// Has tells whether a parameter has this name.
func Has(params []Param, name string) bool {
	return slices.ContainsFunc(params, func(p Param) bool { return p.Name == name })
}
