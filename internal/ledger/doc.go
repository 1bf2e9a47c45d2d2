// Package ledger keeps what was spent, what is projected and what is halted.
//
// A [Ledger] takes each [Charge] once and answers with [Event]s: plain facts
// that another package turns into findings. It knows no clock, lock, logger or
// storage: time is a parameter, state goes out and in as bytes. A Ledger has one
// owner; its methods must not run at once. [Budgets] are immutable and may be
// shared freely.
//
// Balances are exact integers (pico-USD, tokens, calls, nanoseconds) of 128
// bits. Rates and projections are doubles: they are estimates anyway.
package ledger
