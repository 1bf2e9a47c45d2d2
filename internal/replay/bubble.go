package replay

import (
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs f, and all goroutines that it starts, under a clock of their own
// that stands still while any of them works and goes on to the next timer when all
// wait. It starts at the beginning of 2000 and returns when all have ended. Two
// bubbles may run at once.
//
// It is what testing/synctest does for tests, and the only way to give a component
// another clock that knows nothing of it: tickers and time.Now included. A
// testing.T that nobody reports to is all that it asks for; TestTheClockOfABubble
// holds a new version of Go against that.
//
// What waits for something from outside (a channel made outside, a file, a
// connection) counts as work: time stands still until it is there.
func inBubble(f func()) {
	synctest.Test(new(testing.T), func(*testing.T) { f() })
}

// sleepUntil lets time go on to t, and everything that is due before it happen.
func sleepUntil(t time.Time) {
	if d := time.Until(t); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
}
