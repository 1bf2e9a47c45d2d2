package governance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// A case is a budget, charges to it and the findings that must follow.
type testCase struct {
	Budget  string
	Charges []struct {
		At  time.Duration
		USD string
	}
	Release string // who releases the halt afterwards
	Want    []struct {
		Type     finding.Type
		State    finding.State
		Severity finding.Severity
		Message  string
		Extra    []string // attributes that must be there
		Not      []string // and must not
	}
}

var began = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func TestBudgetFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c testCase
			d := yaml.NewDecoder(strings.NewReader(string(raw)))
			d.KnownFields(true)
			require.NoError(t, d.Decode(&c))
			got := play(t, &c)
			require.Len(t, got, len(c.Want), "%+v", got)
			for i, want := range c.Want {
				f := &got[i]
				require.NoError(t, f.Validate())
				assert.Equal(t, want.Type, f.Type)
				assert.Equal(t, want.State, f.State)
				assert.Equal(t, want.Severity, f.Severity)
				assert.Equal(t, want.Message, f.Message)
				for _, name := range want.Extra {
					assert.Contains(t, f.Extra, name)
				}
				for _, name := range want.Not {
					assert.NotContains(t, f.Extra, name)
				}
			}
		})
	}
}

func play(t *testing.T, c *testCase) (out []finding.Finding) {
	t.Helper()
	budgets, err := ledger.ParseBudgets("budgets.yaml", []byte(c.Budget))
	require.NoError(t, err)
	l := ledger.New(budgets, ledger.Options{})
	var ch governance.Charge
	for i, in := range c.Charges {
		ch = governance.Charge{TraceID: pcommon.TraceID{1}, SpanID: pcommon.SpanID{byte(i + 1)}}
		ch.Action = ledger.ID{byte(i + 1)}
		ch.Scopes = ledger.Scopes{Tenant: "acme", Project: "p", Agent: "bot", Session: "s-1", Principal: "alice"}
		ch.Kind, ch.Tokens = ledger.ModelCall, 1000
		ch.Start, ch.End = began.Add(in.At-time.Second), began.Add(in.At)
		if in.USD != "" {
			p, err := pricing.ParseUSD(in.USD)
			require.NoError(t, err)
			ch.Cost = pricing.KnownAmount(p)
		}
		for _, ev := range l.Charge(&ch.Charge).Events {
			f := governance.BudgetFinding(&ev, &ch)
			assert.Equal(t, ch.SpanID, f.SpanID, "it accuses the action that proved it")
			assert.Equal(t, "bot", f.Agent)
			checkTrajectory(t, &f)
			out = append(out, f)
		}
	}
	if c.Release != "" {
		for _, h := range l.Halts() {
			ev, err := l.ReleaseID(h.ID(), c.Release, "looked into it", began.Add(time.Hour))
			require.NoError(t, err)
			out = append(out, governance.BudgetFinding(&ev, nil))
		}
	}
	return out
}

// checkTrajectory holds that it is JSON, rises, and ends at what was observed.
func checkTrajectory(t *testing.T, f *finding.Finding) {
	t.Helper()
	text, ok := f.Extra[attr.BudgetTrajectory].(string)
	if !ok {
		return
	}
	var points [][2]float64
	require.NoError(t, json.Unmarshal([]byte(text), &points))
	require.NotEmpty(t, points)
	assert.LessOrEqual(t, len(points), 64)
	for i := 1; i < len(points); i++ {
		assert.GreaterOrEqual(t, points[i][0], points[i-1][0])
		assert.GreaterOrEqual(t, points[i][1], points[i-1][1])
	}
	observed, _ := f.Observed.Get()
	assert.InDelta(t, observed, points[len(points)-1][1], 1e-9)
}

// A person's halt counts nothing, and says nothing of amounts.
func TestOrderedHalt(t *testing.T) {
	l := ledger.New(nil, ledger.Options{})
	h, ev, err := l.Halt(ledger.Order{Scope: ledger.Agent, Tenant: "acme", Key: "mailer", By: "bob", Reason: "wrong people"}, began)
	require.NoError(t, err)
	f := governance.BudgetFinding(&ev, nil)
	require.NoError(t, f.Validate())
	assert.Equal(t, finding.BudgetHalt, f.Type)
	assert.Equal(t, `agent "mailer" is stopped (halt) by bob: wrong people`, f.Message)
	assert.Equal(t, "mailer", f.Agent)
	assert.Equal(t, h.ID(), f.Extra[attr.HaltID])
	_, known := f.Observed.Get()
	assert.False(t, known)
	assert.NotContains(t, f.Extra, attr.BudgetUnit)
}

// Who ordered a halt is a fact of its own; a rule is nobody.
func TestHaltBy(t *testing.T) {
	for rule, want := range map[string]any{ledger.RulePerson: "user:ann", "boundary.tool": nil} {
		l := ledger.New(nil, ledger.Options{})
		_, ev, err := l.Halt(ledger.Order{Scope: ledger.Agent, Tenant: "acme", Key: "bot", Effect: ledger.EffectHalt, Rule: rule, By: "user:ann", Reason: "it loops"}, began)
		require.NoError(t, err)
		f := governance.BudgetFinding(&ev, nil)
		assert.Equal(t, want, f.Extra[attr.HaltBy], rule)
		assert.Equal(t, "it loops", f.Extra[attr.HaltReason])
	}
}
