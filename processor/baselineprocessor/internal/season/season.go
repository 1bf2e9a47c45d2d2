// Package season knows which hours of the week are busier than those before. What
// it knows may explain a rate away and never makes an alarm. Time is the hour
// since 1970; no clock, no lock.
package season

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

const (
	hours  = 168
	visits = 3  // of an hour of the week before its factor is believed
	step   = 16 // steps of a factor of two in one byte
	quiet  = -96
)

// Week is the state of one key, about 360 bytes. The zero value has seen nothing.
type Week struct {
	ratio   [hours]int8 // to the mean of all hours, in steps
	seen    [hours]uint8
	mean    float64 // events an hour
	n       uint32  // hours
	hour    int64
	count   uint32 // events of the open hour
	started bool
}

// Observe counts events in the hour of their time. Events of an earlier hour than
// the open one are counted in the open one.
func (w *Week) Observe(hour int64, events uint32) {
	if !w.started {
		w.started, w.hour = true, hour
	}
	if hour > w.hour {
		w.close(hour)
	}
	w.count += min(events, math.MaxUint32-w.count)
}

// close learns the open hour and the empty ones after it, of a week at most.
func (w *Week) close(next int64) {
	w.learn(w.hour, float64(w.count))
	for h := max(w.hour+1, next-hours); h < next; h++ {
		w.learn(h, 0)
	}
	w.hour, w.count = next, 0
}

func (w *Week) learn(hour int64, events float64) {
	w.n = min(w.n, math.MaxUint32-1) + 1
	w.mean += max(1/float64(w.n), 1./(2*hours)) * (events - w.mean)
	target := float64(quiet)
	if events > 0 && w.mean > 0 {
		target = min(-quiet, max(quiet, step*math.Log2(events/w.mean)))
	}
	k := slot(hour)
	n := min(w.seen[k], visits) + 1
	w.ratio[k] = int8(math.Round(float64(w.ratio[k]) + (target-float64(w.ratio[k]))/float64(n)))
	w.seen[k] = min(w.seen[k], 254) + 1
}

// Factor is how many times busier the hour of the week is than the hour before
// it, at least 1; and 1 where either was not seen three times.
func (w *Week) Factor(hour int64) float64 {
	k, before := slot(hour), slot(hour-1)
	if w.seen[k] < visits || w.seen[before] < visits {
		return 1
	}
	return max(1, math.Exp2((float64(w.ratio[k])-float64(w.ratio[before]))/step))
}

func slot(hour int64) int { return int(((hour % hours) + hours) % hours) }

// Describe is the snapshot.
func (w *Week) Describe(c *codec.Codec) {
	for i := range w.ratio {
		b := uint8(w.ratio[i])
		c.U8(&b)
		w.ratio[i] = int8(b)
	}
	c.Raw(w.seen[:])
	c.F64(&w.mean)
	c.U32(&w.n)
	c.I64(&w.hour)
	c.U32(&w.count)
	c.Bool(&w.started)
	if w.mean < 0 {
		c.Fail()
	}
}
