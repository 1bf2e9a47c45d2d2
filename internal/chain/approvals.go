package chain

import (
	"slices"
)

// approvals answers what is known of approvals for an action.
func (j *judge) approvals(a *action, t int64) ApprovalFunc {
	return func(rule AskRule, tool, resource string) ApprovalState {
		agent := a.run.rec.Agent
		best := NoApproval
		try := func(p *Approval) {
			if s := j.weigh(p, a, rule, tool, resource, t); rankState(s) > rankState(best) {
				best = s
				if s == Approved {
					a.approval = p.ID
				}
			}
		}
		ids := a.approvalIDs()
		for _, id := range ids {
			if p := j.e.approvals[id]; p != nil && p.Tenant == a.run.rec.Tenant {
				try(p)
			}
		}
		if len(ids) == 0 {
			k := a.run.rec.Tenant + "\x00" + agent
			for _, p := range j.e.byAgent[k] {
				if p.Rule == "" || p.Rule == rule.ID {
					try(p)
				}
			}
			if best != Approved {
				j.e.named("w:"+k, a.run.tr)
			}
		}
		return best
	}
}

func rankState(s ApprovalState) int {
	switch s {
	case Approved:
		return 3
	case OwnApproval:
		return 2
	case OtherApproval:
		return 1
	default:
		return 0
	}
}

// approvalIDs are the approvals that an action names, in links too.
func (a *action) approvalIDs() []string {
	var ids []string
	if a.act.ApprovalID != "" {
		ids = append(ids, a.act.ApprovalID)
	}
	for i := range a.rec.Links {
		if l := &a.rec.Links[i]; l.Type == Approve && l.ApprovalID != "" {
			ids = append(ids, l.ApprovalID)
		}
	}
	return ids
}

// weigh holds one approval against an action.
func (j *judge) weigh(p *Approval, a *action, rule AskRule, tool, resource string, t int64) ApprovalState {
	skew := int64(j.e.opts.Skew)
	until := p.ValidUntil
	if until == 0 && rule.TTL > 0 && p.ApprovedAt != 0 {
		until = addTime(p.ApprovedAt, rule.TTL)
	}
	if p.ApprovedAt != 0 && t < p.ApprovedAt-skew || until != 0 && t-skew > until {
		return NoApproval
	}
	if p.Agent != "" && p.Agent != a.run.rec.Agent || p.Rule != "" && p.Rule != rule.ID ||
		p.Tool != "" && p.Tool != tool && p.Tool != a.act.Tool || p.Resource != "" && p.Resource != resource ||
		p.Args != "" && !sameJSON(p.Args, a.act.Args) {
		return OtherApproval
	}
	for _, no := range rule.Not {
		switch {
		case no == "requester" && (p.Approver == p.Requester || p.Approver == a.run.principal.String()),
			no == "principal" && p.Approver == a.run.principal.String(),
			no == p.Approver, slices.Contains(p.Groups, no):
			return OwnApproval
		}
	}
	if len(rule.Any) > 0 && !slices.ContainsFunc(rule.Any, func(s string) bool { return s == p.Approver || slices.Contains(p.Groups, s) }) {
		return NoApproval
	}
	return Approved
}
