package ledger

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

type budgetDef struct {
	ID             string            `yaml:"id"`
	Scope          string            `yaml:"scope"`
	Select         map[string]string `yaml:"select"`
	LimitUSD       yaml.Node         `yaml:"limit_usd"`
	LimitTokens    yaml.Node         `yaml:"limit_tokens"`
	LimitCalls     yaml.Node         `yaml:"limit_calls"`
	LimitToolCalls yaml.Node         `yaml:"limit_tool_calls"`
	LimitWallClock yaml.Node         `yaml:"limit_wall_clock"`
	Period         string            `yaml:"period"`
	Timezone       string            `yaml:"timezone"`
	WarnAt         []float64         `yaml:"warn_at"`
	Projection     *projectionDef    `yaml:"projection"`
	OnExceed       string            `yaml:"on_exceed"`
	Mode           string            `yaml:"mode"`
	Reason         string            `yaml:"reason"`
	Unpriced       string            `yaml:"unpriced"`
	Controls       []string          `yaml:"controls"`
}

type projectionDef struct {
	Horizon string    `yaml:"horizon"`
	Action  string    `yaml:"action"`
	Floors  floorsDef `yaml:"floors"`
}

type floorsDef struct {
	Calls    *int64   `yaml:"calls"`
	Elapsed  string   `yaml:"elapsed"`
	SpendUSD *float64 `yaml:"spend_usd"`
	Spend    *float64 `yaml:"spend"`
}

// parseBudget reads one budget and notes every fault it finds.
func parseBudget(f *faults, zone *time.Location) *Budget {
	var d budgetDef
	f.keys(f.node, budgetKeys, "")
	if err := f.node.Decode(&d); err != nil {
		f.yaml(err)
		return nil
	}
	b := &Budget{
		ID: d.ID, Source: f.file + ":" + strconv.Itoa(f.node.Line), Controls: d.Controls, Reason: d.Reason,
		WarnAt: slices.Sorted(slices.Values(d.WarnAt)),
	}
	if d.ID == "" {
		f.add("id", "a budget needs one")
	}
	scope, err := choose("scope", d.Scope, "", scopeNames)
	f.note(err)
	b.Scope = Scope(scope)
	b.parsePeriod(f, &d, zone)
	b.parseLimit(f, &d)
	b.parseEffects(f, &d)
	b.parseSelect(f, d.Select)
	if d.Projection != nil && len(f.errs) == 0 {
		b.parseProjection(f, d.Projection)
	}
	return b
}

func (b *Budget) parsePeriod(f *faults, d *budgetDef, zone *time.Location) {
	if d.Timezone != "" {
		loc, err := time.LoadLocation(d.Timezone)
		if err != nil {
			f.add("timezone", "%q: %w", d.Timezone, err)
			return
		}
		zone = loc
	}
	text := d.Period
	if text == "" || (text == "session" && b.Scope == Session) {
		text = "lifetime"
	}
	var err error
	b.period, err = parsePeriod(text, zone)
	f.note(err)
	b.halfLife = b.period.halfLife()
}

func (b *Budget) parseEffects(f *faults, d *budgetDef) {
	for _, w := range b.WarnAt {
		if !(w > 0 && w <= 1) {
			f.add("warn_at", "%v is not above 0 and at most 1", w)
		}
	}
	mode, err := choose("mode", d.Mode, "warn", modeNames)
	f.note(err)
	effect, err := choose("on_exceed", d.OnExceed, "warn", effectNames)
	f.note(err)
	unpriced, err := choose("unpriced", d.Unpriced, "ignore", []string{"ignore", "upper_bound"})
	f.note(err)
	b.Mode, b.OnExceed, b.UpperBound = Mode(mode), Effect(effect), unpriced == 1
	if b.UpperBound && b.Unit != USD {
		f.add("unpriced", "%q needs limit_usd", d.Unpriced)
	}
}

