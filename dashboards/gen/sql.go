package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Moments of the time picker. The macros expand to a time without a zone, which a
// view would read in the zone of the session; so the zone is said.
const (
	from = "toTimeZone($__fromTime_ms, 'UTC')"
	to   = "toTimeZone($__toTime_ms, 'UTC')"
	span = "period_start = " + from + ", period_end = " + to
)

// chosen is what a variable of one value holds. Ids come from spans, so they may
// hold quotes and backslashes, which no format of Grafana's escapes as ClickHouse
// wants it; percent-encoded they cannot leave the string.
func chosen(variable string) string {
	return "decodeURLComponent('${" + variable + ":percentencode}')"
}

// among says that the column is among what a variable of several values holds: *
// for all, else {a,b}. An id with a comma in it is found too, because the text is
// searched and not split.
func among(column, variable string) string {
	text := chosen(variable)
	return fmt.Sprintf("(%s = '*' OR position(concat(',', trim(BOTH '{}' FROM %s), ','), concat(',', %s, ',')) > 0)", text, text, column)
}

// words are what the SQL of panels is written with.
var words = strings.NewReplacer(
	"@actions", "ev_actions("+span+")",
	"@runs", "ev_runs("+span+")",
	"@chains", "ev_chains("+span+")",
	"@edges", "ev_edges("+span+")",
	"@findings", "ev_findings("+span+")",
	"@events", "ev_finding_events("+span+")",
	"@configs", "ev_config_versions("+span+")",
	"@session_actions", "ev_session_actions(session = "+chosen("session")+", "+span+")",
	"@tenant", among("tenant_id", "tenant"),
	"@project", among("project_id", "project"),
	"@agents", among("agent_id", "agent"),
	"@agent", chosen("agent"),
	"@session", chosen("session"),
	"@chain", among("chain_id", "chain"),
	// not known where nothing was held against a boundary, which is not 0
	"@violations", "if(countIf(boundary_verdict NOT IN ('', 'not_evaluated')) = 0, NULL, countIf(boundary_verdict IN ('violation', 'unregistered')))",
	// each action once, where two spans tell of one
	"@once", "attrs['spanwarden.action.duplicate'] != 'true'",
	// what a boundary is about, as in evidence/boundary-summary.sql
	"@held", "(kind IN ('inference', 'embedding', 'tool', 'agent', 'retrieval', 'memory', 'handoff') AND attrs['spanwarden.action.duplicate'] != 'true'"+
		" AND NOT (kind IN ('inference', 'embedding') AND usage_accounting = 'rollup'))",
	// what is an expense: a roll-up says again what its children say
	"@call", "(usage_accounting != 'rollup' AND cost_status NOT IN ('duplicate', 'rollup') AND (kind IN ('inference', 'embedding') OR isNotNull(cost_usd)))",
)

// busiest keeps lines readable, and their number bounded: those of the 20 agents
// that did most.
const busiest = ` AND agent_id IN
(
    SELECT agent_id FROM @actions WHERE @tenant AND @project AND @agents
    GROUP BY agent_id ORDER BY count() DESC, agent_id LIMIT 20
)`

func sql(text string) string { return words.Replace(strings.TrimSpace(text)) }

var (
	header    = regexp.MustCompile(`(?m)^\s*--.*\n`)
	parameter = regexp.MustCompile(`\{([a-z_]+):[^}]+\}`)
)

// library is the folder of evidence queries. What a dashboard shows of them is
// what the command line answers.
type library string

// query returns an evidence query with its parameters filled in, and the
// conditions and the order of the rows that a panel adds.
func (l library) query(id string, params map[string]string, rest string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(string(l), id+".sql"))
	if err != nil {
		return "", err
	}
	all := map[string]string{"period_start": from, "period_end": to}
	maps.Copy(all, params)
	text := header.ReplaceAllString(string(raw), "")
	var missing []string
	text = parameter.ReplaceAllStringFunc(text, func(p string) string {
		name := parameter.FindStringSubmatch(p)[1]
		value, ok := all[name]
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("%s: no value for %s", id, strings.Join(missing, ", "))
	}
	return "SELECT * FROM\n(\n" + strings.TrimSpace(text) + "\n)\n" + sql(rest), nil
}
