package policy

// Judge holds one action against the entry of its agent; a nil agent is not
// registered. The request is resolved with the catalog of the entry's version
// unless it has been resolved before. Judge does not allocate where no rule
// with a condition, no template and no odd spelling is met.
func (a *Agent) Judge(q *Request, out *Result) {
	if a == nil || a.versionFits(q.Actor.Version) == False {
		*out = Result{
			Verdict: Unregistered, Effect: Deny, Answer: Deny, Mode: Enforce,
			Reason: ReasonUnregisteredAgent, Finding: "boundary.unregistered_agent",
		}
		return
	}
	a.catalog.resolve(q)
	j := judgement{a: a, q: q}
	a.scan(inDeny, q, &j.deny)
	a.scan(inAsk, q, &j.ask)
	j.gate = a.gates(q)
	j.judgeAllowed()
	*out = Result{
		Mode: a.mode, Denied: j.deny.truth, Asked: j.ask.truth, Allowed: j.allow.truth, Approved: j.ask.approved, Needs: j.ask.more,
	}
	j.verdict(out)
	j.effect(out)
	if out.Verdict == NotEvaluated || out.Reason == ReasonNotEvaluable {
		out.Missing = j.missing()
		if out.Missing&FieldArgs != 0 && out.Arg == "" {
			out.Arg = firstOf(j.deny.arg, j.ask.arg, j.allow.arg)
		}
	}
}

// JudgeAbove holds an action of an agent further down a chain against the entry of
// one above it: check says how its principals block is held, version is that of
// the agent above. It may be called on one request for each agent of a path.
func (a *Agent) JudgeAbove(q *Request, version string, check PrincipalCheck, out *Result) {
	was, by := q.Check, q.Actor.Version
	q.Check, q.Actor.Version = check, version
	a.Judge(q, out)
	q.Check, q.Actor.Version = was, by
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// judgement is one action while it is judged.
type judgement struct {
	a                *Agent
	q                *Request
	deny, ask, allow scan
	gate             gate
}

// judgeAllowed asks models of a model call, delegation.to of a hand-over, and
// the allow rules of everything else.
func (j *judgement) judgeAllowed() {
	switch j.q.res.op {
	case opInvokeModel:
		j.allow.truth, j.allow.missing = j.a.modelFits(j.q)
	case opDelegate:
		j.allow.truth, j.allow.missing = j.a.delegationFits(j.q)
	default:
		j.a.scan(inAllow, j.q, &j.allow)
	}
}

// granted is "an approval that fits is known" where an ask rule matches, the
// allow rules where none does, unknown where that is unknown.
func (j *judgement) granted() Truth {
	switch j.ask.truth {
	case True:
		return j.ask.approved
	case False:
		return j.allow.truth
	default:
		return Unknown
	}
}

func (j *judgement) verdict(out *Result) {
	switch j.deny.truth.Not().And(j.gate.truth).And(j.granted()) {
	case True:
		out.Verdict = Respected
		out.Rule = j.allow.hit
		if j.ask.truth == True {
			out.Rule = j.ask.hit
		}
	case False:
		out.Verdict = Violation
		j.cause(out)
	default:
		out.Verdict = NotEvaluated
		out.Rule = firstRule(j.deny.unsure, j.ask.unsure, j.ask.hit, j.allow.unsure)
	}
}

func firstRule(rules ...*Rule) *Rule {
	for _, r := range rules {
		if r != nil {
			return r
		}
	}
	return nil
}

// cause says which finding a violation is: one cause, one finding.
func (j *judgement) cause(out *Result) {
	switch {
	case j.deny.truth == True:
		out.Rule, out.Reason = j.deny.hit, ReasonDeniedByRule
		out.Finding = j.deny.hit.narrowest()
	case j.gate.truth == False:
		out.Reason, out.Finding = j.gate.reason, j.gate.finding
	case j.ask.truth == True:
		out.Rule, out.Reason = j.ask.refused, ReasonApprovalRequired
		out.Finding = map[Approval]string{
			ApprovalMismatch: "delegation.approval_mismatch", ApprovalSelf: "delegation.self_approval",
		}[j.ask.approval]
		if out.Finding == "" {
			out.Finding = "delegation.approval_missing"
		}
	case j.q.res.op == opInvokeModel:
		out.Reason, out.Finding = ReasonModelNotAllowed, "boundary.model"
	case j.q.res.op == opDelegate:
		out.Reason, out.Finding = ReasonDelegationNotAllowed, "delegation.delegation_not_allowed"
	default:
		j.furthest(out)
	}
}

// furthest takes the allow or ask rule that got furthest, ties by place.
func (j *judgement) furthest(out *Result) {
	best, o := j.allow.far, j.allow.farOut
	if k := j.ask.far; k != nil && (best == nil || j.ask.farOut.further(o) || !o.further(j.ask.farOut) && k.order < best.order) {
		best, o = k, j.ask.farOut
	}
	if best == nil || o.Failed == PartTool {
		out.Reason, out.Finding, out.Failed = ReasonToolNotAllowed, "boundary.tool", PartTool
		return
	}
	out.Rule, out.Failed, out.Reason, out.Arg = best, o.Failed, o.Reason, o.Arg
	out.Finding = best.findingOf(o.Failed)
}

// findingOf says which boundary a part of the rule is.
func (r *Rule) findingOf(p Part) string {
	switch {
	case p == PartTool:
		return "boundary.tool"
	case p == PartResource:
		return "boundary.resource"
	case p == PartArgs, p == PartWhen && r.when.readsArgs:
		return "boundary.argument"
	case p == PartData:
		return "boundary.data"
	default:
		return "boundary.operation"
	}
}

// narrowest says which boundary a deny rule draws: that of the narrowest part
// it names.
func (r *Rule) narrowest() string {
	switch {
	case r.hasArgs || r.when != nil && r.when.readsArgs:
		return "boundary.argument"
	case r.resources != nil:
		return "boundary.resource"
	case r.operations != 0 || r.when != nil:
		return "boundary.operation"
	default:
		return "boundary.tool"
	}
}

// effect says what is answered. Unknown counts as true in deny and ask and as
// false in allow.
func (j *judgement) effect(out *Result) {
	refuse := func(reason Reason) { out.Effect, out.Reason = Deny, reason }
	switch {
	case j.deny.truth == True, j.gate.truth == False, j.ask.truth == False && j.allow.truth == False:
		refuse(out.Reason)
	case j.deny.truth == Unknown, j.gate.truth == Unknown:
		refuse(ReasonNotEvaluable)
	case j.ask.truth == True && j.ask.approved == True:
		out.Effect = Allow
	case j.ask.truth != False:
		out.Effect, out.Reason = Ask, ReasonApprovalRequired
	case j.allow.truth == True:
		out.Effect = Allow
	default:
		refuse(ReasonNotEvaluable)
	}
	out.Answer = out.Effect
	if out.Mode != Enforce {
		out.Answer = Allow
		out.Warning = out.Mode == Warn && out.Effect != Allow
	}
}

// missing collects the facts that what is unknown hangs on.
func (j *judgement) missing() Fields {
	var f Fields
	if j.deny.truth == Unknown {
		f |= j.deny.missing
	}
	if j.gate.truth == Unknown {
		f |= j.gate.missing
	}
	switch {
	case j.ask.truth == Unknown:
		f |= j.ask.missing
	case j.ask.truth == True && j.ask.approved == Unknown:
		f |= FieldApproval
	case j.ask.truth == False && j.allow.truth == Unknown:
		f |= j.allow.missing
	}
	return f
}
