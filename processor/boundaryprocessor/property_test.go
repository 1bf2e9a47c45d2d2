package boundaryprocessor

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// trace makes a tree of spans: runs of agents, and what was done below them, with
// facts missing here and there.
func trace(r *rand.Rand) []spanSpec {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	specs := []spanSpec{{ID: 1, For: time.Minute}}
	above := []byte{1}                                 // a call within a call may be the same one, which is genai's to say
	for id := byte(2); id <= byte(4+r.IntN(9)); id++ { // one digit of a span id
		if id > 9 {
			break
		}
		s := spanSpec{
			ID: id, Parent: above[r.IntN(len(above))], At: time.Duration(id) * time.Second, Attrs: map[string]any{},
			Resource: map[string]string{"service.name": pick("pay", "daemon", "desk")},
		}
		if r.IntN(5) == 0 {
			s.Resource["gen_ai.main_agent.name"] = pick("support", "trial")
		}
		switch r.IntN(5) {
		case 0:
			s.Agent = pick("support", "billing", "trial", "stranger", "old")
			s.Attrs["gen_ai.agent.version"] = pick("2.1.0", "3.0.0", "")
			above = append(above, id)
		case 1:
			s.Model = pick("openai/gpt-4o-mini", "openai/o1-pro")
			s.Attrs["gen_ai.response.id"] = fmt.Sprint("r", id)
		case 2:
			s.Attrs["http.request.method"] = "GET"
			above = append(above, id)
		default:
			s.Tool = pick("list_customers", "delete_customer", "send_email", "pay", "look", "refund")
			if r.IntN(2) == 0 {
				s.Args = map[string]any{"to": pick("ann@acme.example", "eve@evil.example"), "amount": r.IntN(2000)}
			}
		}
		if s.Agent == "" && (s.Tool != "" || s.Model != "") && r.IntN(3) == 0 {
			if s.Agent = pick("support", "billing", "billing", "trial"); s.Agent == "billing" {
				s.Resource["service.name"] = "pay"
			}
		}
		if r.IntN(3) == 0 {
			s.Attrs["user.id"] = pick("ann@acme.example", "eve@evil.example")
		}
		specs = append(specs, s)
	}
	return specs
}

// outcomes is what is known in the end, in whatever order it came.
func outcomes(t *testing.T, h policy.History, batches [][]spanSpec) (verdicts map[byte]string, found []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &registry{history: h}, nil)
		for _, specs := range batches {
			require.NoError(t, p.ConsumeTraces(t.Context(), build(specs)))
		}
		time.Sleep(2 * time.Minute) // nobody tells more
		synctest.Wait()
		got := collect(t, p.sink.AllTraces())
		require.NoError(t, p.Shutdown(t.Context()))
		verdicts = map[byte]string{}
		for id, v := range got.spans {
			verdicts[id] = fmt.Sprint(v)
		}
		for id, v := range got.judgements {
			verdicts[id] = fmt.Sprint(v)
		}
		for id, f := range got.findings {
			if f.State == finding.Firing {
				found = append(found, string(f.Type)+" "+id)
			}
		}
		slices.Sort(found)
	})
	return verdicts, found
}

// The same is found, and the same said in the end, however spans arrive: in any
// order, in any batches, some of them twice.
func TestOrderDoesNotMatter(t *testing.T) {
	h := standard(t)
	kinds := map[string]int{}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		specs := trace(r)
		verdicts, found := outcomes(t, h, [][]spanSpec{specs})
		for _, f := range found {
			kind, _, _ := strings.Cut(f, " ")
			kinds[kind]++
		}
		for range 3 {
			shuffled := slices.Clone(specs)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			var batches [][]spanSpec
			for len(shuffled) > 0 {
				n := 1 + r.IntN(len(shuffled))
				batches = append(batches, shuffled[:n])
				shuffled = shuffled[n:]
			}
			if r.IntN(2) == 0 {
				batches = append(batches, batches[r.IntN(len(batches))])
			}
			v, f := outcomes(t, h, batches)
			require.Equal(t, found, f, "seed %d: %v", seed, batches)
			require.Equal(t, verdicts, v, "seed %d: %v", seed, batches)
		}
	}
	for _, kind := range []string{"boundary.tool", "boundary.model", "boundary.argument", "boundary.principal", "boundary.unregistered_agent", "boundary.expired"} {
		assert.Contains(t, slices.Collect(maps.Keys(kinds)), kind, "the test would prove little without")
	}
}

// marker stands in every argument and nowhere else.
const marker = "zqxmarker"

// action is an action with all its facts, and which of them are left out.
type action struct {
	spec spanSpec
	hide uint8
}

