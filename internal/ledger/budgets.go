package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Budgets is an immutable set of budgets. The zero value and nil hold none.
type Budgets struct {
	version    string
	timezone   *time.Location // of what is built in code on top
	haltOnLoss bool
	list       []*Budget
	byID       map[string]*Budget
	open       [scopes][]*Budget            // for any key that fits their patterns
	exact      [scopes]map[string][]*Budget // for one key: looking at all of them would cost each charge
	partScopes [scopes][3]bool              // which parts any budget of the scope is kept for
}

// Budget is one compiled budget.
type Budget struct {
	ID         string
	Source     string // where it was written, as "budgets.yaml:12"
	Scope      Scope
	Unit       Unit
	Limit      Sum
	WarnAt     []float64 // ascending
	OnExceed   Effect
	Mode       Mode
	UpperBound bool // unpriced calls count with their bound
	Controls   []string
	Reason     string

	period     period
	halfLife   float64 // of the fast rate, in seconds
	selects    []selector
	foreign    bool // selects by keys of other scopes too
	projection *projection
	pairs      []burnPair
}

// Period returns the period as budget files write it.
func (b *Budget) Period() string { return b.period.text }

type selector struct {
	scope Scope
	glob  string
	exact bool // the pattern is a key, whatever it contains
}

func (s *selector) fits(key string) bool {
	if s.exact {
		return s.glob == key
	}
	return globMatch(s.glob, key)
}

// literal reports whether one key alone fits.
func (s *selector) literal() bool { return s.exact || !strings.Contains(s.glob, "*") }

type projection struct {
	horizon time.Duration
	action  Effect
	calls   uint64
	elapsed time.Duration
	spend   float64
}

// Version returns the hash of what the budgets were made from: "sha256:" and 16
// hex digits; "" of none.
func (b *Budgets) Version() string {
	if b == nil {
		return ""
	}
	return b.version
}

// All returns the budgets: the file's in its order, then those built in code by
// id. The slice must not be written.
func (b *Budgets) All() []*Budget {
	if b == nil {
		return nil
	}
	return b.list
}

// HaltOnStateLoss reports what on_state_loss of the file says: with halt, a
// ledger that lost its state is to be halted until a person looked at it; with
// allow, the default, it starts anew and says so.
func (b *Budgets) HaltOnStateLoss() bool { return b != nil && b.haltOnLoss }

// add puts a budget into the indexes, or says who has its id.
func (b *Budgets) add(n *Budget) error {
	if o := b.byID[n.ID]; o != nil {
		return fmt.Errorf("id: %q is taken by the budget of %s", n.ID, o.Source)
	}
	if b.byID == nil {
		b.byID = map[string]*Budget{}
	}
	b.byID[n.ID] = n
	b.list = append(b.list, n)
	b.partScopes[n.Scope][n.period.part()] = true
	if key, ok := n.onlyKey(); ok {
		if b.exact[n.Scope] == nil {
			b.exact[n.Scope] = map[string][]*Budget{}
		}
		b.exact[n.Scope][key] = append(b.exact[n.Scope][key], n)
		return nil
	}
	b.open[n.Scope] = append(b.open[n.Scope], n)
	return nil
}

// onlyKey returns the one key that the budget can be about.
func (b *Budget) onlyKey() (string, bool) {
	for i := range b.selects {
		if s := &b.selects[i]; s.scope == b.Scope && s.literal() {
			return s.glob, true
		}
	}
	return "", false
}

// of returns the budgets that may be about a key.
func (b *Budgets) of(scope Scope, key string) [2][]*Budget {
	return [2][]*Budget{b.open[scope], b.exact[scope][key]}
}

// hasPart reports whether any budget is kept for this part of the key.
func (b *Budgets) hasPart(scope Scope, key string, p part, id string, c *Charge) bool {
	if !b.partScopes[scope][p] || id == "" || (key == "" && scope != Tenant) {
		return false
	}
	for _, some := range b.of(scope, key) {
		for _, n := range some {
			if n.period.part() == p && n.matches(&c.Scopes, key) {
				return true
			}
		}
	}
	return false
}

// CheckEdit reports what a new set may not do without saying why: raising a
// budget's mode needs its reason. Lowering one is free.
func (b *Budgets) CheckEdit(next *Budgets) error {
	var errs []error
	for _, n := range next.All() {
		if b == nil {
			break
		}
		if o := b.byID[n.ID]; o != nil && n.Mode > o.Mode && n.Reason == "" {
			errs = append(errs, fmt.Errorf("%s: budget %q: mode: raising it from %s to %s needs a reason", n.Source, n.ID, o.Mode, n.Mode))
		}
	}
	return errors.Join(errs...)
}

// matches reports whether the budget applies to a key that an action of these
// scopes is charged to. A pattern of * also takes what is unknown. A pattern of
// the budget's own scope is about the charged key: an agent's budget also holds
// what the agents below it spend.
func (b *Budget) matches(s *Scopes, key string) bool {
	for i := range b.selects {
		sel := &b.selects[i]
		k := key
		if sel.scope != b.Scope {
			k = s.key(sel.scope)
		}
		if !sel.fits(k) {
			return false
		}
	}
	return true
}

// globMatch reports whether s fits the pattern, whose * stands for any text.
func globMatch(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], next
	}
}
