// Package boundaryprocessor holds what agents did against the registry of what
// they may do: each action against the version in force when it began. What
// cannot be seen is never called respected.
package boundaryprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