func (b *Budget) parseProjection(f *faults, d *projectionDef) {
	action, err := choose("projection.action", d.Action, "warn", effectNames)
	f.note(err)
	p := &projection{action: Effect(action), calls: 5, elapsed: 5 * time.Second, spend: b.Limit.Float() / 10}
	if d.Horizon != "" {
		if p.horizon, err = time.ParseDuration(d.Horizon); err != nil || p.horizon <= 0 {
			f.add("projection.horizon", "%q is no positive duration", d.Horizon)
		}
	} else if !b.period.calendar() {
		f.add("projection.horizon", "a period of %s needs one", b.period)
	}
	if c := d.Floors.Calls; c != nil {
		if *c < 0 {
			f.add("projection.floors.calls", "%d is negative", *c)
		}
		p.calls = uint64(max(0, *c))
	}
	if s := d.Floors.Elapsed; s != "" {
		if p.elapsed, err = time.ParseDuration(s); err != nil || p.elapsed < 0 {
			f.add("projection.floors.elapsed", "%q is no duration of 0 or more", s)
		}
	}
	usd, spend := d.Floors.SpendUSD, d.Floors.Spend
	if usd != nil && b.Unit != USD {
		f.add("projection.floors.spend_usd", "%v of a budget of %s; use spend", *usd, b.Unit)
	}
	if usd != nil && spend != nil {
		f.add("projection.floors.spend", "%v besides spend_usd; one of them", *spend)
	}
	p.parseFloor(f, "projection.floors.spend_usd", usd, b.Unit)
	p.parseFloor(f, "projection.floors.spend", spend, b.Unit)
	b.projection, b.pairs = p, b.period.burnPairs()
}

func (p *projection) parseFloor(f *faults, key string, v *float64, u Unit) {
	if v == nil {
		return
	}
	if !(*v >= 0) || math.IsInf(*v, 0) {
		f.add(key, "%v is no amount of 0 or more", *v)
	}
	p.spend = *v * u.Scale()
}

// parseLimit takes the one limit of the budget.
func (b *Budget) parseLimit(f *faults, d *budgetDef) {
	found := 0
	for i, n := range []*yaml.Node{&d.LimitUSD, &d.LimitTokens, &d.LimitCalls, &d.LimitToolCalls, &d.LimitWallClock} {
		if n.IsZero() {
			continue
		}
		found++
		b.Unit = Unit(i)
		key := "limit_" + b.Unit.String()
		n = resolved(n)
		if n.Kind != yaml.ScalarNode {
			f.add(key, "want one amount")
			continue
		}
		limit, err := parseAmount(n.Value, b.Unit)
		if err != nil {
			f.add(key, "%q: %w", n.Value, err)
		}
		b.Limit = SumOf(limit)
	}
	if found != 1 {
		f.add("id", "%q has %d limits, want one of limit_usd, limit_tokens, limit_calls, limit_tool_calls, limit_wall_clock", b.ID, found)
	}
	if b.Unit == WallClock && b.period.kind == rolling {
		f.add("period", "%s cannot limit wall_clock", b.period)
	}
}

func parseAmount(s string, u Unit) (uint64, error) {
	switch u {
	case USD:
		p, err := pricing.ParseUSD(s)
		return uint64(p), err
	case WallClock:
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, errors.New("want a duration of 0 or more, as in 30m")
		}
		return uint64(d), nil
	default:
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, errors.New("want a whole number of 0 or more")
		}
		return n, nil
	}
}

func (b *Budget) parseSelect(f *faults, m map[string]string) {
	for s, key := range scopeNames {
		glob, ok := m[key]
		if !ok {
			continue
		}
		if glob == "" {
			f.add("select."+key, "an empty pattern matches nothing")
		}
		if strings.Trim(glob, "*") == "" {
			continue // takes every key, the unknown too
		}
		b.selects = append(b.selects, selector{scope: Scope(s), glob: glob})
		b.foreign = b.foreign || (Scope(s) != b.Scope && Scope(s) != Tenant)
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(scopeNames, key) {
			f.note(fmt.Errorf("select.%s: %q is no scope", key, key))
		}
	}
}
