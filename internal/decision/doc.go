// Package decision is what a runtime decision is: a question about one action,
// what is answered, the record that proves it, and how it fits what was done
// afterwards. It takes values and returns values: no clock, no lock, no logger,
// no goroutine. Time and randomness are parameters. What keeps state (Chain,
// Rates, Approvals, Grants, Matcher) has one owner.
package decision
