package chain

import (
	"slices"
	"strconv"
	"strings"
)

// verdicts turns what was found into reasons and findings of each chain.
func (j *judge) verdicts() {
	for _, a := range j.actions {
		c := a.run.comp
		c.actions = append(c.actions, a)
	}
	for _, c := range j.comps {
		for _, r := range c.runs {
			j.judgeRun(c, r)
		}
		j.cycleFinding(c)
		for _, a := range c.actions {
			j.actionFindings(c, a)
		}
	}
	j.silent()
	j.ghosts()
	for _, c := range j.comps {
		j.unused(c)
		j.conclude(c)
	}
}

// note raises a finding of a chain, once for each cause.
func (j *judge) note(c *component, r *run, code Code, accused Ref, cause, detail string) {
	c.reasons = append(c.reasons, code)
	info := &table[codeRank[code]]
	if info.late && !j.settling && !j.whole && len(j.g.firing) == 0 {
		return // found when the chain settles
	}
	f := Finding{
		Type: "delegation." + string(code), Code: code, Severity: info.severity, Chain: c.id, Accused: accused, Cause: cause, Tenant: c.tenant,
	}
	if info.other != "" {
		f.Type, f.Foreign = info.other, true
	}
	if r != nil {
		f.Run, f.Agent, f.Session, f.Principal = r.rec.Ref, r.rec.Agent, r.rec.Session, r.principal.String()
		f.PolicyVersion = j.e.rights.Version(r.rec.Tenant, r.rec.Start)
	}
	f.Message = sentence(info.says, r, detail)
	if k := f.key(); !c.noted[k] {
		if c.noted == nil {
			c.noted = map[findingKey]bool{}
		}
		c.noted[k] = true
		j.findings = append(j.findings, f)
	}
}

func sentence(says string, r *run, detail string) string {
	var b strings.Builder
	if r != nil && r.rec.Agent != "" {
		b.WriteString(r.rec.Agent)
		b.WriteString(": ")
	}
	b.WriteString(says)
	if detail != "" {
		b.WriteString(" (")
		b.WriteString(detail)
		b.WriteString(")")
	}
	return b.String()
}

// judgeRun finds what is wrong with one run and the edges into it.
func (j *judge) judgeRun(c *component, r *run) {
	note := func(code Code, accused Ref, cause, detail string) {
		r.codes = append(r.codes, code)
		j.note(c, r, code, accused, cause, detail)
	}
	own := r.rec.Ref
	if r.remaining < 0 {
		note(DepthExceeded, own, "depth", "")
	}
	if p := j.changedFrom(r); p.ID != "" {
		note(PrincipalChanged, own, "principal", p.String()+" above, "+r.principal.String()+" here")
	}
	if r.resolved && len(r.path) == 0 && r.entry != nil {
		if r.principal.ID == "" && r.entry.RequiresPrincipal() {
			note(MissingPrincipal, own, "principal", "")
		}
		if !r.entry.Direct() && !r.reauth && !r.external {
			note(OrphanRun, own, "orphan", "")
		}
	}
	if r.misnamed {
		note(DelegationNotAllowed, own, "grant:"+r.rec.Run.DelegationID, r.rec.Run.DelegationID+" is for other agents")
	}
	why := j.e.shared(r.rec)
	if why == "" && r.impostor != "" {
		why = "its token names " + r.impostor
	}
	if why != "" {
		note(SharedIdentity, own, "identity", why)
	}
	if j.reenters(r) {
		note(Reentry, own, "reentry", "")
	}
	for _, e := range r.edges {
		e.codes = sortCodes(e.codes)
		for _, code := range e.codes {
			accused := e.accused()
			if code == InvisibleDelegation {
				accused = own
			}
			note(code, accused, e.cause(), e.delegatorName()+" to "+r.rec.Agent)
		}
	}
	j.evidence(c, r)
	r.codes = sortCodes(r.codes)
}

func (e *edge) cause() string {
	return e.source().String() + "/" + string(e.kind) + "/" + e.id + "/" + e.to.rec.Ref.String()
}

