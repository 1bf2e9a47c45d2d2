// Package chain rebuilds who let whom do what: agent runs, the delegations
// between them, the authority that reaches each action, and the verdict about
// each chain.
//
// An [Engine] takes small records of spans, grants, approvals and halts in any
// order, each any number of times, and answers with [Event]s: plain facts that
// other packages turn into span attributes, findings and rows. Every verdict is
// a pure function of the set of facts known, so late input is harmless: it makes
// a new revision. What is missing is never called unbroken.
//
// The package knows no clock, lock, logger or collector: time is a parameter.
// An Engine has one owner; its methods must not run at once.
package chain
