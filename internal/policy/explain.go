package policy

import (
	"fmt"
	"strings"
)

// Step is what one rule made of an action.
type Step struct {
	Rule    *Rule
	Outcome Outcome
	// Considered is false for a rule whose tool cannot match, which a judgement
	// does not even look at.
	Considered bool
	// Why is one sentence.
	Why string
}

// Explanation is a judgement with every step of it.
type Explanation struct {
	Result
	Tool, Operation, Resource string
	// Notes say what became of the facts before they were held against rules, and
	// what the blocks of the entry say.
	Notes []string
	// Steps are all rules of the entry: deny, ask, allow, each in file order.
	Steps []Step
}

// Explain judges like Judge and says why. It is not fast.
func (a *Agent) Explain(q *Request) Explanation {
	var x Explanation
	a.Judge(q, &x.Result)
	if a == nil {
		x.Notes = []string{"no entry of the registry is bound to this agent"}
		return x
	}
	x.Tool, x.Operation, x.Resource = q.Resolved()
	x.Notes = a.notes(q)
	for _, list := range []listKind{inDeny, inAsk, inAllow} {
		skipped, why := a.skips(list, q)
		for _, r := range a.lists[list] {
			s := Step{Rule: r, Considered: !skipped || r.operations&opInvokeModel != 0 && list != inAllow}
			if s.Considered {
				s.Outcome = r.eval(q)
				s.Considered = s.Outcome.Failed != PartTool
				s.Why = describe(s.Outcome)
			} else {
				s.Why = why
			}
			x.Steps = append(x.Steps, s)
		}
	}
	return x
}

// skips says why a whole list is no matter for the action.
func (a *Agent) skips(list listKind, q *Request) (bool, string) {
	switch {
	case q.res.op == opInvokeModel && list == inAllow:
		return true, "model calls are judged by models"
	case q.res.op == opInvokeModel:
		return true, "only rules that name invoke_model apply to model calls"
	case q.res.op == opDelegate && list == inAllow:
		return true, "hand-overs are judged by delegation.to"
	default:
		return false, ""
	}
}

func describe(o Outcome) string {
	where := o.Failed.String()
	if o.Arg != "" {
		where += " " + o.Arg
	}
	switch o.Truth {
	case True:
		return "all parts hold"
	case Unknown:
		return "cannot be told without " + strings.Join(o.Missing.Paths(), ", ")
	default:
		return where + " does not hold: " + string(o.Reason)
	}
}

func (a *Agent) notes(q *Request) []string {
	var out []string
	note := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	s := &q.res
	if q.Tool != s.tool {
		note("tool %q is %q", q.Tool, s.tool)
	}
	if q.Operation != s.operation {
		note("operation is %s", orNone(s.operation))
	}
	if q.Resource != s.resource && s.resource != "" {
		note("resource is %s", strings.Join(append([]string{s.resource}, s.more...), ", "))
	}
	if s.ambiguous {
		note("the resource may be read in more than one way: no allow rule is known to fit it")
	}
	if s.unknown != 0 {
		note("not known: %s", strings.Join(s.unknown.Paths(), ", "))
	}
	g := a.gates(q)
	switch g.truth {
	case False:
		note("the entry refuses: %s", g.reason)
	case Unknown:
		note("the entry cannot be held without %s", strings.Join(g.missing.Paths(), ", "))
	default:
	}
	switch s.op {
	case opInvokeModel:
		t, _ := a.modelFits(q)
		note("models: %s", t)
	case opDelegate:
		t, _ := a.delegationFits(q)
		note("delegation.to for %q: %s", s.delegatee, t)
	default:
	}
	return out
}
