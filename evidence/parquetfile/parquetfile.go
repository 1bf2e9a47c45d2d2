// Package parquetfile writes an answer of the audit store as a Parquet file whose
// columns have the types that they have in the store. It has no clock and no
// connection.
package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/spanwarden/spanwarden/evidence"
)

// Write writes the answer, compressed with Zstandard. Metadata are pairs for the
// file's footer.
func Write(w io.Writer, a *evidence.Answer, metadata map[string]string) error {
	cells := make([]cell, len(a.Columns))
	fields := make([]reflect.StructField, len(a.Columns))
	for i, name := range a.Columns {
		cells[i] = cellOf(a.Types[i])
		// The names of the struct's fields are nobody's; order and tag count.
		fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: cells[i].typ, Tag: reflect.StructTag(fmt.Sprintf("parquet:%q%s", name+cells[i].tag, cells[i].tags))}
	}
	record := reflect.StructOf(fields)
	schema := parquet.NewSchema("answer", parquet.SchemaOf(reflect.New(record).Interface()))
	options := append(make([]parquet.WriterOption, 0, 3+len(metadata)), schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("spanwarden", "", ""))
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		options = append(options, parquet.KeyValueMetadata(k, metadata[k]))
	}
	pw := parquet.NewWriter(w, options...)
	for n, row := range a.Rows {
		v := reflect.New(record)
		for i := range cells {
			if err := cells[i].set(v.Elem().Field(i), row[i]); err != nil {
				return errors.Join(fmt.Errorf("row %d, column %s: %w", n, a.Columns[i], err), pw.Close())
			}
		}
		if err := pw.Write(v.Interface()); err != nil {
			return errors.Join(fmt.Errorf("row %d: %w", n, err), pw.Close())
		}
	}
	return pw.Close()
}
