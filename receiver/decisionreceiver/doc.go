//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package decisionreceiver answers over HTTP what agents, gateways and operators
// ask of the governance extension. Today that is the operators' part: halts in
// force, setting one and releasing one, and what a scope has spent.
package decisionreceiver
