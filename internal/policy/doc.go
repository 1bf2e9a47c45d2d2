// Package policy holds actions of agents against the registry of what they may
// do. It takes values and returns values: no clock, no lock, no logger, no
// goroutine. A Registry is immutable once loaded and safe for concurrent use; a
// Request and a Result belong to one caller at a time.
//
// Everything is judged in three values. What is not known is [Unknown], never
// true: the verdict about an action that was seen only in part is
// not_evaluated, and at run time an unknown fact never allows anything.
package policy
