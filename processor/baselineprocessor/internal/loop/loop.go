// Package loop finds an agent that goes round in circles: the last calls of a
// session, compared by hashes of what was called and what came back. Its limits
// are fixed and never learned. Meaning is not judged: an agent that stalls in
// ever new words is not seen.
package loop

import "github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"

// Params are the limits.
type Params struct {
	Results  int // same call with the same result, in a row
	Errors   int // same call that fails, in a row
	Periods  int // repetitions of a cycle of two or three calls
	Messages int // same message of the agent, without a call between
	Critical int // repeats from which a loop is critical
	Variety  float64
}

// Defaults returns the limits that everything is measured with.
func Defaults() Params {
	return Params{Results: 4, Errors: 3, Periods: 3, Messages: 3, Critical: 8, Variety: .25}
}

// Size is how many calls are remembered.
const Size = 32

// Call is one call as the rules see it.
type Call struct {
	Tool   uint32 // hash of the tool's name
	Exact  uint32 // of the tool and its canonical arguments
	Near   uint32 // of the same without digits and ids
	Result uint32 // of what came back; of its size where content is not recorded; 0 is unknown
	Failed bool
	// Known tells whether arguments were recorded. Without them two calls of a tool
	// are not known to be the same.
	Known bool
}

// Rule names what repeats.
type Rule string

// The rules.
const (
	None          Rule = ""
	SameResult    Rule = "same_call_same_result"
	SameError     Rule = "same_call_error"
	Cycle         Rule = "cycle"
	SameMessage   Rule = "same_message"
	NearResult    Rule = "near_call_same_result"
	NearError     Rule = "near_call_error"
	LittleVariety Rule = "little_variety"
)

// Verdict is what the newest call completes.
type Verdict struct {
	Rule     Rule
	Repeats  int // calls in a row, periods of a cycle, or calls looked at
	Period   int // of a cycle
	Critical bool
	// Near tells that only digits or ids differ: one severity lower.
	Near bool
}

// Ring is the state of one session. The zero value has seen nothing.
type Ring struct {
	calls    [Size]Call
	n        uint32
	result   uint16 // calls in a row with equal Exact and Result
	failed   uint16 // with equal Exact, failed
	nearRes  uint16
	nearFail uint16
	two      uint16 // calls in a row equal to the one two before
	three    uint16
	message  uint32
	messages uint16
}

// N is how many calls were seen.
func (r *Ring) N() int { return int(r.n) }

func inc(v *uint16, same bool) {
	if !same {
		*v = 1
		return
	}
	*v = min(*v, 65534) + 1
}

func (r *Ring) at(back int) *Call { return &r.calls[(int(r.n)-back)%Size] }

// Message notes what the agent said, and judges it. hash is of its text.
func (r *Ring) Message(p *Params, hash uint32) Verdict {
	inc(&r.messages, r.messages > 0 && r.message == hash)
	r.message = hash
	if int(r.messages) >= p.Messages {
		return Verdict{Rule: SameMessage, Repeats: int(r.messages), Critical: int(r.messages) >= p.Critical}
	}
	return Verdict{}
}

// Add notes a call and judges it.
func (r *Ring) Add(p *Params, c Call) Verdict {
	r.messages = 0
	var before Call
	if r.n > 0 {
		before = *r.at(1)
	}
	any1 := r.n > 0
	sameCall := any1 && before.Exact == c.Exact
	nearCall := any1 && before.Near == c.Near
	sameRes := c.Known && before.Known && c.Result != 0 && before.Result == c.Result
	inc(&r.result, sameCall && sameRes)
	inc(&r.nearRes, nearCall && sameRes)
	r.fail(&r.failed, sameCall, c.Failed)
	r.fail(&r.nearFail, nearCall, c.Failed)
	r.cycle(&r.two, 2, c)
	r.cycle(&r.three, 3, c)
	r.calls[int(r.n)%Size] = c
	r.n++
	return r.judge(p)
}

func (r *Ring) fail(v *uint16, same, failed bool) {
	switch {
	case !failed:
		*v = 0
	case same:
		*v = min(*v, 65534) + 1
	default:
		*v = 1
	}
}

// cycle counts calls in a row that equal the one a period before. A call that
// equals its neighbour is no cycle.
func (r *Ring) cycle(v *uint16, period int, c Call) {
	if int(r.n) < period || !c.Known {
		*v = 0
		return
	}
	old := r.at(period)
	if old.Exact != c.Exact || old.Result != c.Result || r.at(1).Exact == c.Exact && period == 2 {
		*v = 0
		return
	}
	*v = min(*v, 65534) + 1
}

func (r *Ring) judge(p *Params) Verdict {
	v := Verdict{}
	switch periods2, periods3 := int(r.two)/2+1, int(r.three)/3+1; {
	case int(r.failed) >= p.Errors:
		v = Verdict{Rule: SameError, Repeats: int(r.failed)}
	case int(r.result) >= p.Results:
		v = Verdict{Rule: SameResult, Repeats: int(r.result)}
	case r.two > 0 && periods2 >= p.Periods:
		v = Verdict{Rule: Cycle, Repeats: periods2, Period: 2}
	case r.three > 0 && periods3 >= p.Periods && r.mixed():
		v = Verdict{Rule: Cycle, Repeats: periods3, Period: 3}
	case int(r.nearFail) >= p.Errors:
		v = Verdict{Rule: NearError, Repeats: int(r.nearFail), Near: true}
	case int(r.nearRes) >= p.Results:
		v = Verdict{Rule: NearResult, Repeats: int(r.nearRes), Near: true}
	case r.n >= Size && r.n%8 == 0 && r.variety() <= p.Variety:
		v = Verdict{Rule: LittleVariety, Repeats: Size}
	}
	v.Critical = v.Rule != None && v.Rule != LittleVariety && v.Repeats >= p.Critical
	return v
}

// mixed tells a cycle of three from three times the same.
func (r *Ring) mixed() bool {
	return r.at(1).Exact != r.at(2).Exact || r.at(2).Exact != r.at(3).Exact
}

// variety is the share of distinct calls among the last Size. Calls without
// arguments are distinct.
func (r *Ring) variety() float64 {
	distinct := 0
	for i := range r.calls {
		fresh := true
		for j := range i {
			if r.calls[i].Known && r.calls[j].Exact == r.calls[i].Exact {
				fresh = false
				break
			}
		}
		if fresh {
			distinct++
		}
	}
	return float64(distinct) / Size
}

// Describe is the snapshot.
func (r *Ring) Describe(c *codec.Codec) {
	c.U32(&r.n)
	for _, v := range []*uint16{&r.result, &r.failed, &r.nearRes, &r.nearFail, &r.two, &r.three, &r.messages} {
		c.U16(v)
	}
	c.U32(&r.message)
	for i := range min(int(r.n), Size) {
		k := &r.calls[i]
		for _, v := range []*uint32{&k.Tool, &k.Exact, &k.Near, &k.Result} {
			c.U32(v)
		}
		c.Bool(&k.Failed)
		c.Bool(&k.Known)
	}
}
