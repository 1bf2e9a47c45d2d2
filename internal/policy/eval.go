package policy

import "slices"

// scan is what one list of rules makes of an action.
type scan struct {
	truth   Truth
	hit     *Rule // the first that is true
	unsure  *Rule // the first that is unknown
	far     *Rule // the one that got furthest of those that are false
	farOut  Outcome
	missing Fields
	arg     string

	approved Truth // of ask rules that are true: all approvals fit
	approval Approval
	refused  *Rule
	more     []*Rule
}

// scan holds an action against the rules of a list that may match its tool.
func (a *Agent) scan(list listKind, q *Request, s *scan) {
	s.approved = True
	switch {
	case q.res.op == opInvokeModel:
		for _, r := range a.special[list] {
			s.rule(r, q)
		}
	case q.res.tool == "" || q.res.unknown&FieldTool != 0:
		for _, r := range a.lists[list] {
			s.rule(r, q)
		}
	default:
		for i := 0; ; i++ {
			ids, more := a.index[list].bucket(q.res.tool, i)
			if !more {
				return
			}
			for _, id := range ids {
				s.rule(a.lists[list][id], q)
			}
		}
	}
}

func (s *scan) rule(r *Rule, q *Request) {
	o := r.eval(q)
	s.truth = s.truth.Or(o.Truth)
	switch o.Truth {
	case True:
		if r.list == inAsk {
			s.ask(r, q)
		}
		if s.hit == nil || r.order < s.hit.order {
			s.hit = r
		}
	case Unknown:
		s.missing |= o.Missing
		if s.unsure == nil || r.order < s.unsure.order {
			s.unsure, s.arg = r, o.Arg
		}
	default:
		if s.far == nil || o.further(s.farOut) || !s.farOut.further(o) && r.order < s.far.order {
			s.far, s.farOut = r, o
		}
	}
}

// ask notes whether an approval for the rule fits. Of several rules that hold
// the action back each needs its approval.
func (s *scan) ask(r *Rule, q *Request) {
	if s.hit != nil && s.hit != r {
		if s.more == nil {
			s.more = append(s.more, s.hit)
		}
		s.more = append(s.more, r)
	}
	have := ApprovalMissing
	if q.Approval != nil {
		have = q.Approval(r)
	}
	t := False
	switch have {
	case ApprovalFits:
		t = True
	case ApprovalUnknown:
		t = Unknown
	default:
	}
	if t < s.approved || t == s.approved && s.refused != nil && r.order < s.refused.order {
		s.approval, s.refused = have, r
	}
	s.approved = s.approved.And(t)
}

// gate is a block of the entry that must hold besides the rules.
type gate struct {
	truth   Truth
	reason  Reason
	finding string
	missing Fields
}

// gates holds the blocks valid, principals, versions and data; the first that is
// false is the cause.
func (a *Agent) gates(q *Request) gate {
	out := gate{truth: True}
	add := func(t Truth, missing Fields, reason Reason, finding string) {
		if out.truth == False {
			return
		}
		out.truth = out.truth.And(t)
		switch t {
		case False:
			out.reason, out.finding, out.missing = reason, finding, 0
		case Unknown:
			out.missing |= missing
		default:
		}
	}
	add(a.validAt(q), FieldTime, ReasonOutsideValidity, "boundary.expired")
	t, reason := a.principalFits(q)
	add(t, FieldPrincipal, reason, "boundary.principal")
	if q.Absent&FieldVersion == 0 {
		add(max(a.versionFits(q.Actor.Version), Unknown), FieldVersion, ReasonNone, "")
	}
	if a.data.written && q.res.op != opInvokeModel && q.res.op != opDelegate {
		t, missing := a.dataFits(q)
		add(t, missing, ReasonDataNotAllowed, "boundary.data")
	}
	return out
}

func (a *Agent) validAt(q *Request) Truth {
	switch {
	case a.from.IsZero() && a.until.IsZero():
		return True
	case q.res.unknown&FieldTime != 0:
		return Unknown
	default:
		return truthOf(!q.Time.Before(a.from) && (a.until.IsZero() || q.Time.Before(a.until)))
	}
}

func (a *Agent) principalFits(q *Request) (Truth, Reason) {
	p := &a.principals
	if q.Check == PrincipalSkip || !p.required && p.allow == nil {
		return True, ReasonNone
	}
	if q.res.principal == "" || q.res.unknown&FieldPrincipal != 0 {
		switch {
		case q.Check == PrincipalIfKnown:
			return True, ReasonNone
		case q.res.unknown&FieldPrincipal != 0:
			return Unknown, ReasonNone
		case p.required:
			return False, ReasonPrincipalMissing
		default:
			return True, ReasonNone // it acts for nobody, which nobody forbids
		}
	}
	if p.allow != nil && !slices.ContainsFunc(p.allow, func(g *glob) bool { return g.matchPair(q.Principal.Type, q.res.principal) }) {
		return False, ReasonPrincipalNotAllowed
	}
	return True, ReasonNone
}

// modelFits holds a model call against the models block.
func (a *Agent) modelFits(q *Request) (Truth, Fields) {
	if !a.models.written {
		return True, 0
	}
	if q.Model == "" || q.res.unknown&FieldModel != 0 {
		return q.missing(FieldModel)
	}
	model := lower(q.Model)
	if matchAny(a.models.deny, model) {
		return False, 0
	}
	return truthOf(a.models.allow == nil || matchAny(a.models.allow, model)), 0
}

// delegationFits holds a hand-over against delegation.to.
func (a *Agent) delegationFits(q *Request) (Truth, Fields) {
	if q.res.delegatee == "" || q.res.unknown&FieldDelegatee != 0 {
		if a.delegation == nil || len(a.delegation.to) == 0 {
			return False, 0 // to whomever it was
		}
		return q.missing(FieldDelegatee)
	}
	return truthOf(a.delegation.To(q.res.delegatee)), 0
}
