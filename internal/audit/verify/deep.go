package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// rawField reads one field of a row as the store keeps it, and gives the text that
// is hashed. Nothing of the store's own hashing is used.
type rawField struct {
	columns []string
	into    []any
	text    func() string
}

const picos = 12 // digits of Decimal(38, 12)

// rawOf returns how a field is read; the README of audit gives the texts.
func rawOf(f *audit.Field) (rawField, error) {
	name := "`" + f.Name + "`"
	one := func(into any, text func() string) (rawField, error) {
		return rawField{[]string{name}, []any{into}, text}, nil
	}
	switch f.Type {
	case "String", "LowCardinality(String)":
		v := new(string)
		return one(v, func() string { return *v })
	case "FixedString(16)":
		v := new([16]byte)
		return one(v, func() string { return hex.EncodeToString(v[:]) })
	case "UInt8":
		v := new(uint8)
		return one(v, func() string { return strconv.FormatUint(uint64(*v), 10) })
	case "UInt16":
		v := new(uint16)
		return one(v, func() string { return strconv.FormatUint(uint64(*v), 10) })
	case "UInt32":
		v := new(uint32)
		return one(v, func() string { return strconv.FormatUint(uint64(*v), 10) })
	case "UInt64":
		v := new(uint64)
		return one(v, func() string { return strconv.FormatUint(*v, 10) })
	case "Nullable(UInt64)":
		v := new(*uint64)
		return one(v, orNothing(v, func(n uint64) string { return strconv.FormatUint(n, 10) }))
	case "DateTime64(9, 'UTC')":
		v := new(time.Time)
		return one(v, func() string { return strconv.FormatInt(v.UnixNano(), 10) })
	case "Nullable(DateTime64(9, 'UTC'))":
		v := new(*time.Time)
		return one(v, orNothing(v, func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }))
	case "Nullable(Decimal(38, 12))":
		v := new(*decimal.Decimal)
		return one(v, orNothing(v, func(d decimal.Decimal) string { return d.Shift(picos).BigInt().String() }))
	case "Array(String)", "Array(LowCardinality(String))":
		v := new([]string)
		return one(v, func() string { return netTexts(*v) })
	case "Map(LowCardinality(String), String)":
		k, v := new([]string), new([]string)
		return rawField{[]string{name + ".keys", name + ".values"}, []any{k, v}, func() string { return netPairs(*k, *v) }}, nil
	case "Array(Map(LowCardinality(String), String))":
		k, v := new([][]string), new([][]string)
		return rawField{
			[]string{"arrayMap(m -> mapKeys(m), " + name + ")", "arrayMap(m -> mapValues(m), " + name + ")"},
			[]any{k, v},
			func() string {
				maps := make([]string, len(*k))
				for i := range *k {
					maps[i] = netPairs((*k)[i], (*v)[i])
				}
				return netTexts(maps)
			},
		}, nil
	}
	return rawField{}, fmt.Errorf("column %s: no row hash for type %s", f.Name, f.Type)
}

func orNothing[T any](v **T, text func(T) string) func() string {
	return func() string {
		if *v == nil {
			return ""
		}
		return text(**v)
	}
}

func netTexts(elements []string) string {
	var b strings.Builder
	for _, e := range elements {
		b.WriteString(tlog.Netstring(e))
	}
	return b.String()
}

// netPairs sorts by key, and what has the same key by value.
func netPairs(keys, values []string) string {
	order := make([]int, min(len(keys), len(values)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(keys[a], keys[b]), strings.Compare(values[a], values[b]))
	})
	var b strings.Builder
	for _, i := range order {
		b.WriteString(tlog.Netstring(keys[i]) + tlog.Netstring(values[i]))
	}
	return b.String()
}

// rawBatch is what was read of a batch: the hashes of its rows by row_ix.
type rawBatch struct {
	rows []rawRow
}

type rawRow struct {
	ix   uint32
	hash string // upper-case hex
}

// found computes what SQL computes elsewhere: rows that are there twice and alike
// count once.
func (b *rawBatch) found() found {
	slices.SortFunc(b.rows, func(x, y rawRow) int { return cmp.Or(cmp.Compare(x.ix, y.ix), strings.Compare(x.hash, y.hash)) })
	all := len(b.rows)
	b.rows = slices.Compact(b.rows)
	f := found{redelivered: uint64(all - len(b.rows))}
	h := sha256.New()
	h.Write([]byte{2})
	for i := range b.rows {
		if i == 0 || b.rows[i].ix != b.rows[i-1].ix {
			f.rows++
		}
		h.Write([]byte(b.rows[i].hash))
	}
	f.digest = fmt.Sprintf("%X", h.Sum(nil))
	return f
}

// deepDigests is digests without the store's help: rows are read as they are.
func (v *verifier) deepDigests(ctx context.Context, t *audit.SealedTable, condition string) (map[group]found, error) {
	fields := make([]rawField, len(t.Fields))
	columns := []string{"writer_id", "writer_epoch", "batch_id", "row_ix"}
	var g group
	var id [16]byte
	var ix uint32
	into := []any{&g.writer, &g.epoch, &id, &ix}
	for i := range t.Fields {
		f, err := rawOf(&t.Fields[i])
		if err != nil {
			return nil, err
		}
		fields[i] = f
		columns, into = append(columns, f.columns...), append(into, f.into...)
	}
	rows, err := v.conn.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.Name+v.suffix+condition)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	batches := map[group]*rawBatch{}
	values := make([]string, len(fields))
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range fields {
			values[i] = fields[i].text()
		}
		g.table, g.batch = t.Name, hex.EncodeToString(id[:])
		if batches[g] == nil {
			batches[g] = &rawBatch{}
		}
		batches[g].rows = append(batches[g].rows, rawRow{ix, tlog.RowHash(values)})
	}
	have := map[group]found{}
	for g, b := range batches {
		have[g] = b.found()
	}
	return have, rows.Err()
}