// judgedAs runs one span and returns its verdict and what was found.
func (a action) judgedAs(tb testing.TB, h policy.History, hide uint8) (string, *result) {
	tb.Helper()
	s := a.spec
	s.Attrs = maps.Clone(s.Attrs)
	// Not operation and resource, for which the catalog stands in.
	for bit, key := range []string{"user.id", "gen_ai.agent.version"} {
		if hide&(1<<bit) != 0 {
			delete(s.Attrs, key)
		}
	}
	if hide&4 != 0 {
		s.Args = nil
	}
	p := start(tb, &registry{history: h}, nil)
	require.NoError(tb, p.ConsumeTraces(tb.Context(), build([]spanSpec{s})))
	got := collect(tb, p.sink.AllTraces())
	require.NoError(tb, p.Shutdown(tb.Context()))
	return got.spans[s.ID].Verdict, got
}

// held asserts what must be true of any action: nothing is respected, and nothing
// a violation, that would not be so if more were known; what is respected accuses
// nobody; no finding says what an argument held.
func (a action) held(t *testing.T, h policy.History) string {
	t.Helper()
	full, got := a.judgedAs(t, h, 0)
	part, gotPart := a.judgedAs(t, h, a.hide)
	switch part {
	case "respected":
		require.Equal(t, "respected", full, "%+v without %b", a.spec, a.hide)
	case "violation":
		// An entry that holds for other versions than that which acted is nobody's.
		require.Contains(t, []string{"violation", "unregistered"}, full, "%+v without %b", a.spec, a.hide)
	}
	for verdict, r := range map[string]*result{full: got, part: gotPart} {
		switch verdict {
		case "violation", "unregistered":
			require.Len(t, r.findings, 1, "one cause, one finding")
		case "respected", "not_evaluated":
			require.Empty(t, r.findings)
		default:
			require.Fail(t, "an action without a verdict", "%+v", a.spec)
		}
		require.NotContains(t, strings.ToLower(r.text), marker)
		require.Equal(t, verdict == "not_evaluated", len(r.spans[a.spec.ID].Missing) > 0)
	}
	return full
}

func newAction(agent, tool, resource, args, user, version string, hide uint8) action {
	return action{hide: hide, spec: spanSpec{
		ID: 1, Agent: agent, Tool: tool, Args: args,
		Attrs:    map[string]any{"gen_ai.agent.version": version, "user.id": user, "mcp.resource.uri": resource},
		Resource: map[string]string{"service.name": "pay"},
	}}
}

func FuzzJudgement(f *testing.F) {
	f.Add("support", "send_email", "", `{"to":"`+marker+`@acme.example"}`, "ann@acme.example", "2.1", uint8(4))
	f.Add("support", "read_file", "/x/secrets/y", `{"path":"/`+marker+`"}`, "", "", uint8(5))
	f.Add("billing", "pay", "", `{"a":"`+marker+`"}`, "ann@acme.example", "", uint8(1))
	f.Add("trial", "look", "", `{}`, "", "2.5", uint8(2))
	f.Add("support", "refund", "", `{"amount":"`+marker+`"}`, "", "", uint8(7))
	h := standard(f)
	f.Fuzz(func(t *testing.T, agent, tool, resource, args, user, version string, hide uint8) {
		if agent == "" || tool == "" || strings.Contains(strings.ToLower(agent+tool+resource+user+version), marker) {
			t.Skip("names are told")
		}
		newAction(agent, tool, resource, args, user, version, hide).held(t, h)
	})
}

// The fuzz target over words that mean something.
func TestMoreFactsNeverContradict(t *testing.T) {
	h := standard(t)
	seen := map[string]int{}
	r := rand.New(rand.NewPCG(1, 9))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	for range 2000 {
		seen[newAction(
			pick("support", "support", "billing", "trial", "old", "stranger", "librarian"),
			pick("list_customers", "send_email", "read_file", "refund", "pay", "look", "delete_customer", "mcp__erp__get_x", "send_EMAIL"),
			pick("", "kb/faq", "/x/secrets/y", "kb/../secrets/z", "%2e%2e/secrets/k"),
			pick("", "{}", `{"to":"`+marker+`@acme.example"}`, `{"to":"`+marker+`"}`, `{"amount":5,"x":"`+marker+`"}`, `{"amount":5000}`, `{"amount":"5"}`,
				`{"path":"/`+marker+`/secrets/a"}`, `[1]`, `{"to":`, `"{\"to\":\"`+marker+`@acme.example\"}"`),
			pick("", "ann@acme.example", "eve@evil.example"), pick("", "2.1.0", "3"), uint8(r.IntN(8)),
		).held(t, h)]++
	}
	for _, v := range []string{"respected", "violation", "not_evaluated", "unregistered"} {
		assert.Greater(t, seen[v], 20, "%v", seen)
	}
}
