package evidence

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
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
		return a.writeJSON(w)
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

func (a *Answer) writeJSON(w io.Writer) error {
	for _, row := range a.Rows {
		var b strings.Builder
		for i, name := range a.Columns {
			key, err := json.Marshal(name)
			if err != nil {
				return err
			}
			value, err := json.Marshal(plain(row[i]))
			if err != nil {
				return fmt.Errorf("column %s: %w", name, err)
			}
			b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
			b.Write(key)
			b.WriteByte(':')
			b.Write(value)
		}
		if _, err := io.WriteString(w, b.String()+"}\n"); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) writeCSV(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(a.Columns); err != nil {
		return err
	}
	for _, row := range a.Rows {
		if err := cw.Write(texts(row, "")); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
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
	switch v := plain(v).(type) {
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

// plain turns what the driver reads into what JSON knows.
func plain(v any) any {
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
	case reflect.Pointer:
		if rv.IsNil() {
			return nil
		}
		return plain(rv.Elem().Interface())
	case reflect.Slice, reflect.Array:
		list := make([]any, rv.Len())
		for i := range list {
			list[i] = plain(rv.Index(i).Interface())
		}
		return list
	case reflect.Map:
		m := map[string]any{}
		for _, k := range rv.MapKeys() {
			m[fmt.Sprint(k.Interface())] = plain(rv.MapIndex(k).Interface())
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
