package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// RulePerson is the rule of a halt that a person ordered.
const RulePerson = "person"

// Halt is a latched halt or denial of one key: by one budget, or by order.
type Halt struct {
	Budget      string // "" of an order
	Scope       Scope
	Tenant, Key string
	Run         string // the part of the key that is halted; "" means all of it
	Session     string // likewise
	Effect      Effect // EffectDeny or EffectHalt
	Since       time.Time
	Until       time.Time // the period's end; zero: until it is released
	Action      ID        // whose charge proved it; zero of an order
	// Rule is "limit" or "projection" of a budget; of an order RulePerson, or the
	// rule of whoever gave it.
	Rule            string
	By              string // who ordered it; "" of a budget
	Reason          string // a sentence
	Observed, Limit Sum
	Unit            Unit
	PolicyVersion   string
}

// ID names this latch and no later one of the same key: 16 hex digits, equal
// after every restart.
func (h *Halt) ID() string {
	b := []byte(h.Scope.String())
	for _, s := range []string{h.Budget, h.Tenant, h.Key, h.Run, h.Session} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	if h.Budget == "" {
		b = append(b, h.Rule...)
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(nanos(h.Since))))
	return hex.EncodeToString(sum[:8])
}

// Order is a halt that no budget has set: a person's, or another rule's.
type Order struct {
	Scope       Scope
	Tenant, Key string
	// Run or Session, not both, halt only that part of the key.
	Run, Session string
	Effect       Effect // EffectHalt or EffectDeny; EffectWarn, the zero value, means EffectHalt
	By           string // who gives the order
	Reason       string // why, in a sentence
	Rule         string // RulePerson if empty
	Until        time.Time
	Action       ID // the action that gave cause, if any
}

// Errors of Halt, Release and ReleaseID.
var (
	ErrNoHalt       = errors.New("no such halt")
	ErrNoReason     = errors.New("a halt or its release needs a person and a reason")
	ErrHaltExists   = errors.New("this key is halted by this rule already")
	ErrTooManyHalts = errors.New("too many halts in force")
	ErrOrder        = errors.New("no such halt can be ordered")
)

// Halt halts a key by order, from now until it is released or until the order's
// own end. One key has one halt of each rule; a second order is refused with
// ErrHaltExists and the halt in force. It covers the key's descendants as every
// halt does.
func (l *Ledger) Halt(o Order, now time.Time) (Halt, Event, error) {
	if o.By == "" || o.Reason == "" {
		return Halt{}, Event{}, ErrNoReason
	}
	if o.Scope == Tenant && o.Key == "" {
		o.Key = o.Tenant
	}
	k, err := o.key(now)
	if err != nil {
		return Halt{}, Event{}, err
	}
	h := Halt{
		Scope: o.Scope, Tenant: o.Tenant, Key: o.Key, Run: o.Run, Session: o.Session, Effect: o.Effect,
		Since: time.Unix(0, nanos(now)).UTC(), Action: o.Action, Rule: o.Rule, By: o.By, Reason: o.Reason, PolicyVersion: l.budgets.version,
	}
	if !o.Until.IsZero() {
		h.Until = time.Unix(0, nanos(o.Until)).UTC()
	}
	if h.Rule == "" {
		h.Rule = RulePerson
	}
	if h.Effect == EffectWarn {
		h.Effect = EffectHalt
	}
	for _, held := range l.halts[k] {
		if held.Budget == "" && held.Rule == h.Rule {
			return held, Event{}, ErrHaltExists
		}
	}
	if l.haltCount >= l.opt.MaxHalts {
		l.counters.RefusedHalts++
		return Halt{}, Event{}, ErrTooManyHalts
	}
	l.setHalts(k, append(l.halts[k], h))
	l.stepped()
	return h, l.haltEvent(&h, h.Since), nil
}

const maxOrder = 8 << 10

func (o *Order) key(now time.Time) (accountKey, error) {
	k := accountKey{scope: o.Scope, tenant: o.Tenant, key: o.Key, run: o.Run}
	switch {
	case o.Scope >= scopes:
		return k, fmt.Errorf("%w: scope %s", ErrOrder, o.Scope)
	case o.Effect > EffectHalt:
		return k, fmt.Errorf("%w: effect %s", ErrOrder, o.Effect)
	case o.Scope == Tenant && o.Key != o.Tenant:
		return k, fmt.Errorf("%w: tenant %q of tenant %q", ErrOrder, o.Key, o.Tenant)
	case len(o.Tenant)+len(o.Key)+len(o.Run)+len(o.Session)+len(o.By)+len(o.Reason)+len(o.Rule) > maxOrder:
		return k, fmt.Errorf("%w: more than %d bytes", ErrOrder, maxOrder)
	case o.Scope != Tenant && o.Key == "":
		return k, fmt.Errorf("%w: a %s without its key", ErrOrder, o.Scope)
	case o.Run != "" && o.Session != "":
		return k, fmt.Errorf("%w: a run and a session at once", ErrOrder)
	case !o.Until.IsZero() && !o.Until.After(now):
		return k, fmt.Errorf("%w: it would end at %s, before it starts", ErrOrder, o.Until.UTC().Format(time.RFC3339))
	case o.Session != "":
		k.run, k.bySession = o.Session, true
	}
	return k, nil
}

