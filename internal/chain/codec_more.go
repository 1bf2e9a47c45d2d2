package chain

func (w *enc) grant(g *Grant) {
	for _, s := range [...]string{g.ID, g.Delegator, g.Delegatee, g.Tenant, g.GrantedBy, g.ApprovedBy, g.Constraints, g.Digest, g.Parent, g.ChainID, g.Purpose, g.CredentialType, g.Credential, g.RevokedBy} {
		w.s(s)
	}
	w.list(g.Scope)
	for _, t := range [...]int64{g.NotBefore, g.ExpiresAt, g.RecordedAt, g.RevokedAt} {
		w.i(t)
	}
	w.hops(g.MaxDepth)
}

func (d *dec) grant() *Grant {
	g := &Grant{}
	for _, p := range [...]*string{&g.ID, &g.Delegator, &g.Delegatee, &g.Tenant, &g.GrantedBy, &g.ApprovedBy, &g.Constraints, &g.Digest, &g.Parent, &g.ChainID, &g.Purpose, &g.CredentialType, &g.Credential, &g.RevokedBy} {
		*p = d.s()
	}
	g.Scope = d.list()
	for _, p := range [...]*int64{&g.NotBefore, &g.ExpiresAt, &g.RecordedAt, &g.RevokedAt} {
		*p = d.i()
	}
	g.MaxDepth = d.hops()
	return g
}

func (w *enc) approval(a *Approval) {
	for _, s := range [...]string{a.ID, a.Rule, a.Agent, a.Tool, a.Resource, a.Tenant, a.Args, a.Requester, a.Approver} {
		w.s(s)
	}
	w.list(a.Groups)
	w.i(a.ApprovedAt)
	w.i(a.ValidUntil)
}

func (d *dec) approval() *Approval {
	a := &Approval{}
	for _, p := range [...]*string{&a.ID, &a.Rule, &a.Agent, &a.Tool, &a.Resource, &a.Tenant, &a.Args, &a.Requester, &a.Approver} {
		*p = d.s()
	}
	a.Groups, a.ApprovedAt, a.ValidUntil = d.list(), d.i(), d.i()
	return a
}

func (w *enc) decision(x *Decision) {
	for _, s := range [...]string{x.ID, x.Agent, x.Tenant, x.DelegationID, x.CallID, x.Tool, x.Answered, x.Args, x.Actor} {
		w.s(s)
	}
	w.ref(x.Span)
	w.principal(x.Principal)
	w.i(x.At)
}

func (d *dec) decision() *Decision {
	x := &Decision{}
	for _, p := range [...]*string{&x.ID, &x.Agent, &x.Tenant, &x.DelegationID, &x.CallID, &x.Tool, &x.Answered, &x.Args, &x.Actor} {
		*p = d.s()
	}
	x.Span, x.Principal, x.At = d.ref(), d.principal(), d.i()
	return x
}

func (w *enc) halt(h Halt) {
	w.s(h.ID)
	w.s(h.Scope)
	w.s(h.Key)
	w.i(h.At)
	w.i(h.Until)
}

func (d *dec) halt() Halt {
	return Halt{ID: d.s(), Scope: d.s(), Key: d.s(), At: d.i(), Until: d.i()}
}

func (w *enc) finding(f *Finding) {
	for _, s := range [...]string{f.Type, string(f.Code), string(f.Severity), f.Chain, f.Cause, f.Message, f.Agent, f.Principal, f.Tenant, f.Session, f.Rule, f.PolicyVersion} {
		w.s(s)
	}
	w.bit(f.Foreign)
	w.ref(f.Accused)
	w.ref(f.Run)
}

func (d *dec) finding() (f Finding) {
	f.Type, f.Code, f.Severity = d.s(), Code(d.s()), Severity(d.s())
	for _, p := range [...]*string{&f.Chain, &f.Cause, &f.Message, &f.Agent, &f.Principal, &f.Tenant, &f.Session, &f.Rule, &f.PolicyVersion} {
		*p = d.s()
	}
	f.Foreign, f.Accused, f.Run = d.bit(), d.ref(), d.ref()
	return f
}
