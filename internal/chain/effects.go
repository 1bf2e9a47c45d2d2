package chain

// externals adds what halts, decisions and other processors say.
func (j *judge) externals(a *action, t int64) {
	for _, h := range j.e.halts {
		if h.stops(a, t, int64(j.e.opts.Skew)) {
			a.codes = append(a.codes, AfterHaltAction)
			break
		}
	}
	if d := a.decided; d != nil {
		a.decision = d.ID
		switch {
		case d.Answered == "deny" || d.Answered == "halt":
			a.codes = append(a.codes, DeniedButExecuted)
		case d.Answered == "ask" && a.approval == "":
			a.codes = append(a.codes, DeniedButExecuted)
		case d.Answered == "allow" && d.Args != "" && a.act.Args != "" && !sameJSON(d.Args, a.act.Args):
			a.codes = append(a.codes, ArgsDiffer)
		}
	}
	if len(j.e.marks) == 0 {
		return
	}
	for _, ref := range append([]Ref{a.rec.Ref}, a.same...) {
		for _, m := range j.e.marks[ref] {
			a.codes = append(a.codes, m.Code)
		}
	}
}

// decisionOf joins an action to the decision about it: by decision id, then by
// tool call id.
func (j *judge) decisionOf(r *run, a *Act) *Decision {
	if id := a.DecisionID; id != "" {
		if d := j.e.decisions[id]; d != nil && d.Tenant == r.rec.Tenant {
			return d
		}
	}
	if id := a.CallID; id != "" && len(j.e.byCall) > 0 {
		return j.e.byCall[r.rec.Tenant+"\x00"+id]
	}
	return nil
}

// stops reports whether a halt was in force when an action began. A halt of a
// chain holds for all of it, one of a run for that run.
func (h *Halt) stops(a *action, t, skew int64) bool {
	if t <= h.At+skew || h.Until != 0 && t >= h.Until {
		return false
	}
	switch h.Scope {
	case "global":
		return true
	case "tenant":
		return h.Key == a.run.rec.Tenant
	case "agent":
		return h.Key == a.run.rec.Agent
	case "run":
		return h.Key == a.run.rec.Ref.String()
	case "chain":
		return h.Key == a.run.chain
	case "principal":
		return h.Key != "" && (h.Key == a.run.principal.ID || h.Key == a.run.principal.String())
	case "tool":
		return h.Key == a.act.Tool
	default:
		return false
	}
}
