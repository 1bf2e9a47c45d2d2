// Package pricing says what a model call costs, exactly and with its reasons.
//
// A [Book] is an immutable snapshot of prices: the embedded price list, the
// overlay kept by hand beside it, and the operator's overrides and contracts.
// [Book.Price] turns one [Query] into one [Result]. It is a pure function: no
// clock, no lock, no logging, no allocation. Any number of goroutines may use a
// Book at once, and a reload makes a new one.
//
// Two rules shape everything here. A price that is not known is never 0: an
// [Amount] that is unknown cannot be read as a number. And a wrong price is
// worse than none: a model is matched to an entry by a name which that entry
// lists, never because one name begins with the other.
//
// Money is counted in whole pico-USD, 10⁻¹² USD. A price of at most six decimals
// per million tokens is a whole number of them per token, so sums are exact and
// do not depend on order.
package pricing
