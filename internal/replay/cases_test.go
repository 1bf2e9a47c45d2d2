package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// replayCase is spans and the types that must be found in them.
type replayCase struct {
	Set   []string   `yaml:"set"` // settings laid over the configuration
	Find  []string   `yaml:"find"`
	Spans []spanSpec `yaml:"spans"`
}

// spanSpec is one span, or several alike: times of them, every so long, in
// sessions of so many. At counts from scenarioTime, begins too.
type spanSpec struct {
	ID, Parent, Agent, Session, User, Tool, Model, Error, Decision string
	TraceOf                                                        string `yaml:"trace_of"`
	Args                                                           map[string]string
	Attrs                                                          map[string]any
	Input, Output, Vary                                            int64
	At, Begins, Lasts, Every                                       time.Duration
	Times, Of                                                      int
}

func (s *spanSpec) build(to ptrace.SpanSlice, file string, line int) {
	for i := range max(1, s.Times) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", file, line, i))
		trace := sum
		if name := s.ID + s.TraceOf; name != "" {
			trace = sha256.Sum256([]byte(name))
		}
		span := to.AppendEmpty()
		span.SetTraceID(pcommon.TraceID(trace[:16]))
		span.SetSpanID(pcommon.SpanID(sum[16:24]))
		begin := scenarioTime.Add(s.At + s.Begins + time.Duration(i)*s.Every)
		lasts := max(s.Lasts, time.Millisecond)
		if s.Vary > 0 {
			lasts += lasts / 10 * time.Duration(i%5)
		}
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(begin))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(lasts)))
		session := s.Session
		if s.Of > 0 {
			session = fmt.Sprintf("%s-%d", session, i/s.Of)
		}
		s.attributes(span.Attributes(), session, i)
		if s.Error != "" {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
	}
}

func (s *spanSpec) attributes(m pcommon.Map, session string, i int) {
	text := map[string]string{
		"gen_ai.agent.id": s.Agent, "gen_ai.agent.name": s.Agent, "gen_ai.conversation.id": session, "user.id": s.User, "error.type": s.Error,
	}
	switch {
	case s.Decision != "":
		text = map[string]string{
			attr.ActionKind: "decision", attr.DecisionID: "decision-" + s.TraceOf, attr.DecisionEffect: s.Decision, decision.AttrAnswered: s.Decision,
			attr.AgentID: s.Agent, attr.AgentName: s.Agent, attr.SessionID: session, attr.ToolName: s.Tool,
		}
	case s.Tool != "":
		text["gen_ai.operation.name"], text["gen_ai.tool.name"] = "execute_tool", s.Tool
	case s.Model != "":
		text["gen_ai.operation.name"] = "chat"
		text["gen_ai.provider.name"], text["gen_ai.request.model"], _ = strings.Cut(s.Model, "/")
		text["gen_ai.response.model"] = text["gen_ai.request.model"]
		m.PutInt("gen_ai.usage.input_tokens", s.Input+s.Vary*int64(i%5))
		m.PutInt("gen_ai.usage.output_tokens", s.Output)
	}
	for k, v := range text {
		if v != "" {
			m.PutStr(k, v)
		}
	}
	if s.Args != nil {
		args := map[string]string{}
		for k, v := range s.Args {
			args[k] = strings.ReplaceAll(v, "%d", strconv.Itoa(i))
		}
		raw, _ := json.Marshal(args)
		m.PutStr("gen_ai.tool.call.arguments", string(raw))
	}
	for k, v := range s.Attrs {
		_ = m.PutEmpty(k).FromRaw(v)
	}
}

// spans returns those of a case.
func (c *replayCase) spans(file string) ptrace.Traces {
	all := ptrace.NewTraces()
	rs := all.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "cases")
	agents, decisions := rs.ScopeSpans().AppendEmpty(), rs.ScopeSpans().AppendEmpty()
	decisions.Scope().SetName(attr.Scope)
	for i := range c.Spans {
		to := agents.Spans()
		if c.Spans[i].Decision != "" {
			to = decisions.Spans()
		}
		c.Spans[i].build(to, file, i)
	}
	return all
}

// Every type of finding that a case names is found live, and by a replay of what is
// stored of it, finding by finding with the same id. Together with the demo's
// scenarios that is every type but verdicts about delegation, of which each file of
// the chain's own vectors is one.
func TestEveryFindingIsReplayed(t *testing.T) {
	t.Setenv("SPANWARDEN_BUDGETS", "testdata/budgets.yaml")
	t.Setenv("SPANWARDEN_REGISTRY", "testdata/registry.yaml")
	store := storetest.Start(t)
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c replayCase
			dec := yaml.NewDecoder(bytes.NewReader(raw))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c), file)
			rules := func() *Rules {
				r, err := ReadConfig(t.Context(), "../../configs/spanwarden.yaml", c.Set, "", factories())
				require.NoError(t, err)
				return r
			}
			since, until := scenarioTime.Add(-20*24*time.Hour), scenarioTime.Add(3*time.Hour)
			conn := stored(t, store.Database(t), live(t, rules(), c.spans(file), since, until))
			report, err := Run(t.Context(), NewStore(conn), rules(), Options{Since: since, Until: until})
			require.NoError(t, err)
			require.NoError(t, report.Text(testWriter{t}))
			found := map[string]bool{}
			for _, g := range report.Groups {
				found[g.Type] = found[g.Type] || g.Findings > 0
			}
			for _, typ := range c.Find {
				assert.True(t, found[typ], "%s is found", typ)
			}
			assert.Equal(t, report.OnRecord, report.Same)
			assert.Zero(t, report.New)
			assert.Zero(t, report.Gone)
		})
	}
}