// changedFrom returns the principal above a run that acts for another one; none
// if it does not.
func (j *judge) changedFrom(r *run) Principal {
	own := r.checked
	for _, p := range [...]Principal{r.rec.Run.Verified, r.rec.Run.Stated} {
		if own.ID == "" {
			own = p
		}
	}
	if own.ID == "" || r.reauth || r.inCycle {
		return Principal{}
	}
	for _, e := range r.path {
		if e.from != nil && !e.cut && e.from.principal.ID != "" && !e.from.principal.same(own) {
			return e.from.principal
		}
	}
	return Principal{}
}

// reenters reports whether the agent of a run already stands above it with
// another agent between, and its entry does not foresee that.
func (j *judge) reenters(r *run) bool {
	if r.inCycle || len(r.path) == 0 || r.rec.Agent == "" {
		return false
	}
	if r.entry != nil && r.entry.Delegation().Reentry {
		return false
	}
	j.stamp++
	level := []*run{}
	for _, e := range r.path {
		if e.from != nil && e.from.rec.Agent != r.rec.Agent {
			level = append(level, e.from)
		}
	}
	for len(level) > 0 {
		q := level[len(level)-1]
		level = level[:len(level)-1]
		if q.stamp == j.stamp {
			continue
		}
		q.stamp = j.stamp
		if q.rec.Agent == r.rec.Agent {
			return true
		}
		if q.inCycle {
			continue
		}
		for _, e := range q.path {
			if e.from != nil {
				level = append(level, e.from)
			}
		}
	}
	return false
}

// cycleFinding accuses the smallest run of each cycle. Two cycles that touch
// are one.
func (j *judge) cycleFinding(c *component) {
	seen := map[int]bool{}
	for _, r := range c.runs {
		if !r.inCycle || seen[r.low] {
			continue
		}
		seen[r.low] = true
		for _, q := range c.runs {
			if q.inCycle && q.low == r.low {
				q.codes = sortCodes(append(q.codes, Cycle))
			}
		}
		j.note(c, r, Cycle, r.rec.Ref, "cycle", "")
	}
}

// actionFindings raises what an action did wrong.
func (j *judge) actionFindings(c *component, a *action) {
	from := len(j.findings)
	for _, code := range a.codes {
		detail := a.tool
		if why := a.reasonText(); why != "" {
			detail += ": " + why
		}
		if len(a.refusedBy) > 0 {
			detail += ", refused by " + strings.Join(a.refusedBy, ", ")
		}
		if code == DepthExceeded {
			c.reasons = append(c.reasons, code) // the run is accused, once
			continue
		}
		j.note(c, a.run, code, a.rec.Ref, string(code), detail)
	}
	for i := from; i < len(j.findings); i++ {
		f := &j.findings[i]
		f.Rule, f.PolicyVersion = a.rule, a.version
		if f.Code == BoundaryViolated && a.finding != "" {
			f.Type = a.finding
		}
	}
	if a.boundary == BoundaryNotEvaluated || a.authority == AuthorityUnknown {
		c.unknown++
	}
}

// conclude orders the reasons of a chain and names its verdict.
func (j *judge) conclude(c *component) {
	if c.unknown > 0 {
		c.lack(strconv.Itoa(c.unknown) + " actions could not be judged")
	}
	if j.g.evicted {
		c.lack("the chain was evicted before it settled")
	}
	if j.g.cut {
		c.lack("a limit kept other spans out of the chain")
	}
	slices.Sort(c.missing)
	if len(c.missing) > 0 {
		j.note(c, c.root, IncompleteEvidence, c.root.rec.Ref, "evidence", c.missing[0])
	}
	c.reasons = sortCodes(c.reasons)
	if len(c.reasons) == 0 && c.grade != "" && c.grade != Verified {
		j.note(c, c.root, UnbrokenUnverified, c.root.rec.Ref, "grade", string(c.grade))
	}
	c.verdict = Unbroken
	if len(c.reasons) > 0 {
		c.verdict = c.reasons[0]
	}
}
