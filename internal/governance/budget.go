package governance

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// BudgetFinding turns a fact about a budget into a finding. c is the charge that
// proved it, nil where time or a person did.
//
// A budget in shadow mode is on record with severity info, which no alert
// channel takes by default.
func BudgetFinding(ev *ledger.Event, c *Charge) finding.Finding {
	f := finding.New(finding.Type(ev.Type), ev.Tenant, budgetKey(ev), ev.Cause())
	f.At, f.Rule, f.PolicyVersion = ev.At, ev.Budget, ev.PolicyVersion
	if ev.Resolved {
		f.State = finding.Resolved
	}
	if ev.Quiet {
		f.Severity = finding.Info
	}
	if len(ev.Controls) > 0 {
		f.Controls = ev.Controls
	}
	accuse(&f, ev, c)
	if ev.Budget == "" { // ordered by a person, who counts nothing
		f.Rule = ev.Rule
	} else {
		f.Observed, f.Limit = finding.Known(ev.Observed.In(ev.Unit)), finding.Known(ev.Limit.In(ev.Unit))
	}
	f.Extra = budgetFacts(ev)
	if p := ev.Projection; p != nil {
		f.Expected = finding.Known(p.Low)
		f.ProjectedAt = p.ExhaustEarliest
		projectionFacts(f.Extra, p)
	}
	f.Message = budgetMessage(ev)
	return f
}

// budgetKey is stable while the cause lasts, whatever the type: an alert about a
// halt and the projection before it stand side by side under one key.
func budgetKey(ev *ledger.Event) string {
	key := "budget/" + ev.Budget + "/" + ev.Scope.String() + "/" + ev.Key
	if part := ev.Run + ev.Session; part != "" { // never both
		key += "/" + part
	}
	return key
}

func accuse(f *finding.Finding, ev *ledger.Event, c *Charge) {
	if c != nil {
		f.Agent, f.Session, f.Project, f.Principal = c.Agent, c.Session, c.Project, c.Principal
		f.TraceID, f.SpanID = c.TraceID, c.SpanID
		return
	}
	switch ev.Scope {
	case ledger.Project:
		f.Project = ev.Key
	case ledger.Agent:
		f.Agent = ev.Key
	case ledger.Session:
		f.Session = ev.Key
	case ledger.Principal:
		f.Principal = ev.Key
	case ledger.Tenant, ledger.DelegationRoot: // in the key
	}
}

func budgetFacts(ev *ledger.Event) map[string]any {
	x := map[string]any{
		attr.BudgetScope: ev.Scope.String(), attr.BudgetKey: ev.Key, attr.BudgetEffect: ev.Effect.String(), attr.BudgetCause: ev.Rule,
	}
	if ev.Budget != "" {
		x[attr.BudgetID], x[attr.BudgetUnit], x[attr.BudgetMode], x[attr.BudgetPeriod] = ev.Budget, ev.Unit.String(), ev.Mode.String(), ev.Period
	}
	put := func(name, value string) {
		if value != "" {
			x[name] = value
		}
	}
	put(attr.BudgetRun, ev.Run)
	put(attr.BudgetSession, ev.Session)
	put(attr.BudgetPeriodStart, stamp(ev.PeriodStart))
	put(attr.BudgetPeriodEnd, stamp(ev.PeriodEnd))
	put(attr.BudgetTrajectory, trajectory(ev))
	if ev.UnpricedCalls > 0 {
		x[attr.BudgetUnpricedCalls], x[attr.BudgetUnpricedTokens] = int64(ev.UnpricedCalls), int64(ev.UnpricedTokens)
	}
	if ev.Threshold > 0 {
		x[attr.BudgetThreshold] = ev.Threshold
	}
	if b := ev.Burn; b != nil {
		x[attr.BudgetBurnLong], x[attr.BudgetBurnShort] = b.Long.Seconds(), b.Short.Seconds()
		x[attr.BudgetBurnRateLong], x[attr.BudgetBurnRateShort] = b.RateLong, b.RateShort
		x[attr.BudgetBurnThreshold] = b.Threshold
	}
	if ev.Type == ledger.BudgetHalt {
		haltFacts(x, ev, put)
	}
	return x
}

// haltFacts name the halt as a decision: its id stands in the answers that the
// decision receiver gives while it lasts.
func haltFacts(x map[string]any, ev *ledger.Event, put func(name, value string)) {
	put(attr.HaltID, ev.HaltID)
	put(attr.DecisionID, ev.HaltID)
	if ev.Resolved {
		put(attr.ReleasedBy, ev.By)
		put(attr.ReleaseReason, ev.Reason)
		return
	}
	x[attr.DecisionEffect] = ev.Effect.String()
	put(attr.HaltReason, ev.Reason)
	if ev.Rule == ledger.RulePerson {
		put(attr.HaltBy, ev.By)
	}
	put(attr.HaltSince, stamp(ev.At))
	put(attr.HaltUntil, stamp(ev.PeriodEnd))
}

