// Package retention takes out of the store what is older than the policy keeps it,
// and keeps in it what somebody holds. Everything that goes is on record, signed,
// before it goes. There is no clock in here: callers say what time it is.
package retention
