// Package clickhouseauditexporter writes what agents did, for whom and at what
// cost, and what was found about it, into the audit store, a ClickHouse database.
package clickhouseauditexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
