package pricing

import (
	"math"
	"strings"
	"time"
)

// rate is a price: pico-USD (or 10⁻¹² of the entry's currency) for per units.
type rate struct{ pico, per uint64 }

// tariff holds the price of each meter. own are the meters it prices itself,
// assumed those whose price is borrowed from another row.
type tariff struct {
	rates        [numMeters]rate
	own, assumed uint32
}

func (t *tariff) set(m Meter, r rate) {
	t.rates[m] = r
	t.own |= 1 << m
	t.assumed &^= 1 << m
}

func (t *tariff) has(m Meter) bool { return t.own&(1<<m) != 0 }

// level is the tariff of prompts above a size.
type level struct {
	above    int64
	marginal bool
	label    string
	tariff   tariff
}

// whenKey is a property of a call that a row can ask for.
type whenKey uint8

const (
	whenTier whenKey = iota
	whenSpeed
	whenRegion
	whenPlatform
	numWhen
)

var whenNames = [numWhen]string{"tier", "speed", "region", "platform"}

// condition is one "when" of a row: any of the values will do.
type condition struct {
	key    whenKey
	values []string
	labels []string
}

// row is a dated price, with what it asks for. Times are Unix seconds.
type row struct {
	from, to  int64
	fromText  string
	conds     []condition
	clock     *clock
	n         int // conditions, the clock included
	base      tariff
	levels    []level // by size
	minimum   [numMeters]int64
	multiply  factor // of a row that only multiplies
	sourceRow int
}

// entry is one compiled entry.
type entry struct {
	id       string
	provider string
	model    string // the id without its provider
	source   sourceDef
	currency string
	rows     []row // prices
	factors  []row // multipliers
	names    []string
}

const (
	minTime = math.MinInt64
	maxTime = math.MaxInt64
)

// clock limits a row to hours of the day.
type clock struct {
	ranges [][2]int // seconds of the UTC day, half-open
	days   uint8    // bits by time.Weekday; 0 = all
	offset int      // seconds east, for the day
	except map[int]bool
	label  string
}

func (c *clock) holds(t time.Time) bool {
	t = t.UTC()
	local := t.Unix() + int64(c.offset)
	day := floorDiv(local, 86400)
	if c.days != 0 && c.days&(1<<floorMod(day+4, 7)) == 0 { // 1970-01-01 was a Thursday
		return false
	}
	if len(c.except) > 0 && c.except[dayOf(time.Unix(local, 0))] {
		return false
	}
	second := int(floorMod(t.Unix(), 86400))
	for _, r := range c.ranges {
		if second >= r[0] && second < r[1] {
			return true
		}
	}
	return false
}

func floorDiv(a, b int64) int64 { return (a - floorMod(a, b)) / b }
func floorMod(a, b int64) int64 { return ((a % b) + b) % b }

// call are the properties of one call that rows ask for, as the query spells them.
type call struct {
	at   time.Time
	unix int64
	vals [numWhen]string
}

// holds reports whether all conditions of the row hold.
func (r *row) holds(c *call) bool {
	if c.unix < r.from || c.unix >= r.to {
		return false
	}
	for i := range r.conds {
		if r.conds[i].index(c) < 0 {
			return false
		}
	}
	return r.clock == nil || r.clock.holds(c.at)
}

// index returns which of the values the call has, or -1.
func (d *condition) index(c *call) int {
	for i, v := range d.values {
		if strings.EqualFold(c.vals[d.key], v) {
			return i
		}
	}
	return -1
}

// pick returns the row with the most conditions among those that hold. Loading
// has made sure that there is one at most.
func (e *entry) pick(c *call) *row {
	var best *row
	for i := range e.rows {
		r := &e.rows[i]
		if (best == nil || r.n > best.n) && r.holds(c) {
			best = r
		}
	}
	return best
}
