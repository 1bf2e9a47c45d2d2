//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package checkedstorageextension stands between components and file_storage: it
// looks at each file before bbolt does, sets a damaged one aside with what can be
// read of it carried over, and gives each value a checksum.
package checkedstorageextension
