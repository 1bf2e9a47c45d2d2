// Package findingsconnector turns findings, which ride on spans as events, into
// log records: one for each finding, under the resource and the scope of the
// action it accuses, so that any logs exporter can take findings too.
package findingsconnector

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
