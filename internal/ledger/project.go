package ledger

import (
	"math"
	"time"
)

// project says where the balance is heading as seen at the time now.
func (c *cell) project(b *Budget, now int64) (Projection, bool) {
	p := b.projection
	if p == nil || c.now.first == 0 || now < c.now.first {
		return Projection{}, false
	}
	t := c.at(b, now)
	enough := true
	scale := b.Unit.Scale()
	elapsed := seconds(t.last - t.first)
	spent := t.in(b).Float()
	out := Projection{Horizon: p.horizon, Confidence: 1}
	if c.end != 0 {
		if p.horizon == 0 {
			out.Horizon = time.Duration(max(0, c.end-now))
		}
		out.Confidence = min(1, seconds(now-c.start)/seconds(c.end-c.start))
	}
	if elapsed <= 0 || t.first == 0 {
		return out, false
	}
	if t.calls+t.tools < p.calls || elapsed < p.elapsed.Seconds() || spent < p.spend {
		enough = false
	}
	h := b.halfLife
	faded := c.ewma * fade(seconds(now-c.now.last)/h)
	long := spent / elapsed
	short := faded * math.Ln2 / h
	if age := seconds(now-c.now.first) / h; age < 54 { // beyond that a double is 1 anyway
		// Without the correction a young average would read far below the truth.
		short /= 1 - fade(age)
	}
	out.RateLong, out.RateShort = long/scale, short/scale
	ahead := out.Horizon.Seconds()
	out.Low, out.High = (spent+min(long, short)*ahead)/scale, (spent+max(long, short)*ahead)/scale
	left := b.Limit.Float() - spent
	out.ExhaustEarliest = exhaustion(now, left, max(long, short))
	out.ExhaustLatest = exhaustion(now, left, min(long, short))
	return out, enough
}

// high is the high end of the projection for the question whether it is over.
// Idle time counts here: the long rate falls while nothing is spent, where
// project keeps the one of the last charge.
func (p *Projection) high(c *cell, b *Budget, now int64) float64 {
	if p.High == 0 || c.now.first == 0 || now <= c.now.last {
		return p.High
	}
	t := c.at(b, now)
	spent := t.in(b).Float()
	long := spent / seconds(now-c.now.first)
	return (spent + max(long, p.RateShort*b.Unit.Scale())*p.Horizon.Seconds()) / b.Unit.Scale()
}

// fade is the share of an amount that is left after so many half-lives.
func fade(halves float64) float64 {
	if halves == 0 {
		return 1 // the usual case, and Exp2 is slow
	}
	if halves > 1024 {
		return 0
	}
	return math.Exp(-halves * math.Ln2)
}

// exhaustion is when the rest is used up; zero if not within a century.
func exhaustion(now int64, left, rate float64) time.Time {
	s := left / rate
	if !(s >= 0) || s > 100*365*86400 {
		return time.Time{}
	}
	return time.Unix(0, now).Add(time.Duration(s * 1e9)).UTC()
}
