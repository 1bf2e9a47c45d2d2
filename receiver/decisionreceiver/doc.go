//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package decisionreceiver answers, over HTTP, what agents, gateways and operators
// ask of the governance extension: may this agent do this now, what is halted,
// what was spent. Each decision becomes a span in the asker's trace.
package decisionreceiver
