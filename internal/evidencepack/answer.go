package evidencepack

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// notAsked is the state of a question that a pack cannot ask: it needs to be told
// what about.
const notAsked catalogue.State = "not_asked"

// answer is what the report keeps of one answer, so that memory is bounded by one
// answer at a time.
type answer struct {
	Query    *catalogue.Query
	Manifest *evidence.Manifest
	State    catalogue.State
	Means    string
	Rows     int
	Columns  []head
	width    int      // of all columns, in characters
	Blank    []string // columns without a value in the rows that are shown
	Shown    [][]string
	Sampled  [][]string
	Days     map[string]int // rows by day, where a column says when
	sampled  []int          // the rows drawn, in their order
}

func (a *answer) result() string {
	if a.Manifest == nil {
		return ""
	}
	return a.Manifest.ResultDigest
}

func newAnswer(q *catalogue.Query, e *evidence.Evidence, m *evidence.Manifest, s *Scope) *answer {
	a := &answer{Query: q, Manifest: m, State: e.State, Means: m.Means, Rows: len(e.Rows)}
	columns := e.Describe(q)
	// What every answer has stands once above its table.
	width := len(columns)
	for width > 0 && slices.Contains([]string{"coverage_pct", "unsealed_rows", "redelivered", "view_version"}, columns[width-1].Name) {
		width--
	}
	for i := range min(len(e.Rows), s.TableRows) {
		a.Shown = append(a.Shown, cells(e.Rows[i][:width]))
	}
	a.sampled = draw(&e.Answer, s.Seed, s.SampleSize)
	for _, i := range a.sampled {
		a.Sampled = append(a.Sampled, cells(e.Rows[i][:width]))
	}
	a.fit(columns[:width])
	a.Days = byDay(columns[:width], e.Rows)
	return a
}

func numeric(typ string) bool {
	typ = strings.TrimPrefix(strings.TrimPrefix(typ, "LowCardinality("), "Nullable(")
	for _, p := range []string{"UInt", "Int", "Float", "Decimal"} {
		if strings.HasPrefix(typ, p) {
			return true
		}
	}
	return false
}

// most bounds a cell of the report; the files have all of it.
const most = 120

func cells(row []any) []string {
	out := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case time.Time:
			out[i] = moment(v)
			continue
		case float64:
			out[i] = strconv.FormatFloat(v, 'g', 6, 64)
			continue
		}
		out[i] = clip(Visible(evidence.Text(v, "—")))
	}
	return out
}

// moment leaves out what is nought: a day is a day.
func moment(t time.Time) string {
	text := t.UTC().Format("2006-01-02 15:04:05.999")
	return strings.TrimSuffix(text, " 00:00:00")
}

func clip(s string) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return fmt.Sprintf("%s … (%d characters, see the file)", string(runes[:most]), len(runes))
}

// Visible shows what would be unseen or would change how other text is read:
// control characters, marks of direction, characters without width.
func Visible(s string) string {
	if !strings.ContainsFunc(s, unseen) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unseen(r) {
			fmt.Fprintf(&b, "⟦U+%04X⟧", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unseen(r rune) bool {
	switch {
	case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r < 0xa0, r == 0xad, r == '\uFFFD':
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	case r == 0x34f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	default:
		return false
	}
}

// draw chooses rows for testing: those of the smallest SHA-256 over the seed, a
// zero byte and the row's line of answer.jsonl. Anybody draws the same ones again.
// An answer that is no longer than the sample is the sample.
func draw(a *evidence.Answer, seed string, size int) []int {
	if size <= 0 || len(a.Rows) <= size {
		return nil
	}
	type drawn struct {
		hash [sha256.Size]byte
		row  int
	}
	all := make([]drawn, len(a.Rows))
	for i := range a.Rows {
		one := evidence.Answer{Columns: a.Columns, Types: a.Types, Rows: a.Rows[i : i+1]}
		h := sha256.New()
		h.Write(append([]byte(seed), 0))
		if err := one.WriteRows(h); err != nil {
			return nil // the same rows could not be written to the pack before
		}
		h.Sum(all[i].hash[:0])
		all[i].row = i
	}
	slices.SortFunc(all, func(a, b drawn) int { return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.row, b.row)) })
	rows := make([]int, size)
	for i := range rows {
		rows[i] = all[i].row
	}
	slices.Sort(rows)
	return rows
}

// byDay counts rows by the first column that says when; nil where none does.
func byDay(columns []evidence.Described, rows [][]any) map[string]int {
	at := slices.IndexFunc(columns, func(c evidence.Described) bool {
		return strings.HasPrefix(strings.TrimPrefix(c.Type, "Nullable("), "Date")
	})
	if at < 0 {
		return nil
	}
	days := map[string]int{}
	for _, row := range rows {
		if t, ok := row[at].(time.Time); ok {
			days[t.UTC().Format(time.DateOnly)]++
		}
	}
	return days
}
