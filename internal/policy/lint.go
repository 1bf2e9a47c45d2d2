package policy

import (
	"cmp"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
)

// Warning is something a registry says that its author may not mean.
type Warning struct {
	Place Place
	Agent string
	// Rule is the id of the rule, "" where an entry as a whole is meant.
	Rule string
	// Code is one of the closed list in the README.
	Code    string
	Message string
	// Serious says that the entry does not do what it seems to.
	Serious bool
}

// String returns "file:line:column: code: agent/rule: message".
func (w Warning) String() string {
	who := w.Agent
	if w.Rule != "" {
		who += "/" + w.Rule
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s: %s", w.Place.File, w.Place.Line, w.Place.Column, w.Code, who, w.Message)
}

// expiresSoon is how long before the end of an entry its owner is warned.
const expiresSoon = 30 * 24 * time.Hour

type linter struct{ out []Warning }

func (l *linter) warn(serious bool, a *Agent, r *Rule, code, format string, args ...any) {
	w := Warning{Place: a.place, Agent: a.id, Code: code, Message: fmt.Sprintf(format, args...), Serious: serious}
	if r != nil {
		w.Place, w.Rule = r.place, r.id
	}
	l.out = append(l.out, w)
}

// Lint returns what looks wrong in a registry that loads, in the order of files
// and lines. now is what entries are held to be expired by.
func (r *Registry) Lint(now time.Time) []Warning {
	l := &linter{}
	for _, a := range r.ordered {
		l.entry(a, now)
		for _, rule := range a.rules {
			l.rule(a, rule)
		}
		l.shadows(a)
	}
	slices.SortStableFunc(l.out, func(x, y Warning) int {
		return cmp.Or(cmp.Compare(x.Place.File, y.Place.File), cmp.Compare(x.Place.Line, y.Place.Line),
			cmp.Compare(x.Place.Column, y.Place.Column), cmp.Compare(x.Code, y.Code))
	})
	return l.out
}

func (l *linter) entry(a *Agent, now time.Time) {
	switch {
	case a.until.IsZero():
	case !now.Before(a.until):
		l.warn(true, a, nil, "expired", "the entry ran out on %s: every action is a violation", a.until.Format(time.DateOnly))
	case a.until.Sub(now) < expiresSoon:
		l.warn(false, a, nil, "expires-soon", "the entry runs out on %s", a.until.Format(time.DateOnly))
	}
	if len(a.matches) == 0 {
		l.warn(true, a, nil, "no-match", "no agent.match: nothing is ever bound to this entry")
	}
	if a.principals.allow != nil && len(a.principals.allow) == 0 {
		l.warn(true, a, nil, "no-principal", "principals.allow is empty: nobody may ask it")
	}
	if len(a.lists[inAllow])+len(a.lists[inAsk]) == 0 && !a.models.written && a.delegation == nil {
		l.warn(false, a, nil, "no-rules", "no allow, ask, models or delegation: whatever it does but call models is a violation")
	}
	if a.delegation != nil && len(a.delegation.to) == 0 && len(a.delegation.Scope) > 0 {
		l.warn(false, a, nil, "scope-without-to", "delegation.scope without delegation.to passes nothing on")
	}
	if slices.ContainsFunc(a.delegationTargets(), isEverything) {
		l.warn(false, a, nil, "broad", "delegation.to takes any agent")
	}
	if slices.ContainsFunc(alternatives(a.principals.allow), isEverything) {
		l.warn(false, a, nil, "broad", "principals.allow takes anybody: leave it out, or name a domain")
	}
}

func (a *Agent) delegationTargets() [][]token {
	if a.delegation == nil {
		return nil
	}
	return alternatives(a.delegation.to)
}

func alternatives(globs []*glob) [][]token {
	var out [][]token
	for _, g := range globs {
		out = append(out, g.alts...)
	}
	return out
}

func (l *linter) rule(a *Agent, r *Rule) {
	if r.list != inDeny {
		l.broad(a, r)
	}
	if r.list == inAllow && r.operations != 0 && r.operations&^(opInvokeModel|opDelegate) == 0 {
		l.warn(true, a, r, "no-effect", "model calls are judged by models, hand-overs by delegation.to; this allow rule does nothing")
	}
	if r.resources != nil && len(r.resources) == 0 {
		l.warn(true, a, r, "unreachable", "resources is empty: the rule never matches")
	}
	if r.list == inAsk && len(r.approvers.Any) == 0 && !slices.Contains(r.approvers.Not, "requester") {
		l.warn(false, a, r, "any-approver", "anybody may approve, the requester too; name approvers")
	}
	for _, name := range r.argNames {
		l.schema(a, r, r.args[name])
	}
}

func (l *linter) broad(a *Agent, r *Rule) {
	if r.tool == nil || slices.ContainsFunc(r.tool.alts, isEverything) {
		l.warn(false, a, r, "broad", "takes any tool: name the tools, or a server such as mcp/erp/*")
	} else if slices.ContainsFunc(r.tool.alts, func(alt []token) bool { return prefix(alt) == "" }) {
		l.warn(false, a, r, "broad", "tool %q begins with a wildcard: any server may offer a tool of this name", r.tool.source)
	}
	for _, g := range r.resources {
		switch {
		case slices.ContainsFunc(g.alts, isEverything):
			l.warn(false, a, r, "broad", "a bare ** takes any resource: leave resources out if that is meant")
		case slices.ContainsFunc(g.alts, anyHost):
			l.warn(false, a, r, "broad", "resource %q takes any host", g.source)
		}
	}
}

// anyHost reports whether a pattern leaves the host of a URL open.
func anyHost(alt []token) bool {
	p := prefix(alt)
	return len(alt) > 1 && strings.HasSuffix(p, "://") && p != "file://" || p == "" && len(alt) > 0 && alt[0].kind == tokAny
}

func (l *linter) schema(a *Agent, r *Rule, s *schema) {
	if s == nil {
		return
	}
	if s.pattern != nil && !anchored(s.pattern.String()) {
		l.warn(r.list == inAllow, a, r, "unanchored", "pattern %q of %s fits anywhere in the text; write ^…$", s.pattern, orNone(s.name))
	}
	if s.min != nil && s.max != nil {
		if c := s.min.cmp(*s.max); c > 0 || c == 0 && (s.minOpen || s.maxOpen) {
			l.warn(true, a, r, "unreachable", "no number fits the bounds of %s", orNone(s.name))
		}
	}
	if s.maxLength >= 0 && s.minLength > s.maxLength {
		l.warn(true, a, r, "unreachable", "no text fits the lengths of %s", orNone(s.name))
	}
	if values, ok := s.finite(); ok && !slices.ContainsFunc(values, func(v value) bool { t, _ := s.check(&v); return t == True }) {
		l.warn(true, a, r, "unreachable", "no listed value of %s fits its other keywords", orNone(s.name))
	}
	l.schema(a, r, s.items)
	for _, name := range s.names {
		l.schema(a, r, s.properties[name])
	}
}

// anchored reports whether every way a pattern can match begins at the start of
// the text and stops at its end.
func anchored(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && anchoredAt(re, syntax.OpBeginText) && anchoredAt(re, syntax.OpEndText)
}

func anchoredAt(re *syntax.Regexp, op syntax.Op) bool {
	switch re.Op {
	case op:
		return true
	case syntax.OpCapture:
		return anchoredAt(re.Sub[0], op)
	case syntax.OpConcat:
		if op == syntax.OpBeginText {
			return anchoredAt(re.Sub[0], op)
		}
		return anchoredAt(re.Sub[len(re.Sub)-1], op)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !anchoredAt(s, op) })
	default:
		return false
	}
}

