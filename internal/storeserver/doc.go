// Package storeserver puts ClickHouse's HTTP interface in front of the embedded
// engine, so that drivers, curl and dashboards use the same address, SQL and
// formats as against a ClickHouse server. See README.md for what is supported.
package storeserver