// setHalts replaces the halts of a key.
func (l *Ledger) setHalts(k accountKey, hs []Halt) {
	l.haltCount += len(hs) - len(l.halts[k])
	if len(hs) == 0 {
		delete(l.halts, k)
		return
	}
	l.halts[k] = hs
}

// halt latches a halt or denial of a budget, once for each budget and key.
func (l *Ledger) halt(a *account, c *cell, b *Budget, effect Effect, rule string, action ID, now int64, events []Event) []Event {
	if b.Mode != Enforce || effect == EffectWarn || c.pardon >= gravity(rule) {
		return events
	}
	held := l.halts[a.accountKey]
	i := slices.IndexFunc(held, func(h Halt) bool { return h.Budget == b.ID })
	if i >= 0 && held[i].Effect >= effect {
		return events
	}
	if i < 0 && l.haltCount >= l.opt.MaxHalts {
		l.counters.RefusedHalts++
		return events
	}
	ev := l.event(a, c, b, action, now)
	ev.Type, ev.Rule, ev.Effect = BudgetHalt, rule, effect
	h := Halt{
		Budget: b.ID, Scope: a.scope, Tenant: a.tenant, Key: a.key, Run: ev.Run, Session: ev.Session, Effect: effect, Since: ev.At, Until: ev.PeriodEnd,
		Action: action, Rule: rule, Observed: ev.Observed, Limit: b.Limit, Unit: b.Unit, PolicyVersion: l.budgets.version,
	}
	h.Reason = haltReason(&ev)
	ev.Reason, ev.HaltID = h.Reason, h.ID()
	if i >= 0 {
		held[i] = h
	} else {
		l.setHalts(a.accountKey, append(held, h))
	}
	return append(events, ev)
}

// haltReason says in a sentence why a budget halts.
func haltReason(ev *Event) string {
	spent, limit := ev.Observed.Text(ev.Unit), ev.Limit.Text(ev.Unit)
	if ev.Rule == "limit" || ev.Projection == nil {
		return fmt.Sprintf("%s spent of a limit of %s in budget %q", spent, limit, ev.Budget)
	}
	return fmt.Sprintf("%s spent, and at least %.6g projected within %s, of a limit of %s in budget %q",
		spent, ev.Projection.Low, ev.Projection.Horizon, limit, ev.Budget)
}

// Halts returns all halts and denials in force, oldest first.
func (l *Ledger) Halts() []Halt {
	return l.haltsWhere(make([]Halt, 0, l.haltCount), func(*Halt) bool { return true })
}

func (l *Ledger) haltsWhere(out []Halt, is func(*Halt) bool) []Halt {
	for _, hs := range l.halts {
		for i := range hs {
			if is(&hs[i]) {
				out = append(out, hs[i])
			}
		}
	}
	slices.SortFunc(out, func(a, b Halt) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return cmpKeys(a.accountKey(), a.Budget+"\x00"+a.Rule, b.accountKey(), b.Budget+"\x00"+b.Rule)
	})
	return out
}

func (h *Halt) accountKey() accountKey {
	k := accountKey{scope: h.Scope, tenant: h.Tenant, key: h.Key, run: h.Run}
	if h.Session != "" {
		k.run, k.bySession = h.Session, true
	}
	return k
}

// Halted returns the strictest halt or denial that covers the scopes, the
// oldest of equals. It allocates nothing and costs next to nothing while
// nothing is halted.
func (l *Ledger) Halted(s *Scopes) (Halt, bool) {
	if len(l.halts) == 0 {
		return Halt{}, false
	}
	var found *Halt
	for scope := range scopes {
		if key := s.key(scope); key != "" || scope == Tenant {
			found = l.strictest(found, scope, key, s.Run, s)
		}
	}
	for i, agent := range s.Ancestors {
		found = l.strictest(found, Agent, agent, s.ancestorRun(i), s)
	}
	if found == nil {
		return Halt{}, false
	}
	return *found, true
}

func (l *Ledger) strictest(found *Halt, scope Scope, key, run string, s *Scopes) *Halt {
	k := accountKey{scope: scope, tenant: s.Tenant, key: key}
	found = stricter(found, l.halts[k])
	if run != "" {
		k.run = run
		found = stricter(found, l.halts[k])
	}
	if s.Session != "" {
		k.run, k.bySession = s.Session, true
		found = stricter(found, l.halts[k])
	}
	return found
}

func stricter(found *Halt, hs []Halt) *Halt {
	for i := range hs {
		h := &hs[i]
		if found == nil || h.Effect > found.Effect || (h.Effect == found.Effect && h.Since.Before(found.Since)) {
			found = h
		}
	}
	return found
}
