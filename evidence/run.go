package evidence

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Answer is what a store answered to a query.
type Answer struct {
	Columns []string
	Types   []string // as ClickHouse names them
	Rows    [][]any  // as the driver reads them; NULL is nil
}

// Run asks the store. Params are what Bind returned; MaxRows bounds the answer and
// 0 does not: more rows than that are an error, so that no one takes a part for
// the whole.
func (q *Query) Run(ctx context.Context, conn driver.Conn, params map[string]string, maxRows int) (*Answer, error) {
	args := make([]any, 0, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		args = append(args, clickhouse.Named(name, params[name]))
	}
	rows, err := conn.Query(ctx, q.SQL, args...)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", q.ID, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	a := &Answer{Columns: rows.Columns()}
	types := rows.ColumnTypes()
	for _, t := range types {
		a.Types = append(a.Types, t.DatabaseTypeName())
	}
	for rows.Next() {
		if maxRows > 0 && len(a.Rows) == maxRows {
			return nil, fmt.Errorf("asking %s: more than %d rows; take a shorter period or allow more", q.ID, maxRows)
		}
		row, err := scan(rows, types)
		if err != nil {
			return nil, fmt.Errorf("reading the answer to %s: %w", q.ID, err)
		}
		a.Rows = append(a.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the answer to %s: %w", q.ID, err)
	}
	return a, nil
}

func scan(rows driver.Rows, types []driver.ColumnType) ([]any, error) {
	into := make([]any, len(types))
	for i, t := range types {
		into[i] = reflect.New(t.ScanType()).Interface()
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	row := make([]any, len(into))
	for i := range into {
		v := reflect.ValueOf(into[i]).Elem()
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() == reflect.Pointer { // NULL
			continue
		}
		row[i] = v.Interface()
	}
	return row, nil
}
