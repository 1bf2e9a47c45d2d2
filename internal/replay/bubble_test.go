package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The bubble is made for tests; this is what the package relies on outside them.
func TestTheClockOfABubble(t *testing.T) {
	began := time.Now()
	rows := make(chan int)
	go func() {
		defer close(rows)
		for i := range 3 {
			rows <- i
		}
	}()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	ticks, seen := 0, 0
	inBubble(func() {
		sleepUntil(start)
		assert.True(t, time.Now().Equal(start), "time jumps to where nothing is due before")
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					ticks++
				}
			}
		}()
		for range rows { // from outside: time stands still meanwhile
			seen++
			sleepUntil(start.Add(time.Duration(seen) * time.Hour))
		}
		close(stop)
		<-done
	})
	assert.Equal(t, 3, seen)
	assert.Equal(t, 3*3600, ticks, "every tick happens")
	assert.Less(t, time.Since(began), 3*time.Hour, "and none is waited for")
}
