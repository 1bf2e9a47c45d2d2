package main

import (
	"errors"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// page is a dashboard that is being written, in the classic schema: the SDK prefers
// a newer one, which the versions of Grafana that most people run do not import.
type page struct {
	*dashboard.DashboardBuilder
	lib  library
	id   uint32
	errs []error
}

const tag = "spanwarden"

func newPage(lib library, uid, title, description string, variables ...cog.Builder[dashboard.VariableModel]) *page {
	b := dashboard.NewDashboardBuilder("spanwarden / "+title). //nolint:staticcheck // the classic schema, see page
									Uid("spanwarden-"+uid).Description(description).Tags([]string{tag}).
									Time("now-24h", "now").Timezone("browser").Refresh("").Editable().Tooltip(dashboard.DashboardCursorSyncCrosshair).
									Link(others{}).
									WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Audit store").Type(plugin).
										Description("The ClickHouse data source whose default database is that of the audit store."))
	for _, v := range variables {
		b.WithVariable(v)
	}
	return &page{DashboardBuilder: b, lib: lib}
}

// others is the list of all dashboards, at the top of each.
type others struct{}

func (others) Build() (dashboard.DashboardLink, error) {
	l, err := dashboard.NewDashboardLinkBuilder("spanwarden").Type(dashboard.DashboardLinkTypeDashboards).
		Tags([]string{tag}).AsDropdown(true).IncludeVars(true).KeepTime(true).Build()
	l.Placement = nil // the SDK's default hides it in a menu
	return l, err
}

func (p *page) row(title string) {
	p.id++
	p.WithRow(dashboard.NewRowBuilder(title).Id(p.id))
}

// evidence returns an evidence query as a panel asks it.
func (p *page) evidence(id string, params map[string]string, rest string) string {
	text, err := p.lib.query(id, params, rest)
	p.errs = append(p.errs, err)
	return text
}

// shape is how big a panel is, in 24ths of the width and in lines.
type shape struct{ w, h uint32 }

var (
	tile    = shape{4, 4}
	half    = shape{12, 8}
	third   = shape{8, 8}
	full    = shape{24, 9}
	drawing = shape{24, 16}
)

// built is a panel that is ready.
type built struct{ dashboard.Panel }

func (b built) Build() (dashboard.Panel, error) { return b.Panel, nil }

// put gives a panel what all have and places it.
func (p *page) put(s shape, title, description string, builder cog.Builder[dashboard.Panel], targets ...query) {
	panel, err := builder.Build()
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: %w", title, err))
		return
	}
	p.id++
	id, ds := p.id, source()
	panel.Id, panel.Title, panel.Description, panel.Datasource = &id, &title, &description, &ds
	panel.GridPos = &dashboard.GridPos{W: s.w, H: s.h}
	for _, q := range targets {
		panel.Targets = append(panel.Targets, q)
	}
	p.WithPanel(built{panel})
}

func (p *page) finish() (dashboard.Dashboard, error) { //nolint:staticcheck // the classic schema, see page
	d, err := p.Build()
	return d, errors.Join(append(p.errs, err)...)
}

func text(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: &s}
}

// variable is one whose values a query gives.
func variable(name, label, description, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).Description(description).Datasource(source()).
		Query(dashboard.StringOrMap{String: &query}).Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortDisabled)
}

// several lets a variable have several values, or all.
func several(v *dashboard.QueryVariableBuilder) *dashboard.QueryVariableBuilder {
	selected, all := true, "$__all"
	return v.Multi(true).IncludeAll(true).AllValue("*").
		Current(dashboard.VariableOption{Selected: &selected, Text: text("All"), Value: text(all)})
}

func tenants() cog.Builder[dashboard.VariableModel] {
	return several(variable("tenant", "Tenant", "Tenants of which something was stored in the period.", sql(`
SELECT DISTINCT toString(tenant_id) AS tenant_id
FROM (SELECT tenant_id FROM @actions UNION ALL SELECT tenant_id FROM @events UNION ALL SELECT tenant_id FROM @configs)
WHERE tenant_id != '' ORDER BY tenant_id LIMIT 1000`)))
}

func projects() cog.Builder[dashboard.VariableModel] {
	return several(variable("project", "Project", "Projects with actions in the period.", sql(`
SELECT DISTINCT toString(project_id) AS project_id FROM @actions
WHERE project_id != '' AND @tenant ORDER BY project_id LIMIT 1000`)))
}

func agentQuery() string {
	return sql(`
SELECT agent_id
FROM
(
    SELECT toString(agent_id) AS agent_id, max(ts) AS seen FROM @actions WHERE @tenant AND @project GROUP BY agent_id
    UNION ALL
    SELECT toString(agent_id), max(recorded_at) FROM @runs WHERE @tenant AND @project GROUP BY agent_id
    UNION ALL
    SELECT toString(agent_id), max(ts) FROM @events WHERE @tenant AND @project GROUP BY agent_id
)
WHERE agent_id != '' GROUP BY agent_id ORDER BY max(seen) DESC, agent_id LIMIT 1000`)
}

func agents() cog.Builder[dashboard.VariableModel] {
	return several(variable("agent", "Agent", "Agents that acted, ran or were accused in the period, the latest first.", agentQuery()))
}

func oneAgent() cog.Builder[dashboard.VariableModel] {
	return variable("agent", "Agent", "Agents that acted, ran or were accused in the period, the latest first.", agentQuery())
}

func oneSession() cog.Builder[dashboard.VariableModel] {
	return variable("session", "Session", "Sessions with actions of the chosen agents in the period, the latest first.", sql(`
SELECT session_id FROM @actions
WHERE session_id != '' AND @tenant AND @project AND @agents
GROUP BY session_id ORDER BY max(ts) DESC, session_id LIMIT 1000`))
}

func chains() cog.Builder[dashboard.VariableModel] {
	return several(variable("chain", "Chain", "Chains of delegation recorded in the period, the latest first.", sql(`
SELECT chain_id FROM @runs
WHERE chain_id != '' AND @tenant AND @project
GROUP BY chain_id ORDER BY max(recorded_at) DESC, chain_id LIMIT 1000`)))
}

// linked lets readers go on from a column to another dashboard.
func linked(column, title, uid, variable string) dashboard.DashboardFieldConfigSourceOverrides {
	url := "/d/spanwarden-" + uid + "?var-" + variable + "=${__value.raw:percentencode}&${tenant:queryparam}&${datasource:queryparam}&${__url_time_range}"
	return override("byName", column, "links", []map[string]any{{"title": title, "url": url}})
}

func override(matcher, name, property string, value any) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{
		Matcher:    dashboard.MatcherConfig{Id: matcher, Options: name},
		Properties: []dashboard.DynamicConfigValue{{Id: property, Value: value}},
	}
}

// sums is how a single value is made of an answer: its last row.
func sums() *common.ReduceDataOptionsBuilder {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("/.*/").Values(false)
}
