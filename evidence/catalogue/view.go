package catalogue

import (
	"fmt"
	"slices"
	"strings"
)

// The period that a question without one is asked about: all that was ever stored.
const (
	ever      = "toDateTime64('2000-01-01 00:00:00', 3, 'UTC')"
	now       = "now64(3, 'UTC')"
	periodOf  = "period_start = %s, period_end = %s"
	startName = "{period_start:DateTime64(3,'UTC')}"
	endName   = "{period_end:DateTime64(3,'UTC')}"
)

// period is how the question hands its period on to another view.
func (q *Query) period() string {
	if q.HasPeriod() {
		return fmt.Sprintf(periodOf, startName, endName)
	}
	return fmt.Sprintf(periodOf, ever, now)
}

// View is the statement that makes the view, with {db}, {on_cluster} and {all} for
// the migration to fill in. Every row says what was watched and what is not
// vouched for, so that no answer travels without it. What it says stands there once:
// the engine plans, and asks, a subquery anew wherever it is named.
func (q *Query) View() string {
	return fmt.Sprintf(`CREATE OR REPLACE VIEW {db}.%s{on_cluster} AS
SELECT
    q.* EXCEPT (_state),
    tupleElement(q._state, 1) AS %s,
    tupleElement(q._state, 2) AS %s,
    tupleElement(q._state, 3) AS %s,
    '%s' AS view_version
FROM
(
SELECT
    *,
    (
        SELECT tuple(coverage_pct, unsealed_rows, redelivered)
        FROM {db}.ev_period_state(%s)
    ) AS _state
FROM
(
%s
)
) AS q`, q.ID, q.ofPeriod("coverage_pct"), q.ofPeriod("unsealed_rows"), q.ofPeriod("redelivered"), q.Version, q.period(), q.SQL)
}

// ofPeriod names what every row says of the whole period; a question may have a
// column of that name, which is about the row.
func (q *Query) ofPeriod(name string) string {
	if slices.ContainsFunc(q.Columns, func(c Column) bool { return c.Name == name }) {
		return "period_" + name
	}
	return name
}

// Observation is SQL for one row about the question's period, for a connection to
// the store's database: coverage_pct, unsealed_rows, redelivered, and as watched
// and population the numbers that the header asks for, NULL where it asks for
// none. It takes the parameters of the question.
func (q *Query) Observation() string {
	number := func(sql string) string {
		if sql == "" {
			return "CAST(NULL AS Nullable(UInt64))"
		}
		return "(SELECT toNullable(toUInt64(n)) FROM (SELECT (" + sql + ") AS n))"
	}
	return fmt.Sprintf("SELECT s.coverage_pct, s.unsealed_rows, s.redelivered, %s AS watched, %s AS population\nFROM {db}.ev_period_state(%s) AS s",
		number(q.Watched), number(q.Population), q.period())
}

// Select is the statement that asks the view of a connection's own database.
// Params are what sqlfile.Bind returned, so that none of them can leave its quotes.
func (q *Query) Select(params map[string]string) string {
	args := make([]string, 0, len(q.Params))
	for _, p := range q.Params {
		args = append(args, p.Name+" = "+literal(params[p.Name]))
	}
	if len(args) == 0 {
		return "SELECT * FROM " + q.ID
	}
	return "SELECT * FROM " + q.ID + "(" + strings.Join(args, ", ") + ")"
}

// literal is a string of ClickHouse's SQL.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
