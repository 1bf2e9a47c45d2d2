package audit

import (
	"fmt"
	"strings"
)

// Field is one field of a row hash.
type Field struct {
	Name string
	Type string // ClickHouse's
}

// SealedTable is a table whose rows the ledger seals.
type SealedTable struct {
	Name   string
	Time   string  // the column that Seal.MinTS and MaxTS are about
	Fields []Field // in the order in which they are hashed
}

// SealedTables returns the tables that are sealed and what their row hashes cover,
// for a version of the format. Versions are 1 to HashVersion.
func SealedTables(version uint8) []SealedTable {
	tables := []SealedTable{
		newActions().sealed("ts"), newAttributions().sealed("settled_ts"),
		newFindingEvents().sealed("ts"), newConfigVersions().sealed("ts"),
		newRuns().sealed("recorded_at"), newDelegations().sealed("recorded_at"), newChains().sealed("recorded_at"),
		newLegalHolds().sealed("ts"), newRetentionEvents().sealed("ts"),
	}
	for i := range tables {
		kept := tables[i].Fields[:0]
		for _, f := range tables[i].Fields {
			if sealedSince[tables[i].Name+"."+f.Name] <= version {
				kept = append(kept, f)
			}
		}
		tables[i].Fields = kept
	}
	return tables
}

// sealedSince are the columns, "table.column", that a version after the first
// brought, each with that version. A batch is checked by the version it names.
var sealedSince = map[string]uint8{}

func (b *block[R]) sealed(time string) SealedTable {
	t := SealedTable{Name: b.table, Time: time}
	for _, c := range b.columns[:len(b.seals.fields)] {
		t.Fields = append(t.Fields, Field{Name: c.name, Type: string(c.data.Type())})
	}
	return t
}

// Canonical is an SQL expression for the text that a row hash is made of, without
// the byte in front.
func (t *SealedTable) Canonical() string {
	parts := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		parts[i] = netSQL(valueSQL(f))
	}
	return "concat(\n        " + strings.Join(parts, ",\n        ") + ")"
}

// RowHash is an SQL expression for H0 in upper-case hex.
func (t *SealedTable) RowHash() string {
	return `hex(SHA256(concat(unhex('00'), ` + t.Canonical() + `)))`
}

// digestSQL is an SQL expression for D in upper-case hex, over a group of rows that
// has row_ix and row_hash. A row that was delivered again counts once.
const digestSQL = `hex(SHA256(concat(unhex('02'), arrayStringConcat(arrayMap(x -> x.2, arraySort(groupUniqArray((row_ix, row_hash))))))))`

// RowHashes is a query for the rows of a table with their hashes. The condition
// narrows it, table is where they are read from.
func (t *SealedTable) RowHashes(table, condition string) string {
	return "SELECT\n    writer_id, writer_epoch, batch_id, row_ix, " + quote(t.Time) + " AS row_time, inserted_at,\n    " +
		t.RowHash() + " AS row_hash\nFROM " + table + condition
}

// BatchDigests is a query for what is stored of each batch: the rows, how many of
// them are there, and D.
func (t *SealedTable) BatchDigests(table, condition string) string {
	return "SELECT writer_id, writer_epoch, batch_id, uniqExact(row_ix) AS batch_rows, toUInt64(count() - uniqExact(row_ix, row_hash)) AS redelivered,\n    " +
		digestSQL + " AS batch_digest\nFROM (" + t.RowHashes(table, condition) + ")\nGROUP BY writer_id, writer_epoch, batch_id"
}

// netSQL is the netstring of an expression of type String.
func netSQL(value string) string {
	return "concat(toString(length(" + value + ")), ':', " + value + ", ',')"
}

// valueSQL is an expression for the text of a column.
func valueSQL(f Field) string {
	name := quote(f.Name)
	switch f.Type {
	case "String", "LowCardinality(String)":
		return name
	case "FixedString(16)":
		return "lower(hex(" + name + "))"
	case "UInt8", "UInt16", "UInt32", "UInt64":
		return "toString(" + name + ")"
	case "Nullable(UInt64)":
		return "ifNull(toString(" + name + "), '')"
	case "DateTime64(9, 'UTC')":
		return "toString(toUnixTimestamp64Nano(" + name + "))"
	case "Nullable(DateTime64(9, 'UTC'))":
		return "ifNull(toString(toUnixTimestamp64Nano(" + name + ")), '')"
	case "Nullable(Decimal(38, 12))":
		return "if(" + name + " IS NULL, '', toString(reinterpret(assumeNotNull(" + name + "), 'Int128')))"
	case "Array(String)", "Array(LowCardinality(String))":
		return "arrayStringConcat(arrayMap(x -> " + netSQL("x") + ", " + name + "))"
	case "Map(LowCardinality(String), String)":
		return pairsSQL(name)
	case "Array(Map(LowCardinality(String), String))":
		return "arrayStringConcat(arrayMap(m -> " + netSQL(pairsSQL("m")) + ", " + name + "))"
	}
	panic(fmt.Sprintf("column %s: no row hash for type %s", f.Name, f.Type)) // a mistake in a list of columns
}

func pairsSQL(m string) string {
	return "arrayStringConcat(arrayMap((k, v) -> concat(toString(length(k)), ':', k, ',', toString(length(v)), ':', v, ','), " +
		"mapKeys(mapSort(" + m + ")), mapValues(mapSort(" + m + "))))"
}