// shadows finds rules that another rule makes pointless.
func (l *linter) shadows(a *Agent) {
	for _, r := range a.rules {
		if r.list == inDeny {
			continue
		}
		for _, other := range a.candidates(inDeny, r) {
			if (region{rule: r}).covered(other) == True {
				l.warn(true, a, r, "denied", "everything it covers is denied by %q on line %d", other.id, other.place.Line)
				break
			}
		}
		for _, other := range a.candidates(r.list, r) {
			if other != r && (region{rule: r}).covered(other) == True && ((region{rule: other}).covered(r) != True || other.order < r.order) {
				l.warn(r.list == inAllow, a, r, "unreachable", "everything it covers is covered by %q on line %d", other.id, other.place.Line)
				break
			}
		}
	}
}

// maxShadowPairs bounds the rules each rule is compared with.
const maxShadowPairs = 2000

// candidates returns the rules of a list whose tool may take in that of r.
func (a *Agent) candidates(list listKind, r *Rule) []*Rule {
	all := a.lists[list]
	if len(all) <= maxShadowPairs && len(all)*len(a.rules) <= maxShadowPairs*maxShadowPairs/4 {
		return all
	}
	var out []*Rule
	if r.tool == nil {
		return nil
	}
	name := prefix(r.tool.alts[0])
	for i := 0; len(out) < maxShadowPairs; i++ {
		ids, more := a.index[list].bucket(name, i)
		if !more {
			break
		}
		for _, id := range ids {
			out = append(out, all[id])
		}
	}
	return out
}

// covered says whether each action of the region matches a rule of its own entry:
// for a deny rule, whether it is denied.
func (g region) covered(by *Rule) Truth {
	if by.rate.Max > 0 {
		return Unknown // it covers only so many
	}
	return g.within([]*Rule{by}, nil)
}
