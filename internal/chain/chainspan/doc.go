// Package chainspan turns spans, as internal/genai reads them, and hook events
// into the records of internal/chain.
//
// All reading of attributes goes through [Names], so that a name that a later
// convention settles on is a change of a table. Records share memory with the
// spans they were read from; the engine copies what it keeps.
package chainspan
