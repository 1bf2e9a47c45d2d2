package main

import (
	"bytes"
	"encoding/json"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

const plugin = "grafana-clickhouse-datasource"

// source is the data source that the reader of a dashboard chose.
func source() common.DataSourceRef {
	kind, uid := plugin, "${datasource}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

// query is a query of the ClickHouse plugin, which the SDK does not know.
type query struct {
	RefID      string               `json:"refId"`
	Datasource common.DataSourceRef `json:"datasource"`
	EditorType string               `json:"editorType"`
	QueryType  string               `json:"queryType"`
	Format     int                  `json:"format"` // 0 a time series, 1 a table
	RawSQL     string               `json:"rawSql"`
	// PluginVersion is the oldest that the query was written for. The plugin takes
	// a query without one for one of version 3 and migrates it.
	PluginVersion string `json:"pluginVersion"`
}

func table(ref, sql string) query {
	return query{RefID: ref, Datasource: source(), EditorType: "sql", QueryType: "table", Format: 1, RawSQL: sql, PluginVersion: "4.0.0"}
}

func series(ref, sql string) query {
	q := table(ref, sql)
	q.QueryType, q.Format = "timeseries", 0
	return q
}

func (q query) ImplementsDataqueryVariant()        {}
func (q query) DataqueryType() string              { return plugin }
func (q query) Validate() error                    { return nil }
func (q query) Equals(o variants.Dataquery) bool   { return q == o }
func (q query) Build() (variants.Dataquery, error) { return q, nil }

// variant lets the SDK read queries back, and refuse what they do not have.
func variant() variants.DataqueryConfig {
	read := func(raw []byte) (variants.Dataquery, error) {
		var q query
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		err := dec.Decode(&q)
		return q, err
	}
	return variants.DataqueryConfig{Identifier: plugin, DataqueryUnmarshaler: read, StrictDataqueryUnmarshaler: read}
}
