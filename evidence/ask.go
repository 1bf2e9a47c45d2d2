package evidence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
)

// Renderer fills in {db} and {all} as the schema of the store wants them;
// audit.Options is one.
type Renderer interface{ Render(sql string) string }

// Evidence is an answer to a question of the catalogue: its rows, and what they,
// or their absence, mean.
type Evidence struct {
	Answer
	catalogue.Observation
	State catalogue.State
	// Params are what was asked with, defaults filled in.
	Params map[string]string
	// SQL is the statement that was asked.
	SQL string
}

// Ask asks the store a question of the catalogue. Values are its parameters as
// people write them, now is what "now" means; maxRows is as for Query.Run.
func Ask(
	ctx context.Context, conn driver.Conn, schema Renderer, q *catalogue.Query, values map[string]string, now time.Time, maxRows int,
) (*Evidence, error) {
	params, err := sqlfile.Bind(q.ID, q.Params, values, now)
	if err != nil {
		return nil, err
	}
	e := &Evidence{Params: params, SQL: q.Select(params)}
	ask := Query{ID: q.ID, SQL: e.SQL}
	answer, err := ask.Run(ctx, conn, nil, maxRows)
	if err != nil {
		return nil, err
	}
	e.Answer = *answer
	args := make([]any, 0, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		args = append(args, clickhouse.Named(name, params[name]))
	}
	if err := conn.QueryRow(ctx, schema.Render(q.Observation()), args...).ScanStruct(&e.Observation); err != nil {
		return nil, fmt.Errorf("asking what was watched for %s: %w", q.ID, err)
	}
	e.State = q.State(len(e.Rows), &e.Observation)
	return e, nil
}
