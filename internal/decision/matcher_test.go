package decision

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var t0 = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// matchCase is a story: what arrives when, and what is told of each.
type matchCase struct {
	Name   string `yaml:"name"`
	Events []struct {
		At      float64    `yaml:"at"` // seconds
		Decide  *caseKnown `yaml:"decide"`
		Do      *caseDeed  `yaml:"do"`
		Approve string     `yaml:"approve"`
		Advance bool       `yaml:"advance"`
		Want    []string   `yaml:"want"`
	} `yaml:"events"`
}

type caseKnown struct {
	ID, Call, Trace, Parent, Agent, Tool, Args, Answered, Tenant string
	At                                                           float64
	User                                                         bool
}

type caseDeed struct {
	ID, Decision, Call, Trace, Parent, Agent, Tool, Args, Tenant string
	Start                                                        float64
	Required                                                     bool
}

func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

func id16(s string) (id [16]byte) { copy(id[:], s); return id }
func id8(s string) (id [8]byte)   { copy(id[:], s); return id }

func (k *caseKnown) known() Known {
	return Known{
		ID: k.ID, Tenant: k.Tenant, CallID: k.Call, Trace: id16(k.Trace), Parent: id8(k.Parent), Agent: k.Agent, Tool: k.Tool, ArgsDigest: k.Args,
		Answered: Effect(k.Answered), At: at(k.At), AskedUser: k.User,
	}
}

func (d *caseDeed) deed() Deed {
	return Deed{
		ID: id16(d.ID), Tenant: d.Tenant, DecisionID: d.Decision, CallID: d.Call, Trace: id16(d.Trace), Parent: id8(d.Parent), Agent: d.Agent, Tool: d.Tool,
		ArgsDigest: d.Args, Start: at(d.Start), Required: d.Required,
	}
}

func (m Match) String() string {
	kind, severity := m.State.Finding()
	deed := "-"
	if m.Done {
		deed = string(m.Deed.ID[:1])
	}
	text := fmt.Sprintf("%s %s %s", m.State, firstNonEmpty(m.Decision.ID, "-"), deed)
	if kind != "" {
		text += " " + severity
	}
	return text
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestMatcherCases(t *testing.T) {
	files, err := filepath.Glob("testdata/matcher/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		var cases []matchCase
		require.NoError(t, yaml.Unmarshal(raw, &cases), f)
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				m := NewMatcher(MatcherOptions{})
				for i, e := range c.Events {
					var got []Match
					switch {
					case e.Decide != nil:
						got = m.Decide(e.Decide.known(), at(e.At))
					case e.Do != nil:
						got = m.Observe(e.Do.deed(), at(e.At))
					case e.Approve != "":
						got = m.Approve("", e.Approve)
					default:
						got = m.Advance(at(e.At))
					}
					var texts []string
					for _, g := range got {
						texts = append(texts, g.String())
					}
					assert.Equal(t, e.Want, texts, "event %d", i)
				}
			})
		}
	}
}

// story is decisions and deeds made from one seed.
func story(r *rand.Rand) ([]Known, []Deed) {
	pick := func(prefix string, n int) string {
		if i := r.IntN(n + 1); i < n {
			return fmt.Sprint(prefix, i)
		}
		return ""
	}
	answers := []Effect{Allow, Deny, Ask, Halt}
	n := r.IntN(6)
	ks := make([]Known, 0, n)
	for i := range n {
		ks = append(ks, Known{
			ID: fmt.Sprint("d", i), CallID: pick("c", 3), Trace: id16(pick("t", 2)), Parent: id8(pick("p", 2)), Agent: pick("a", 2), Tool: pick("x", 2),
			ArgsDigest: pick("h", 2), Answered: answers[r.IntN(4)], At: t0.Add(time.Duration(r.IntN(90)) * time.Second), AskedUser: r.IntN(4) == 0,
		})
	}
	n = r.IntN(6)
	ds := make([]Deed, 0, n)
	for i := range n {
		ds = append(ds, Deed{
			ID: id16(strconv.Itoa(i)), DecisionID: pick("d", 5), CallID: pick("c", 3), Trace: id16(pick("t", 2)), Parent: id8(pick("p", 2)), Agent: pick("a", 2),
			Tool: pick("x", 2), ArgsDigest: pick("h", 2), Start: t0.Add(time.Duration(r.IntN(90)) * time.Second), Required: r.IntN(2) == 0,
		})
	}
	return ks, ds
}

// tell plays a story in some order, repeats included, and returns what is last
// told of each deed.
func tell(m *Matcher, ks []Known, ds []Deed, r *rand.Rand) map[[16]byte]string {
	final := map[[16]byte]string{}
	note := func(ms []Match) {
		for _, x := range ms {
			if x.Done {
				final[x.Deed.ID] = x.String()
			}
		}
	}
	order := r.Perm(len(ks) + len(ds))
	order = append(order, order[:r.IntN(len(order)+1)]...) // at least once
	for _, i := range order {
		if i < len(ks) {
			note(m.Decide(ks[i], t0))
		} else {
			note(m.Observe(ds[i-len(ks)], t0))
		}
	}
	note(m.Advance(t0.Add(2 * time.Minute)))
	return final
}

// What is said in the end does not hang on the order or number of arrivals.
func TestMatcherOrder(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		ks, ds := story(r)
		first := tell(NewMatcher(MatcherOptions{}), ks, ds, r)
		again := tell(NewMatcher(MatcherOptions{}), ks, ds, r)
		require.Equal(t, first, again, "seed %d", seed)
		for _, d := range ds {
			if d.Required {
				require.NotEmpty(t, first[d.ID], "seed %d: nothing is told of a deed that needs a decision", seed)
			}
		}
	}
}

// However much comes, memory stays within its bounds and nothing is left behind.
func TestMatcherBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	m := NewMatcher(MatcherOptions{Limit: 8})
	for i := range 2000 {
		ks, ds := story(r)
		for j := range ks {
			ks[j].ID = fmt.Sprint(i, "-", j)
			m.Decide(ks[j], t0)
		}
		for j := range ds {
			ds[j].ID = id16(fmt.Sprint(i, "-", j))
			m.Observe(ds[j], t0)
		}
		decisions, deeds := m.Sizes()
		require.LessOrEqual(t, decisions, 8)
		require.LessOrEqual(t, deeds, 8)
	}
	assert.NotZero(t, m.Evicted())
	m.Advance(t0.Add(2 * time.Hour))
	decisions, deeds := m.Sizes()
	assert.Zero(t, decisions+deeds)
	assert.Empty(t, m.byKey)
	assert.Empty(t, m.waiting)
}

func FuzzMatcher(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		ks, ds := story(r)
		first := tell(NewMatcher(MatcherOptions{}), ks, ds, r)
		require.Equal(t, first, tell(NewMatcher(MatcherOptions{}), ks, ds, r))
	})
}

func BenchmarkMatcher(b *testing.B) {
	m := NewMatcher(MatcherOptions{})
	i := 0
	for b.Loop() {
		now := t0.Add(time.Duration(i) * time.Millisecond)
		id := strconv.Itoa(i)
		m.Decide(Known{ID: id, CallID: "c" + id, Agent: "a", Tool: "t", ArgsDigest: "h", Answered: Allow, At: now}, now)
		if got := m.Observe(Deed{ID: id16(id), CallID: "c" + id, Agent: "a", Tool: "t", ArgsDigest: "h", Start: now}, now); len(got) != 1 || got[0].State != Agreed {
			b.Fatal(got)
		}
		i++
	}
}
