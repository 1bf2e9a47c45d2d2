// Package level judges one series of numbers against its own history: a level, a
// shift, a change of spread, a value outside everything seen. Constant work and
// memory a value; no clock, no lock.
package level

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/stats"
)

// Params are the choices about a series. They were chosen once, on the tuning
// half of NAB, for all series alike; see README.md.
type Params struct {
	HalfLife float64 // of level and scale, in values
	Near     float64 // weight of the newest value in the near level
	Far      float64 // and in the far one
	Clip     float64 // how many deviations one value may move the level
	Warm     uint32  // values before anything is judged
	Mature   float64 // values after which a score counts half
	Mix      float64 // share of the bare evidence in the score; the rest is its own rarity
	Excess   float64 // share of the range by which a value outside it counts
	Rotate   uint32  // values after which an extreme begins to be forgotten
	Quiet    uint32  // values during which a score must exceed those before it
	Margin   float64 // by how much
	Explain  float64 // share of an earlier day's score at this hour that explains one away
	Fade     float64 // what remains of that after a day
	// Threshold is the score from which a value is reported.
	Threshold float64

	// Distances and Rarity are how the tails count.
	Distances, Rarity stats.Shape
}

// Defaults returns the parameters that everything is measured with.
func Defaults() Params {
	return Params{
		HalfLife: 1000, Near: .08, Far: .02, Clip: 4, Warm: 50, Mature: 200, Mix: .3, Excess: .05, Rotate: 10_000,
		Quiet: 65, Margin: .1, Explain: .85, Fade: .88, Threshold: .185,
		Distances: stats.NewShape(.3, 1.2, 10_000),
		Rarity:    stats.NewShape(1, 1.3, 10_000),
	}
}

const (
	level  = iota // of the value from the level
	near          // of the near level from it
	far           // of the far level
	spread        // of the spread of late from the scale
	distances
)

const slots = 24 // hours of the day

// toDeviation turns a mean absolute deviation into a standard deviation, for
// values that are normally distributed: the square root of pi/2.
const toDeviation = 1.2533

// Series is the state of one series. The zero value has seen nothing.
type Series struct {
	n               uint32
	mean, scale     float64
	near, far, late float64
	low, high       float32 // of the half window being filled
	oldLow, oldHigh float32 // of the one before
	tails           [distances]stats.Tail
	rarity          stats.Tail
	recent, earlier float32 // highest scores of this stretch of Quiet values and the one before
	day             int32
	today, before   [slots]uint8 // highest scores by hour, of today and, fading, of the days before
}

// Unknown is the hour of a value whose time is not known.
const Unknown = math.MinInt64

// Reading is what one value is worth.
type Reading struct {
	// Score is in [0, 1]: above Params.Threshold it is worth a report. It is 0 while
	// a score before it, or the same hour of another day, explains it.
	Score float64
	// Bare is the score before it was explained.
	Bare float64
	// P is how likely a value as far from the level is, by this series' own history.
	P float64
	// Expected is the level and Deviation the standard deviation before the value.
	Expected, Deviation float64
	// N is how many values came before.
	N int
	// Outside tells that the value left the range of all before it.
	Outside bool
}

// N is how many values were seen.
func (s *Series) N() int { return int(s.n) }

// Mean is the level.
func (s *Series) Mean() float64 { return s.mean }

// Observe judges x by the values before it, and then learns it. hour is the hour
// of its time since 1970, or Unknown. A NaN or an infinity is ignored.
func (s *Series) Observe(p *Params, x float64, hour int64) Reading {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return Reading{P: 1, Expected: s.mean, N: int(s.n)}
	}
	r := s.judge(p, x)
	s.learn(p, x)
	r.Score = s.explain(p, r.Bare, hour)
	return r
}

// Peek returns how likely a value as far above the level as x is, without
// learning anything: 1 at or below it.
func (s *Series) Peek(p *Params, x float64) float64 {
	if s.n <= p.Warm || !(x > s.mean) || !(s.scale > 0) {
		return 1
	}
	return s.tails[level].P(p.Distances, (x-s.mean)/s.deviation())
}

func (s *Series) deviation() float64 {
	return toDeviation*s.scale + 1e-9*(math.Abs(s.mean)+1e-6)
}

