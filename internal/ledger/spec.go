package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Spec is a budget that is built in code: one of the `budgets:` of an agent in
// the registry. Its id is agent/<agent>/<kind>/<per>.
type Spec struct {
	// Source is where it was written, as "agents.yaml:69", for errors.
	Source string
	// Agent is the agent's id, taken as it is and no pattern. The budget holds
	// what this agent spends and what the agents below it do.
	Agent string
	// Tenant narrows it to one tenant; "" means the agent in each of them, with a
	// balance of its own.
	Tenant string
	// Kind is cost_usd, tokens, calls, tool_calls or wall_clock.
	Kind string
	// Limit is an amount in USD, a whole number, or a duration of wall_clock.
	Limit string
	// Per is run, session, hour, day, week, month, lifetime or rolling:<duration>.
	Per string
	// Timezone is where days start; "" means the budget file's time zone.
	Timezone string
	// OnExceed is warn, deny or halt, warn if empty; Mode is the agent's: shadow,
	// warn or enforce, warn if empty; Reason is why the mode was raised.
	OnExceed, Mode, Reason string
	Controls               []string
}

// ID returns the id of the spec's budget.
func (s *Spec) ID() string {
	id := "agent/" + s.Agent + "/" + s.Kind + "/" + s.Per
	if s.Tenant != "" {
		id = "tenant/" + s.Tenant + "/" + id
	}
	return id
}

var specUnits = []string{"cost_usd", "tokens", "calls", "tool_calls", "wall_clock"}

// NewBudgets returns the budgets of a file, which may be nil, and of specs
// besides, in whatever order. An id that is used twice is refused with both its
// sources. The version covers file and specs; the error names all faults.
func NewBudgets(file *Budgets, extra []Spec) (*Budgets, error) {
	out := &Budgets{}
	if file != nil {
		out.version, out.timezone, out.haltOnLoss = file.version, file.timezone, file.haltOnLoss
	}
	for _, b := range file.All() {
		if err := out.add(b); err != nil {
			return nil, err // unreachable: the file was parsed
		}
	}
	if len(extra) == 0 {
		return out, nil
	}
	sorted := slices.Clone(extra)
	slices.SortStableFunc(sorted, func(a, b Spec) int { return cmp.Compare(a.ID(), b.ID()) })
	text := fmt.Appendf(nil, "%q\n", out.version)
	var errs []error
	for i := range sorted {
		s := &sorted[i]
		b, err := s.compile(out.timezone)
		if err == nil {
			err = out.add(b)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Source, err))
			continue
		}
		text = fmt.Appendf(text, "%q %q %q %q %q %q %q %q %q\n", s.ID(), s.Agent, s.Tenant, s.Limit, b.period.loc, s.OnExceed, s.Mode, s.Reason, s.Controls)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	out.version = "sha256:" + hex.EncodeToString(sum[:8])
	return out, nil
}

// compile makes the budget of a spec, or says all that is wrong with it.
func (s *Spec) compile(loc *time.Location) (*Budget, error) {
	b := &Budget{ID: s.ID(), Source: s.Source, Scope: Agent, Reason: s.Reason, Controls: s.Controls}
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if s.Agent == "" {
		note(errors.New("agent: a budget needs one"))
	}
	if s.Timezone != "" || loc == nil {
		var err error
		if loc, err = time.LoadLocation(s.Timezone); err != nil {
			note(fmt.Errorf("timezone: %q: %w", s.Timezone, err))
		}
	}
	if s.Per == "" {
		note(errors.New("per: a budget of an agent needs one"))
	} else {
		p, err := parsePeriod(s.Per, loc)
		if err != nil {
			err = fmt.Errorf("per: %s", strings.TrimPrefix(err.Error(), "period: "))
		}
		note(err)
		b.period = p
		b.halfLife = p.halfLife()
	}
	if unit, err := choose("kind", s.Kind, "", specUnits); err != nil {
		note(err)
	} else {
		b.Unit = Unit(unit)
		limit, err := parseAmount(s.Limit, b.Unit)
		if err != nil {
			note(fmt.Errorf("limit: %q: %w", s.Limit, err))
		}
		b.Limit = SumOf(limit)
		if b.Unit == WallClock && b.period.kind == rolling {
			note(fmt.Errorf("per: %s cannot limit wall_clock", b.period))
		}
	}
	effect, err := choose("on_exceed", s.OnExceed, "warn", effectNames)
	note(err)
	mode, err := choose("mode", s.Mode, "warn", modeNames)
	note(err)
	b.OnExceed, b.Mode = Effect(effect), Mode(mode)
	b.selects = []selector{{Agent, s.Agent, true}}
	if s.Tenant != "" {
		b.selects = append(b.selects, selector{Tenant, s.Tenant, true})
	}
	return b, errors.Join(errs...)
}
