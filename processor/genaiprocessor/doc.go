// Package genaiprocessor reads the GenAI spans of every common SDK, framework and
// instrumentation and writes one canonical view of them as spanwarden.*
// attributes. Original attributes stay as they are.
package genaiprocessor

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
