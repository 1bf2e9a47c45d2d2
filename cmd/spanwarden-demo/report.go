package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// report is one table of the demo. Every column of its query is text.
type report struct{ title, query string }

// modelCalls are what may be counted and charged: roll-ups repeat them.
const modelCalls = everything + ` WHERE usage_accounting != 'rollup' AND (kind IN ('inference', 'embedding') OR usage_accounting != '') AND outcome != 'failure'`

// money prints what is known and says how much is not: an unknown cost is no 0.
const money = `ifNull(toString(sum(cost_usd)), 'unknown') AS usd, toString(countIf(cost_usd IS NULL)) AS unpriced`

// tokens too: a sum over nothing but unknown counts is unknown.
const tokens = `ifNull(toString(sum(input_tokens)), 'unknown') AS input, ifNull(toString(sum(cache_read_tokens)), 'unknown') AS cached, ifNull(toString(sum(output_tokens)), 'unknown') AS output`

var reports = []report{
	{"Agents", `
SELECT if(agent_name = '', '(none stated)', agent_name) AS agent,
       toString(uniqExactIf(session_id, session_id != '')) AS sessions,
       toString(countIf(kind IN ('inference', 'embedding') AND usage_accounting != 'rollup')) AS model_calls,
       toString(countIf(kind = 'tool' AND usage_accounting != 'rollup')) AS tool_calls,
       toString(countIf(outcome = 'failure')) AS failed,
       ` + tokens + `, ifNull(toString(sum(cost_usd)), 'unknown') AS usd
FROM ` + everything + ` GROUP BY agent ORDER BY sum(cost_usd) DESC NULLS LAST, agent`},
	{"Models", `
SELECT provider, if(response_model = '', request_model, response_model) AS model, toString(count()) AS calls, ` + tokens + `, ` + money + `
FROM ` + modelCalls + ` GROUP BY provider, model ORDER BY sum(cost_usd) DESC NULLS LAST, provider, model`},
	{"Tools", `
SELECT tool_name AS tool, toString(count()) AS calls, toString(countIf(outcome = 'failure')) AS failed, arrayStringConcat(arraySort(groupUniqArray(agent_name)), ', ') AS used_by
FROM ` + everything + ` WHERE kind = 'tool' AND usage_accounting != 'rollup' GROUP BY tool ORDER BY count() DESC, tool`},
	{"Sessions (the ten dearest)", `
SELECT session_id AS session, arrayStringConcat(arraySort(groupUniqArray(agent_name)), ', ') AS agents, toString(count()) AS calls, ` + tokens + `, ` + money + `
FROM ` + modelCalls + ` AND session_id != '' GROUP BY session ORDER BY sum(cost_usd) DESC NULLS LAST, session LIMIT 10`},
	{"What each price rests on", `
SELECT cost_status AS status, if(cost_reason = '', cost_match, cost_reason) AS how, cost_price_id AS price, toString(count()) AS calls
FROM ` + modelCalls + ` GROUP BY status, how, price ORDER BY count() DESC, price`},
}

func (r report) print(ctx context.Context, conn driver.Conn, w io.Writer) error {
	rows, err := conn.Query(ctx, r.query)
	if err != nil {
		return fmt.Errorf("asking for %q: %w", r.title, err)
	}
	defer func() { _ = rows.Close() }() // read errors are told by Err
	columns := rows.Columns()
	table := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	lines := []string{"\n" + r.title, "  " + strings.Join(columns, "\t")}
	cells := make([]string, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading %q: %w", r.title, err)
		}
		lines = append(lines, "  "+strings.Join(cells, "\t"))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %q: %w", r.title, err)
	}
	if _, err := fmt.Fprintln(table, strings.Join(lines, "\n")); err != nil {
		return err
	}
	return table.Flush()
}
