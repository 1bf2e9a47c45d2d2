package nabscore

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Series is one data file: its rows as they stand, in their order.
type Series struct {
	Name   string // group/file.csv
	Times  []string
	Values []float64
}

// Column reads the named column and the timestamps of every CSV below dir, in
// the order of their names: the last folder and the file.
func Column(dir, column string) ([]Series, error) {
	var out []Series
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s, err := readSeries(path, column)
		s.Name = filepath.ToSlash(rel)
		if parts := strings.Split(s.Name, "/"); len(parts) > 2 {
			s.Name = strings.Join(parts[len(parts)-2:], "/")
		}
		out = append(out, s)
		return err
	})
	slices.SortFunc(out, func(a, b Series) int { return strings.Compare(a.Name, b.Name) })
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s: no .csv file below it", dir)
	}
	return out, err
}

func readSeries(path, column string) (s Series, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) == 0 {
		return s, fmt.Errorf("%s: empty", path)
	}
	at, when := slices.Index(rows[0], column), slices.Index(rows[0], "timestamp")
	if at < 0 || when < 0 {
		return s, fmt.Errorf("%s: line 1: no columns timestamp and %s", path, column)
	}
	for i, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[at], 64)
		if err != nil {
			return s, fmt.Errorf("%s: line %d: %s: %w", path, i+2, column, err)
		}
		s.Times, s.Values = append(s.Times, row[when]), append(s.Values, v)
	}
	return s, nil
}

// Windows reads the benchmark's label file.
func Windows(path string) (map[string][][2]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out map[string][][2]string
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// ErrUnlabelled means that the label file does not name the file.
var ErrUnlabelled = errors.New("not in the label file")

// Label joins scores with the windows of the file: a window runs from the first
// row that bears its first timestamp to the first row that bears its last.
func Label(s *Series, scores []float64, labels map[string][][2]string) (File, error) {
	f := File{Name: s.Name, Scores: scores}
	windows, ok := labels[s.Name]
	if !ok {
		return f, fmt.Errorf("%s: %w", s.Name, ErrUnlabelled)
	}
	for _, w := range windows {
		var ends [2]int
		for k, stamp := range w {
			stamp = strings.TrimSuffix(stamp, ".000000")
			if ends[k] = slices.Index(s.Times, stamp); ends[k] < 0 {
				return f, fmt.Errorf("%s: no row bears the timestamp %s of a window", s.Name, stamp)
			}
		}
		if ends[1] <= ends[0] {
			return f, fmt.Errorf("%s: the window %s to %s is empty", s.Name, w[0], w[1])
		}
		f.Windows = append(f.Windows, Window{ends[0], ends[1]})
	}
	slices.SortFunc(f.Windows, func(a, b Window) int { return a.First - b.First })
	return f, nil
}
