// Package audit owns the shape of the audit store: its schema and migrations,
// the rows that spans become, and their encoding as typed columns.
//
// It has no clock, goroutine or logger; the clickhouse_audit exporter and the
// spanwarden tool are its shells.
package audit