func (s *Series) judge(p *Params, x float64) Reading {
	if s.n == 0 {
		s.mean, s.near, s.far = x, x, x
		s.low, s.high, s.oldLow, s.oldHigh = float32(x), float32(x), float32(x), float32(x)
	}
	r := Reading{P: 1, Expected: s.mean, Deviation: s.deviation(), N: int(s.n)}
	excess := s.excess(x)
	first := 1 / float64(s.n+1)
	s.near += max(p.Near, first) * (x - s.near)
	s.far += max(p.Far, first) * (x - s.far)
	evidence := 0.0 // nats
	for k, d := range s.distances(x, r.Deviation) {
		q := 1.0
		if s.n > p.Warm {
			q = s.tails[k].P(p.Distances, d)
		}
		if s.n > 10 {
			s.tails[k].Add(p.Distances, d)
		}
		if k == level {
			r.P = q
		}
		evidence -= math.Log(q)
	}
	r.Bare = s.score(p, evidence)
	if excess > p.Excess {
		r.Outside = true
		r.Bare = max(r.Bare, .5+.5*min(1, excess))
	}
	return r
}

// excess is how far x lies outside the range so far, as a share of the range.
func (s *Series) excess(x float64) float64 {
	lo, hi := float64(min(s.low, s.oldLow)), float64(max(s.high, s.oldHigh))
	if hi > lo {
		return max(x-hi, lo-x, 0) / (hi - lo)
	}
	return 0
}

func (s *Series) distances(x, deviation float64) (d [distances]float64) {
	if !(s.scale > 0) {
		return d
	}
	d[level] = math.Abs(x-s.mean) / deviation
	d[near] = math.Abs(s.near-s.mean) / deviation
	d[far] = math.Abs(s.far-s.mean) / deviation
	if s.late > 0 {
		d[spread] = math.Abs(math.Log(s.late / s.scale))
	}
	return d
}

// score joins the evidence with how rare so much evidence is in this series: some
// series are full of it.
func (s *Series) score(p *Params, evidence float64) float64 {
	rare := 1.0
	if s.n > p.Warm {
		x := math.Exp(min(evidence, 40) / 2)
		rare = s.rarity.P(p.Rarity, x)
		s.rarity.Add(p.Rarity, x)
	}
	const full = 12 // orders of magnitude
	q := (1-p.Mix)*min(1, -math.Log10(rare)/full) + p.Mix*min(1, evidence/math.Ln10/full)
	n := float64(s.n)
	return .9 * q * n / (n + p.Mature)
}

func (s *Series) learn(p *Params, x float64) {
	first := 1 / float64(s.n+1)
	a := max(stats.Forget(p.HalfLife), first)
	d := x - s.mean
	s.late += max(p.Near, first) * (math.Abs(d) - s.late)
	if s.n > 100 && s.scale > 0 {
		most := p.Clip * toDeviation * s.scale
		d = min(most, max(-most, d))
	}
	s.mean += a * d
	s.scale += a * (math.Abs(d) - s.scale)
	s.low, s.high = min(s.low, float32(x)), max(s.high, float32(x))
	s.n++
	if s.n%p.Rotate == 0 {
		s.oldLow, s.oldHigh = s.low, s.high
		s.low, s.high = float32(x), float32(x)
	}
}

// explain takes away what the same hour of an earlier day, or a score shortly
// before, explains. It never adds.
func (s *Series) explain(p *Params, q float64, hour int64) float64 {
	if hour != Unknown {
		q = s.season(p, q, hour)
	}
	if (s.n-1)%p.Quiet == 0 {
		s.earlier, s.recent = s.recent, 0
	}
	before := float64(max(s.recent, s.earlier))
	s.recent = max(s.recent, float32(q))
	if q > before+p.Margin {
		return q
	}
	return 0
}

func (s *Series) season(p *Params, q float64, hour int64) float64 {
	day := int32(floorDiv(hour, slots))
	k := int(hour - int64(day)*slots)
	if day != s.day {
		if s.n > 1 { // the first value begins the first day
			for i := range s.before {
				s.before[i] = max(uint8(p.Fade*float64(s.before[i])), s.today[i])
			}
		}
		s.day, s.today = day, [slots]uint8{}
	}
	known := float64(max(s.before[k], s.before[(k+1)%slots], s.before[(k+slots-1)%slots])) / math.MaxUint8
	s.today[k] = max(s.today[k], uint8(math.Ceil(q*math.MaxUint8)))
	if q <= known*p.Explain {
		return 0
	}
	return q
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Describe is the snapshot.
func (s *Series) Describe(c *codec.Codec) {
	c.U32(&s.n)
	for _, f := range []*float64{&s.mean, &s.scale, &s.near, &s.far, &s.late} {
		c.F64(f)
	}
	for _, f := range []*float32{&s.low, &s.high, &s.oldLow, &s.oldHigh, &s.recent, &s.earlier} {
		c.F32(f)
	}
	for i := range s.tails {
		s.tails[i].Describe(c)
	}
	s.rarity.Describe(c)
	day := int64(s.day)
	c.I64(&day)
	s.day = int32(day)
	c.Raw(s.today[:])
	c.Raw(s.before[:])
	if s.scale < 0 || s.late < 0 {
		c.Fail()
	}
}
