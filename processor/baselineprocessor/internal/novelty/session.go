package novelty

import (
	"math"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/codec"
)

// Params are the choices of an operator about novelty.
type Params struct {
	MinSessions   int // sessions before an argument is judged
	KnownSessions int // sessions after which a value counts as known
	KnownDays     int // and on how many days: 1 or 2
	PromptWords   int // 64-bit words of the filter of what the user said; a power of two
	ToolWords     int // of what tools returned
	Uses          int // values of one session that are remembered until it ends
	EverWords     int // of each of the two filters of what an agent ever used
	// EverNats is the surprise in nats, on top, of a value that no argument of the
	// agent ever had.
	EverNats float64
}

// Defaults are the values that AgentDyn was measured with, and the quarantine: a
// value counts as known after three sessions on two days.
func Defaults() Params {
	return Params{
		MinSessions: 5, KnownSessions: 3, KnownDays: 2, PromptWords: 128, ToolWords: 256, Uses: 128,
		EverWords: 128, EverNats: 2,
	}
}

// Reviewed is Defaults for a history that somebody vouches for: one session makes
// a value known.
func Reviewed() Params {
	p := Defaults()
	p.KnownSessions, p.KnownDays = 1, 1
	return p
}

// Origin says where a value came from.
type Origin uint8

// The origins. What the user said wins over what a tool returned; Model is what
// neither explains.
const (
	FromModel Origin = iota
	FromPrompt
	FromTool
)

// Session is what one live session remembers until it ends: filters of what was
// said and returned, and the values that were used. The zero value is empty.
type Session struct {
	prompt, tool filter
	uses         []Use
}

// Use is one value that was passed in a session.
type Use struct {
	Argument uint64 // the caller's key of (agent, tool, argument)
	Hash     uint32
	FromTool bool
}

// Uses are the values of the session so far, in order, each at most once.
func (s *Session) Uses() []Use { return s.uses }

// Prompt notes what the user said. It reports whether all of it was read.
func (s *Session) Prompt(k Key, p Params, text string) bool {
	if s.prompt == nil {
		s.prompt = make(filter, p.PromptWords)
	}
	return s.prompt.addText(k.K0, text)
}

// Result notes what a tool returned. It reports whether all of it was read.
func (s *Session) Result(k Key, p Params, text string) bool {
	if s.tool == nil {
		s.tool = make(filter, p.ToolWords)
	}
	return s.tool.addText(k.K0, text)
}

// Prompted reports whether anything of the user's was noted: without it every
// value that a tool returned looks like the tool's idea.
func (s *Session) Prompted() bool { return s.prompt != nil }

func (s *Session) origin(k Key, text string) Origin {
	switch {
	case s.prompt != nil && s.prompt.hasText(k.K0, text):
		return FromPrompt
	case s.tool != nil && s.tool.hasText(k.K0, text):
		return FromTool
	}
	return FromModel
}

// Lookup returns what is known of an argument, or nil, and the key under which
// it is known.
type Lookup func(argument string) (*Values, uint64)

// Verdict is what a call is worth: the most surprising value that came out of a
// tool. Score is 0 where there is none.
type Verdict struct {
	Score      float64 // nats: Surprise + Provenance
	Surprise   float64
	Provenance float64
	Argument   string
	Sessions   int // history of the argument
	Cut        bool
	// Place is the argument with a host that the agent never passed
	// before, wherever it came from; "" where there is none.
	Place string
}

// Call judges the arguments of a call and notes them. ifYoung is the surprise in
// nats of a value of an argument too young to judge; ever may be nil. The call's own result must
// not be noted before.
func (s *Session) Call(k Key, p Params, arguments string, ifYoung float64, ever *Ever, look Lookup) Verdict {
	var best Verdict
	var buf [maxValue + 8]byte
	whole := values(arguments, func(argument, value string) {
		text := canonical(buf[:0], value)
		if len(text) == 0 {
			return
		}
		v := s.judge(k, p, argument, string(text), ifYoung, ever, look)
		place := best.Place
		if place == "" {
			place = v.Place
		}
		if v.Score > best.Score {
			best = v
		}
		best.Place = place
	})
	best.Cut = !whole
	return best
}

func (s *Session) judge(k Key, p Params, argument, text string, ifYoung float64, ever *Ever, look Lookup) (v Verdict) {
	model, id := look(argument)
	kind, name := entity(text)
	hash := uint32(k.Sum(kind + name))
	from := s.origin(k, text)
	fresh := s.Note(p, Use{Argument: id, Hash: hash, FromTool: from == FromTool})
	if kind == "host:" && fresh && ever != nil && !ever.has(hash) {
		v.Place = argument
	}
	if from != FromTool {
		return v
	}
	v.Surprise = ifYoung
	if model != nil {
		v.Sessions = model.Sessions()
		if nats, known := model.Surprise(p, hash); known {
			v.Surprise, v.Provenance = nats, model.Provenance()
		}
	}
	if ever != nil && !ever.has(hash) {
		v.Surprise += p.EverNats
	}
	v.Argument, v.Score = argument, v.Surprise+v.Provenance
	return v
}

// Note remembers a use until the session ends, and reports whether it is the
// session's first of this value.
func (s *Session) Note(p Params, u Use) (fresh bool) {
	for i := range s.uses {
		if w := &s.uses[i]; w.Argument == u.Argument && w.Hash == u.Hash {
			w.FromTool = w.FromTool || u.FromTool
			return false
		}
	}
	if len(s.uses) < p.Uses {
		s.uses = append(s.uses, u)
	}
	return true
}

// Learned calls learn once for every argument that the session used, with its
// distinct values: what Values.Learn takes.
func (s *Session) Learned(learn func(argument uint64, hashes []uint32, fromTool bool)) {
	hashes := make([]uint32, 0, 16)
	done := make([]bool, len(s.uses))
	for i := range s.uses {
		if done[i] {
			continue
		}
		hashes, done[i] = append(hashes[:0], s.uses[i].Hash), true
		tool := s.uses[i].FromTool
		for j := i + 1; j < len(s.uses); j++ {
			if !done[j] && s.uses[j].Argument == s.uses[i].Argument {
				hashes, done[j] = append(hashes, s.uses[j].Hash), true
				tool = tool || s.uses[j].FromTool
			}
		}
		learn(s.uses[i].Argument, hashes, tool)
	}
}

// ToolSurprise returns how surprising it is, in nats, that a session uses the
// tool of this hash: tools counts tools by sessions as Values counts values.
func ToolSurprise(tools *Values, hash uint32) (nats float64, first bool) {
	s := tools.find(hash)
	switch {
	case s == nil && tools.open:
		return 0, false // more tools than are told apart
	case s == nil:
		return 1 - math.Log(tools.unseen()), true
	case s.count == math.MaxUint8:
		return 0, false
	}
	return max(0, -math.Log((float64(s.count)+.5)/(float64(tools.sessions)+1))), false
}

// Describe is the snapshot.
func (s *Session) Describe(c *codec.Codec, p Params) {
	s.prompt.describe(c, p.PromptWords)
	s.tool.describe(c, p.ToolWords)
	codec.Each(c, &s.uses, p.Uses, func(u *Use) {
		c.U64(&u.Argument)
		c.U32(&u.Hash)
		c.Bool(&u.FromTool)
	})
}
