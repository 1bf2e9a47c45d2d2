package ledger

import (
	"math/big"
	"slices"
	"strings"
	"time"
)

// model is a ledger that is slow and obvious: it keeps every charge it took,
// adds up big integers, and asks the calendar by its names.
type model struct {
	verdict  map[ID]Repeat
	claims   map[ID][]claim
	once     map[string]bool
	spend    map[string]*sums       // scope|tenant|key
	counted  map[string]*sums       // budget|tenant|key|part|period
	open     map[string]string      // budget|tenant|key|part → the newest period
	exceeded map[string]bool        // as counted
	halted   map[string]bool        // as open
	windows  map[string][]modelCall // as open: what rolling windows saw
	budgets  []modelBudget
	fired    []string // what the charge at hand must raise
}

type sums struct{ usd, bound, own, tokens, calls, tools, unpriced big.Int }

type modelCall struct {
	end time.Time
	n   int64
}

type modelBudget struct {
	id      string
	scope   Scope
	unit    Unit
	bound   bool
	limit   int64
	period  string // "", "run", "session", "rolling", or the layout that names the period
	zone    *time.Location
	fits    func(s *Scopes, key string) bool
	enforce bool
}

func newModel(bs []modelBudget) *model {
	return &model{
		verdict: map[ID]Repeat{}, claims: map[ID][]claim{}, once: map[string]bool{}, spend: map[string]*sums{}, counted: map[string]*sums{},
		open: map[string]string{}, exceeded: map[string]bool{}, halted: map[string]bool{}, windows: map[string][]modelCall{}, budgets: bs,
	}
}

func (s *sums) add(c *Charge, own bool) {
	one := big.NewInt(1)
	tokens := new(big.Int).SetUint64(c.Tokens)
	p, known := c.Cost.Pico()
	cost := new(big.Int).SetUint64(uint64(p))
	s.usd.Add(&s.usd, cost)
	if own {
		s.own.Add(&s.own, cost)
	}
	s.tokens.Add(&s.tokens, tokens)
	switch c.Kind {
	case ModelCall:
		s.calls.Add(&s.calls, one)
		if !known {
			s.unpriced.Add(&s.unpriced, one)
			b, _ := c.Bound.Pico()
			s.bound.Add(&s.bound, new(big.Int).SetUint64(uint64(b)))
		}
	case ToolCall:
		s.tools.Add(&s.tools, one)
	case Other:
	}
}

func (s *sums) of(b *modelBudget) *big.Int {
	switch b.unit {
	case USD:
		if b.bound {
			return new(big.Int).Add(&s.usd, &s.bound)
		}
		return &s.usd
	case Tokens:
		return &s.tokens
	case Calls:
		return &s.calls
	default:
		return &s.tools
	}
}

func (m *model) charge(c *Charge) Repeat {
	m.fired = nil
	was, again := m.verdict[c.Action]
	if again && was == SameResponse {
		return SameResponse
	}
	if !again && m.repeats(c) {
		m.verdict[c.Action] = SameResponse
		return SameResponse
	}
	m.verdict[c.Action] = SameAction
	tell := func(scope Scope, key, run string, whole, byRun, bySession string) {
		if key == "" && scope != Tenant {
			return
		}
		m.tell(c, scope, key, "", "", whole)
		m.tell(c, scope, key, "run", run, byRun)
		m.tell(c, scope, key, "session", c.Session, bySession)
	}
	a := string(c.Action[:])
	for _, scope := range []Scope{Tenant, Project, Agent, Session, Principal} {
		tell(scope, c.key(scope), c.Run, a+scope.String()+c.key(scope), a+scope.String()+c.key(scope)+c.Run, a+scope.String()+c.key(scope)+"S")
	}
	for i, agent := range c.Ancestors {
		tell(Agent, agent, c.ancestorRun(i), a+"agent"+agent, a+"agent"+agent+c.ancestorRun(i), a+"agent"+agent+"S")
	}
	tell(DelegationRoot, c.Root, c.Run, a+"root", a+"root"+c.Run, a+"rootS")
	if again {
		return SameAction
	}
	return FirstSeen
}

func (m *model) repeats(c *Charge) bool {
	if c.Response == (ID{}) || c.Kind != ModelCall {
		return false
	}
	mine := claim{foldTrace(c.Trace), c.Tokens}
	for _, k := range m.claims[c.Response] {
		if k.trace == mine.trace || k.tokens == mine.tokens || (c.Tokens == 0 && !c.Cost.Known()) {
			return true
		}
	}
	if c.Cost.Known() && len(m.claims[c.Response]) < maxClaims {
		m.claims[c.Response] = append(m.claims[c.Response], mine)
	}
	return false
}

func entryIn[V any](m map[string]*V, k string) *V {
	if m[k] == nil {
		m[k] = new(V)
	}
	return m[k]
}

// tell books a charge to one part of a key, unless it was: once names it.
func (m *model) tell(c *Charge, scope Scope, key, part, id, once string) {
	if m.once[part+once] || (part != "" && id == "") {
		return
	}
	m.once[part+once] = true
	if part == "" {
		entryIn(m.spend, join(scope.String(), c.Tenant, key)).add(c, scope == Agent && key == c.Agent)
	}
	for i := range m.budgets {
		b := &m.budgets[i]
		if b.scope != scope || (b.fits != nil && !b.fits(&c.Scopes, key)) || (b.period == "run" || b.period == "session") != (part != "") {
			continue
		}
		if part == "" || b.period == part {
			m.book(c, b, join(b.id, c.Tenant, key, id))
		}
	}
}

func join(parts ...string) string { return strings.Join(parts, "|") }

func (m *model) book(c *Charge, b *modelBudget, k string) {
	if b.period == "rolling" {
		m.windows[k] = append(m.windows[k], modelCall{c.End, int64(c.Tokens)})
		return
	}
	period := ""
	if b.zone != nil {
		period = periodName(c.End.In(b.zone), b.period)
	}
	if period > m.open[k] {
		m.halted[k] = false
	}
	m.open[k] = max(m.open[k], period)
	s := entryIn(m.counted, k+"|"+period)
	s.add(c, false)
	p, known := c.Cost.Pico()
	free := b.unit == USD && known && p == 0
	if period == m.open[k] && !free && s.of(b).Cmp(big.NewInt(b.limit)) > 0 && !m.exceeded[k+"|"+period] {
		m.exceeded[k+"|"+period] = true
		m.halted[k] = b.enforce
		m.fired = append(m.fired, string(BudgetExceeded)+" "+b.id)
		if b.enforce {
			m.fired = append(m.fired, string(BudgetHalt)+" "+b.id)
		}
	}
}

func periodName(t time.Time, layout string) string {
	if layout == "week" {
		for t.Weekday() != time.Monday {
			t = t.AddDate(0, 0, -1)
		}
		layout = "2006-01-02"
	}
	return t.Format(layout)
}

// window returns the least and the most that a rolling window that ends at the
// last charge may hold: its slots leave whole.
func (m *model) window(k string, roll time.Duration) (low, high uint64) {
	calls := m.windows[k]
	last := slices.MaxFunc(calls, func(a, b modelCall) int { return a.end.Compare(b.end) }).end
	for _, c := range calls {
		age := last.Sub(c.end)
		if age < roll {
			low += uint64(c.n)
		}
		if age < roll+2*roll/rollingSlots {
			high += uint64(c.n)
		}
	}
	return low, high
}
