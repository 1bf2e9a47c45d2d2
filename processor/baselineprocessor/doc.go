// Package baselineprocessor compares what agents do with what they usually do:
// rates, errors, tokens, cost, duration, loops, values that a tool brought in,
// slow drift. What departs is a finding on the span that proved it, explained in
// one sentence.
package baselineprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
