// Package costprocessor prices model calls: exactly, from an embedded price book
// and the operator's own prices and contracts, with the provenance of each price.
// A call without a trustworthy price has no cost, never 0.
package costprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
