package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// decode reads one span into it.Action. r has scanned its attributes.
func decode(r *reader, c *context, it *Item, opts *Options, st *Stats) {
	a := &it.Action
	d := recognise(r, c)
	a.Principal.Grade = GradeMissing
	a.Outcome, a.ErrorType = outcome(r, it.Span)
	a.Tenant = firstOf(r.get(sOwnTenant), c.tenant)
	a.Project = firstOf(r.get(sOwnProject), r.get(sProject), c.project)
	if d == nil {
		a.Kind, a.SpanKind = KindOther, KindOther
		a.Session = r.get(sOwnSession)
		a.principal(r, c)
		it.readBack(r, opts)
		return
	}
	a.Dialect = d.name
	a.Operation = r.get(sOperation)
	a.Kind = kindOf(r, c, d, a.Operation, st)
	a.callFacts(r)
	r.foldOwner(c, a)
	a.who(r, c, d)
	a.tool(r)
	a.handoff(r)
	if r.costRank != 0 {
		a.Reported = ReportedCost{Amount: r.cost, Currency: r.get(sCurrency), Known: true}
	}
	if d.refine != nil {
		d.refine(r, c, a)
	}
	if a.Provider == "" {
		a.Provider, _ = providerOfModel(a.model())
	}
	a.settleTool(r)
	a.Agent = a.Agent.named()
	a.principal(r, c)
	a.SpanKind = a.Kind
	it.usage(r, c, d, st)
	it.readBack(r, opts)
	st.add(r)
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

// kindOf asks the dialect, then the operation name.
func kindOf(r *reader, c *context, d *dialect, op string, st *Stats) Kind {
	if d.kind != nil {
		if k := d.kind(r, c); k != "" {
			return k
		}
	}
	if op == "" {
		return semconvKindOr(r)
	}
	k, known := kindOfOperation(op)
	if !known {
		st.UnknownOperations++
	}
	return k
}

func semconvKindOr(r *reader) Kind {
	if k := mcpKind(r); k != "" {
		return k
	}
	return bareKind(r)
}

// callFacts reads what a model call says of itself.
func (a *Action) callFacts(r *reader) {
	a.RequestModel = r.get(sRequestModel)
	a.ResponseModel = r.get(sResponseModel)
	if a.ResponseModel == "" {
		a.ResponseModel = r.get(sModelName)
	}
	a.ResponseID = r.get(sResponseID)
	a.FinishReason = finishReason(r.get(sFinish))
	a.ServiceTier = r.get(sTier)
	if a.ServiceTier == "" {
		// A wish decides the price only where the answer does not say.
		if t := r.get(sRequestTier); t != "auto" {
			a.ServiceTier = t
		}
	}
	a.Speed = r.get(sSpeed)
	a.ServerAddress = r.get(sServer)
	a.Stream = r.marks&markStream != 0
	a.Conversation = r.get(sConversation)
}

// finishReason accepts a bare reason and a JSON list of reasons.
func finishReason(s string) string {
	if !strings.HasPrefix(s, "[") {
		return s
	}
	s = strings.TrimLeft(s[1:], " ")
	if end := valueEnd(s); end > 0 {
		return unquote(s[:end])
	}
	return ""
}

// who reads agent and session.
func (a *Action) who(r *reader, c *context, d *dialect) {
	a.Agent = Agent{
		ID:      r.get(sAgentID),
		Name:    r.first(sAgentName, sOIAgentName, sGraphNode, sFunctionID),
		Version: r.get(sAgentVersion),
	}
	a.Session = r.get(sOwnSession)
	if a.Session == "" && d.sessionFirst {
		a.Session = r.first(sSession, sConversation)
	} else if a.Session == "" {
		a.Session = r.first(sConversation, sSession)
	}
	if a.Session == "" {
		a.Session = c.session
	}
}

// principal reads on whose behalf the span says it acts. Nobody has checked it.
func (a *Action) principal(r *reader, c *context) {
	if own := r.get(sOwnPrincipal); own != "" {
		a.Principal.ID = own
	} else if a.Principal.ID == "" {
		a.Principal.ID = firstOf(r.get(sUser), c.user)
	}
	if a.Principal.ID == "" {
		return
	}
	a.Principal.Grade = GradeDeclared
	a.Principal.Type = "user"
	if t := r.get(sCPrincipalType); t == "service" || t == "system" {
		a.Principal.Type = t
	}
}

func (a *Action) handoff(r *reader) {
	if a.Kind != KindHandoff && a.Kind != KindAgent && a.Kind != KindTool {
		return
	}
	a.Handoff = Handoff{From: r.get(sHandoffFrom), To: r.get(sHandoffTo), Mode: r.get(sHandoffMode)}
	if a.Kind == KindAgent {
		a.Handoff.To = r.get(sHandoffTo)
	}
}

// outcome reads status and error. LangGraph's ParentCommand is control flow that
// travels as an exception: nothing failed.
func outcome(r *reader, span ptrace.Span) (Outcome, string) {
	typ := r.get(sErrorType)
	if span.Status().Code() != ptrace.StatusCodeError {
		if typ == "" {
			return OutcomeSuccess, ""
		}
		return OutcomeFailure, typ
	}
	if strings.Contains(span.Status().Message(), "ParentCommand") {
		return OutcomeSuccess, ""
	}
	for _, e := range span.Events().All() {
		if e.Name() != "exception" {
			continue
		}
		if v, ok := e.Attributes().Get("exception.type"); ok {
			t := clean(plain(v))
			if strings.Contains(t, "ParentCommand") {
				return OutcomeSuccess, ""
			}
			if typ == "" {
				typ = t
			}
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && strings.HasPrefix(plain(v), "ParentCommand") {
			return OutcomeSuccess, ""
		}
	}
	return OutcomeFailure, typ
}
