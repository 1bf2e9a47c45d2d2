// Package conformance holds what an observer knows about recorded agent runs
// against what really happened.
//
// A corpus is a folder of runs: `<scenario>.jsonl` with one OTLP JSON
// ExportTraceServiceRequest a line, as an agent stack sent it, and `truth.json`,
// the ledger of the model server and of the tools. The observer may be the
// kernel of internal/genai or SQL on the audit store: either fills an Observed.
//
// The package knows no collector, no store and no clock.
package conformance
