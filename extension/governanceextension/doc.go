//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package governanceextension owns what spanwarden's components share: the
// spend ledger with its budgets and halts. It keeps that state in a storage
// extension, versions the policy files it reads, and answers the processors and
// the decision receiver through internal/governance.
package governanceextension
