// Package tlog is the tamper-evident log of one writer of the audit store: its
// leaves, the Merkle tree over them (RFC 6962), signed checkpoints and proofs. It
// knows neither store nor clock, holds no lock, and nothing here is safe for
// concurrent use. README.md gives the formats.
package tlog
