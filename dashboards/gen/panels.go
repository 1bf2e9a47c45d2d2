package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/nodegraph"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	grid "github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// alarming makes values red from the limit on.
func alarming(limit float64) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
		Steps([]dashboard.Threshold{{Color: "text"}, {Value: &limit, Color: "red"}})
}

// number is a tile. A value that is not known stays a dash, never 0.
func (p *page) number(title, description, unit, sql string) {
	p.put(tile, title, description, tileOf(unit), table("A", sql))
}

// alarm is a tile that turns red from 1, or from another limit, on.
func (p *page) alarm(title, description, unit string, limit float64, sql string) {
	p.put(tile, title, description, tileOf(unit).Thresholds(alarming(limit)), table("A", sql))
}

func tileOf(unit string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Unit(unit).NoValue("–").ReduceOptions(sums()).Orientation(common.VizOrientationAuto).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeValue).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps([]dashboard.Threshold{{Color: "text"}}))
}

func lines(unit string) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().Unit(unit).LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeAuto).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti))
}

func (p *page) lines(s shape, title, description, unit string, sql ...string) {
	p.put(s, title, description, lines(unit), many(sql)...)
}

// bars are counts that add up.
func (p *page) bars(s shape, title, description string, sql ...string) {
	b := lines(units.Short).DrawStyle(common.GraphDrawStyleBars).FillOpacity(60).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
	p.put(s, title, description, b, many(sql)...)
}

func many(sql []string) []query {
	out := make([]query, 0, len(sql))
	for i, s := range sql {
		out = append(out, series(string(rune('A'+i)), s))
	}
	return out
}

// ranking is a bar for each row of an answer: a name and a value.
func (p *page) ranking(s shape, title, description, unit, sql string) {
	b := bargauge.NewPanelBuilder().Unit(unit).Orientation(common.VizOrientationHorizontal).DisplayMode(common.BarGaugeDisplayModeGradient).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Values(true).Calcs([]string{"lastNotNull"}).Fields("").Limit(25))
	p.put(s, title, description, b, table("A", sql))
}

// columns are the units of what tables show, by the names of their columns.
var columns = []dashboard.DashboardFieldConfigSourceOverrides{
	override("byRegexp", "/usd$|^(budget_limit|observed_usd)$/", "unit", units.Dollars),
	override("byRegexp", "/^share|maturity$/", "unit", units.PercentUnit),
	override("byRegexp", "/_ns$/", "unit", units.Nanoseconds),
	override("byRegexp", "/_s$/", "unit", units.Seconds),
	override("byRegexp", "/^days/", "unit", "d"),
	override("byRegexp", "/^(message|why|diff)$/", "custom.width", 420),
	override("byRegexp", "/^(severity|verdict|response|status)$/", "custom.cellOptions", map[string]any{"type": "color-text"}),
	override("byRegexp", "/^(severity|verdict|response|status)$/", "mappings", []map[string]any{{"type": "value", "options": map[string]any{
		"critical": colour("dark-red"), "high": colour("red"), "warning": colour("orange"), "info": colour("blue"),
		"violation": colour("red"), "unregistered": colour("orange"), "not_evaluated": colour("purple"), "respected": colour("green"),
		"overdue": colour("red"), "late": colour("orange"), "in_time": colour("green"), "refused": colour("red"),
	}}}),
	linked("agent_id", "This agent", "agent", "agent"),
	linked("session_id", "This session", "session", "session"),
	linked("chain_id", "This chain", "delegation", "chain"),
}

func colour(name string) map[string]any { return map[string]any{"color": name} }

func (p *page) rows(s shape, title, description, sql string) {
	b := grid.NewPanelBuilder().Unit(units.Short).NoValue("nothing").Filterable(true).CellHeight(common.TableCellHeightSm).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{}))
	for _, o := range columns {
		b.WithOverride(o.Matcher, o.Properties)
	}
	p.put(s, title, description, b, table("A", sql))
}

// graph takes the two frames that Grafana's node graph wants, by these names.
func (p *page) graph(s shape, title, description, nodes, edges string) {
	b := nodegraph.NewPanelBuilder().
		Nodes(nodegraph.NewNodeOptionsBuilder().MainStatUnit(units.Dollars).SecondaryStatUnit(units.Short).Arcs([]cog.Builder[nodegraph.ArcOption]{
			nodegraph.NewArcOptionBuilder().Field("arc__respected").Color("green"),
			nodegraph.NewArcOptionBuilder().Field("arc__refused").Color("red"),
			nodegraph.NewArcOptionBuilder().Field("arc__unknown").Color("gray"),
		}))
	p.put(s, title, description, b, table("nodes", nodes), table("edges", edges))
}
