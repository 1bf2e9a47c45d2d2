package ledger

import (
	"math"
	"time"
)

// pace is a projection in ledger units, without what only an event tells.
type pace struct {
	spent, long, short float64 // rates a second
	low, high          float64
	ahead              time.Duration
	known, enough      bool // there is a pace; it is above the floors
}

// pace says how fast the balance grows, as seen at the time now.
func (c *cell) pace(b *Budget, now int64) (p pace) {
	if b.projection == nil || c.now.first == 0 || now < c.now.first {
		return p
	}
	t := c.at(b, now)
	p.ahead = b.projection.horizon
	if c.end != 0 && p.ahead == 0 {
		p.ahead = time.Duration(max(0, c.end-now))
	}
	elapsed := seconds(t.last - t.first)
	if elapsed <= 0 || t.first == 0 {
		return p
	}
	p.known, p.spent = true, t.in(b).Float()
	p.enough = t.calls+t.tools >= b.projection.calls && elapsed >= b.projection.elapsed.Seconds() && p.spent >= b.projection.spend
	h := b.halfLife
	p.long = p.spent / elapsed
	p.short = c.ewma * fade(seconds(now-c.now.last)/h) * math.Ln2 / h
	if age := seconds(now-c.now.first) / h; age < 54 { // beyond that a double is 1 anyway
		// Without the correction a young average would read far below the truth.
		p.short /= 1 - fade(age)
	}
	ahead := p.ahead.Seconds()
	p.low, p.high = p.spent+min(p.long, p.short)*ahead, p.spent+max(p.long, p.short)*ahead
	return p
}

// project says where the balance is heading as seen at the time now.
func (c *cell) project(b *Budget, now int64) (Projection, bool) {
	p := c.pace(b, now)
	out := Projection{Horizon: p.ahead, Confidence: 1}
	if c.end != 0 {
		out.Confidence = min(1, seconds(now-c.start)/seconds(c.end-c.start))
	}
	if !p.known {
		return out, false
	}
	scale := b.Unit.Scale()
	out.RateLong, out.RateShort = p.long/scale, p.short/scale
	out.Low, out.High = p.low/scale, p.high/scale
	left := b.Limit.Float() - p.spent
	out.ExhaustEarliest = exhaustion(now, left, max(p.long, p.short))
	out.ExhaustLatest = exhaustion(now, left, min(p.long, p.short))
	return out, p.enough
}

// later is the high end of the projection for the question whether it is over.
// Idle time counts here: the long rate falls while nothing is spent, where
// project keeps the one of the last charge.
func (p *pace) later(c *cell, now int64) float64 {
	if !p.known || now <= c.now.last {
		return p.high
	}
	return p.spent + max(p.spent/seconds(now-c.now.first), p.short)*p.ahead.Seconds()
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