func projectionFacts(x map[string]any, p *ledger.Projection) {
	x[attr.BudgetRateShort], x[attr.BudgetRateLong] = p.RateShort, p.RateLong
	x[attr.BudgetProjectedLow], x[attr.BudgetProjectedHigh] = p.Low, p.High
	x[attr.BudgetHorizon], x[attr.BudgetConfidence] = p.Horizon.Seconds(), p.Confidence
	if s := stamp(p.ExhaustEarliest); s != "" {
		x[attr.BudgetExhaustEarliest] = s
	}
	if s := stamp(p.ExhaustLatest); s != "" {
		x[attr.BudgetExhaustLatest] = s
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func trajectory(ev *ledger.Event) string {
	if len(ev.Trajectory) == 0 {
		return ""
	}
	points := make([][2]float64, 0, len(ev.Trajectory))
	for _, p := range ev.Trajectory {
		points = append(points, [2]float64{float64(p.At.UnixMicro()) / 1e6, float64(p.Spend) / ev.Unit.Scale()})
	}
	out, err := json.Marshal(points)
	if err != nil {
		return "" // cannot happen: balances and times are finite
	}
	return string(out)
}

// budgetMessage is one sentence: who, how much, of what, and what follows.
func budgetMessage(ev *ledger.Event) string {
	who := ev.Scope.String() + " " + strconv.Quote(ev.Key)
	if ev.Scope == ledger.Tenant && ev.Key == "" {
		who = "the tenant without a name"
	}
	if ev.Budget == "" {
		return orderMessage(who, ev)
	}
	spent := fmt.Sprintf("%s of %s (budget %s, %s)", amount(ev.Observed.In(ev.Unit), ev.Unit), amount(ev.Limit.In(ev.Unit), ev.Unit), ev.Budget, ev.Period)
	if ev.Resolved {
		text := who + " is at " + spent + "; over: " + ev.Reason
		if ev.By != "" {
			text += ", says " + ev.By
		}
		return text
	}
	switch ev.Type {
	case ledger.BudgetExceeded:
		return who + " has used " + spent + unpriced(ev)
	case ledger.BudgetHalt:
		return fmt.Sprintf("%s is stopped (%s) at %s: %s", who, ev.Effect, spent, haltCause(ev))
	case ledger.BudgetProjected, ledger.BudgetWarning:
		return who + " has used " + spent + forecast(ev)
	}
	return who + " has used " + spent
}

// orderMessage is about a halt that no budget, but a person or an operator's
// rule, has set.
func orderMessage(who string, ev *ledger.Event) string {
	if ev.Resolved {
		return fmt.Sprintf("%s may go on: %s, says %s", who, ev.Reason, ev.By)
	}
	return fmt.Sprintf("%s is stopped (%s) by %s: %s", who, ev.Effect, ev.By, ev.Reason)
}

func unpriced(ev *ledger.Event) string {
	if ev.UnpricedCalls == 0 || ev.Unit != ledger.USD {
		return ""
	}
	return fmt.Sprintf("; %d more calls have no price", ev.UnpricedCalls)
}

func haltCause(ev *ledger.Event) string {
	if ev.Rule == "projection" {
		return "it would pass the limit" + forecast(ev)
	}
	return "the limit is passed"
}

func forecast(ev *ledger.Event) string {
	p := ev.Projection
	if p == nil || ev.Rule == "warn_at" {
		return ""
	}
	text := fmt.Sprintf("; at this rate %s to %s in %s", amount(p.Low, ev.Unit), amount(p.High, ev.Unit), p.Horizon.Round(time.Second))
	if !p.ExhaustEarliest.IsZero() {
		text += ", the limit is reached at " + p.ExhaustEarliest.UTC().Format("2006-01-02 15:04:05 UTC") + " at the earliest"
	}
	return text
}

func amount(v float64, u ledger.Unit) string {
	switch u {
	case ledger.USD:
		if v < 0.01 && v > 0 {
			return "$" + strconv.FormatFloat(v, 'g', 3, 64)
		}
		return fmt.Sprintf("$%.2f", v)
	case ledger.WallClock:
		return time.Duration(v * float64(time.Second)).Round(time.Second).String()
	default:
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + u.String()
	}
}
