package evidence

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// The formats of an answer: a table to read, a JSON object a line, or CSV.
const (
	Table = "table"
	JSON  = "json"
	CSV   = "csv"
)

// Formats returns the names that Write takes.
func Formats() []string { return []string{Table, JSON, CSV} }

// Write writes the answer. NULL, which is "not known", is "-" in a table, null in
// JSON and empty in CSV.
func (a *Answer) Write(w io.Writer, format string) error {
	switch format {
	case Table:
		return a.writeTable(w)
	case JSON:
		return a.WriteRows(w)
	case CSV:
		return a.writeCSV(w)
	default:
		return fmt.Errorf("format: want one of %s, not %q", strings.Join(Formats(), ", "), format)
	}
}

func (a *Answer) writeTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	lines := make([][]string, 0, 1+len(a.Rows))
	lines = append(lines, slices.Clone(a.Columns))
	for _, row := range a.Rows {
		lines = append(lines, texts(row, "-"))
	}
	for _, line := range lines {
		for i := range line {
			line[i] = strings.Map(printable, line[i])
		}
		if _, err := fmt.Fprintln(tw, strings.Join(line, "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// printable keeps what an agent wrote from steering a terminal or the columns.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
		return '·'
	}
	return r
}

// WriteRows writes the rows in their canonical form: a JSON object a line, its keys
// in the order of the columns. What is digested is this.
func (a *Answer) WriteRows(w io.Writer) error {
	for i := range a.Rows {
		line, err := a.row(i)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// row is a row as a JSON object.
func (a *Answer) row(i int) ([]byte, error) {
	line := []byte{'{'}
	for c, name := range a.Columns {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(Plain(a.Rows[i][c]))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		if c > 0 {
			line = append(line, ',')
		}
		line = append(append(append(line, key...), ':'), value...)
	}
	return append(line, '}'), nil
}

func (a *Answer) writeCSV(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(a.Columns); err != nil {
		return err
	}
	for _, row := range a.Rows {
		line := texts(row, "")
		for i, v := range row {
			line[i] = harmless(v, line[i])
		}
		if err := cw.Write(line); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// harmless keeps what an agent wrote from being a formula where the file is opened
// as a sheet: such a text gets an apostrophe, which sheets do not show. Numbers and
// times are none.
func harmless(v any, text string) string {
	switch Plain(v).(type) {
	case string, []any, map[string]any:
		_, number := v.(fmt.Stringer)
		if first, _ := utf8.DecodeRuneInString(text); !number && text != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", first) {
			return "'" + text
		}
	}
	return text
}

func texts(row []any, null string) []string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = Text(v, null)
	}
	return out
}

// Text is a value as people read it, and null for NULL: times in UTC, decimals
// without a float's error, lists with commas.
func Text(v any, null string) string {
	switch v := Plain(v).(type) {
	case nil:
		return null
	case string:
		return v
	case []any:
		return strings.Join(texts(v, null), ", ")
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			keys[i] = k + "=" + Text(v[k], null)
		}
		return strings.Join(keys, ", ")
	default:
		return fmt.Sprint(v)
	}
}

// Plain turns what the driver reads into what JSON knows.
func Plain(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999999999Z")
	case fmt.Stringer: // a decimal: as JSON text, a number would be read as a float
		return v.String()
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Float32, reflect.Float64:
		if f := rv.Float(); math.IsNaN(f) || math.IsInf(f, 0) { // which JSON does not know
			return fmt.Sprint(f)
		}
		return v
	case reflect.Pointer:
		if rv.IsNil() {
			return nil
		}
		return Plain(rv.Elem().Interface())
	case reflect.Slice, reflect.Array:
		list := make([]any, rv.Len())
		for i := range list {
			list[i] = Plain(rv.Index(i).Interface())
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for _, k := range rv.MapKeys() {
			m[fmt.Sprint(k.Interface())] = Plain(rv.MapIndex(k).Interface())
		}
		return m
	default:
		return v
	}
}

// Turned returns the answer with a line for each value: column, value.
func (a *Answer) Turned() *Answer {
	t := &Answer{Columns: []string{"column", "value"}, Types: []string{"String", "String"}}
	for _, row := range a.Rows {
		for i, name := range a.Columns {
			t.Rows = append(t.Rows, []any{name, Text(row[i], "-")})
		}
	}
	return t
}
