package drift

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// MaxKinds is how many tools a Mix tells apart; the rest count as one.
const MaxKinds = 32

// Mix is how often an agent uses which tool, lately and usually. The zero value
// has seen nothing.
type Mix struct {
	kinds      []kind
	rest       kind
	last       int64 // second of the last call
	checked    int64 // hour of the last comparison
	age        float32
	hasStarted bool
}

type kind struct {
	hash       uint32
	fast, slow float32
}

// Add counts a call of the tool of this hash at a time in seconds since 1970. Once
// an hour it returns how far the fast mix is from the slow one, in bits of
// Jensen-Shannon divergence, and whether that is worth a word.
func (m *Mix) Add(p *Params, hash uint32, at int64) (bits float64, fired bool) {
	if !m.hasStarted {
		m.hasStarted, m.last, m.checked = true, at, at/3600
	}
	m.fade(p, at)
	if hour := at / 3600; hour > m.checked {
		m.checked = hour
		bits, fired = m.compare(p)
	}
	k := m.find(hash)
	k.fast++
	k.slow++
	return bits, fired
}

func (m *Mix) fade(p *Params, at int64) {
	dt := min(float64(at-m.last), day)
	if dt <= 0 {
		return
	}
	m.last = at
	m.age += float32(dt)
	f, s := float32(math.Exp(-dt/p.Fast)), float32(math.Exp(-dt/p.Slow))
	for i := range m.kinds {
		m.kinds[i].fast *= f
		m.kinds[i].slow *= s
	}
	m.rest.fast *= f
	m.rest.slow *= s
}

func (m *Mix) find(hash uint32) *kind {
	for i := range m.kinds {
		if m.kinds[i].hash == hash {
			return &m.kinds[i]
		}
	}
	if len(m.kinds) == MaxKinds {
		return &m.rest
	}
	m.kinds = append(m.kinds, kind{hash: hash})
	return &m.kinds[len(m.kinds)-1]
}

func (m *Mix) compare(p *Params) (bits float64, fired bool) {
	bits, calls := m.divergence()
	return bits, float64(m.age) >= p.Young && calls >= p.MixCalls && bits > p.MixBits
}

func (m *Mix) divergence() (bits, calls float64) {
	fast, slow := float64(m.rest.fast), float64(m.rest.slow)
	for i := range m.kinds {
		fast, slow = fast+float64(m.kinds[i].fast), slow+float64(m.kinds[i].slow)
	}
	if fast <= 0 || slow <= 0 {
		return 0, fast
	}
	half := func(p, q float64) float64 {
		if p <= 0 {
			return 0
		}
		return p / 2 * math.Log2(2*p/(p+q))
	}
	add := func(k *kind) {
		a, b := float64(k.fast)/fast, float64(k.slow)/slow
		bits += half(a, b) + half(b, a)
	}
	for i := range m.kinds {
		add(&m.kinds[i])
	}
	add(&m.rest)
	return min(1, max(0, bits)), fast
}

// Describe is the snapshot.
func (m *Mix) Describe(c *codec.Codec) {
	one := func(k *kind) {
		c.U32(&k.hash)
		c.F32(&k.fast)
		c.F32(&k.slow)
		if k.fast < 0 || k.slow < 0 {
			c.Fail()
		}
	}
	codec.Each(c, &m.kinds, MaxKinds, one)
	one(&m.rest)
	c.I64(&m.last)
	c.I64(&m.checked)
	c.F32(&m.age)
	c.Bool(&m.hasStarted)
}
