package evidencepack

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spanwarden/spanwarden/evidence"
)

// head is a column of a table of the report.
type head struct {
	Name, Doc string
	Numeric   bool
	Width     string // of the table, such as 12.5%
}

// Parts are where a name may be broken into lines.
func (h *head) Parts() []string { return strings.SplitAfter(h.Name, "_") }

// upright is how many characters of columns a page takes.
const upright = 118

// Size is a class for tables that are wider than a page: on paper their rows are
// paragraphs.
func (a *answer) Size() string {
	if a.width > upright {
		return "many"
	}
	return ""
}

// Widest and narrowest a column may be, in characters.
const (
	narrowest = 5
	widest    = 34
)

// fit leaves out columns that have no value in any row shown, which it names, and
// gives the others room by what they hold.
func (a *answer) fit(columns []evidence.Described) {
	rows := slices.Concat(a.Shown, a.Sampled)
	if len(rows) == 0 {
		return
	}
	var kept []int
	var widths []int
	all := 0
	for i := range columns {
		w := 0
		for _, row := range rows {
			if row[i] != "" && row[i] != "—" {
				w = max(w, utf8.RuneCountInString(row[i]))
			}
		}
		if w == 0 {
			a.Blank = append(a.Blank, columns[i].Name)
			continue
		}
		h := head{Name: columns[i].Name, Doc: columns[i].Doc, Numeric: numeric(columns[i].Type)}
		for _, part := range h.Parts() { // a name is not broken within a word
			w = max(w, len(part))
		}
		w = min(max(w, narrowest), widest) + 2 // and the space between columns
		kept, widths, all = append(kept, i), append(widths, w), all+w
		a.Columns = append(a.Columns, h)
	}
	a.width = all
	for i := range a.Columns {
		a.Columns[i].Width = fmt.Sprintf("%.2f%%", 100*float64(widths[i])/float64(all))
	}
	for _, of := range [][][]string{a.Shown, a.Sampled} {
		for r, row := range of {
			line := make([]string, len(kept))
			for i, c := range kept {
				line[i] = row[c]
			}
			of[r] = line
		}
	}
}

// Style is the width as the page wants it; it is a number of ours.
func (h *head) Style() template.CSS { return template.CSS("width:" + h.Width) } //nolint:gosec // a number
