//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package delegationprocessor rebuilds who let whom do what from span links,
// parents and ids: it attaches run, chain and delegation to spans, and sends
// runs, edges, chains and their verdicts along as records and findings.
package delegationprocessor
