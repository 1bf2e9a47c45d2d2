package audit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/genai"
)

func (e *Encoder) add(it *genai.Item, now int64) {
	if it.Span.Events().Len() > 0 {
		e.addRecords(it, now)
		if settles(it) {
			e.stats.Settled++
			return
		}
	}
	r := &e.row
	*r = Row{} // zeroed in place; a literal with fields would be copied
	r.Observed, r.ResourceAttrs, r.Truncated = now, e.resource, e.resourceCut
	e.fromSpan(r, it)
	fromAction(r, &it.Action)
	r.ActionID = it.ActionID()
	e.fromAttributes(r, it)
	e.fromLinks(r, it.Span.Links())
	e.fromEvents(r, it.Span.Events())
	e.stats.Truncated += int(r.Truncated)
	if r.TSQuality != tsOK {
		e.stats.Clamped++
	}
	e.actions.append(r)
	e.actions.hashUint64(r.Start)
	e.actions.hashUint64(r.End)
	e.stats.Actions++
}

func (e *Encoder) fromSpan(r *Row, it *genai.Item) {
	span := it.Span
	trace, id, parent := span.TraceID(), span.SpanID(), span.ParentSpanID()
	r.TraceID = e.hexOf(trace[:])
	r.SpanID = e.hexOf(id[:])
	if !parent.IsEmpty() {
		r.ParentID = e.hexOf(parent[:])
	}
	r.Start, r.End = uint64(span.StartTimestamp()), uint64(span.EndTimestamp())
	r.clampTimes()
	r.SpanName = e.cut(&r.Truncated, span.Name())
	r.ScopeName, r.ScopeVersion = it.Scope.Name(), it.Scope.Version()
	r.StatusMessage = e.cut(&r.Truncated, span.Status().Message())
	resource := it.Resource.Attributes()
	if v, ok := resource.Get("service.name"); ok {
		r.Service = v.Str()
	}
	if v, ok := resource.Get("deployment.environment.name"); ok {
		r.Environment = v.Str()
	} else if v, ok := resource.Get("deployment.environment"); ok {
		r.Environment = v.Str()
	}
}

func fromAction(r *Row, a *genai.Action) {
	r.Tenant, r.Project, r.Session, r.Conversation = a.Tenant, a.Project, a.Session, a.Conversation
	r.Kind, r.Dialect, r.Operation = string(a.Kind), string(a.Dialect), a.Operation
	r.AgentID, r.AgentName, r.AgentVersion = a.Agent.ID, a.Agent.Name, a.Agent.Version
	r.PrincipalID, r.PrincipalType, r.PrincipalGrade = a.Principal.ID, a.Principal.Type, string(a.Principal.Grade)
	r.Provider, r.Gateway = a.Provider, a.Gateway
	r.RequestModel, r.ResponseModel, r.ResponseID = a.RequestModel, a.ResponseModel, a.ResponseID
	r.FinishReason, r.ServiceTier = a.FinishReason, a.ServiceTier
	r.ToolName, r.ToolType, r.ToolCallID, r.MCPServer = a.Tool.Name, a.Tool.Type, a.Tool.CallID, a.Tool.Server
	r.ToolOperation, r.ToolResource = a.Tool.Operation, a.Tool.Resource
	r.Outcome, r.ErrorType = string(a.Outcome), a.ErrorType
	r.Accounting = string(a.Accounting)
	r.Estimated, r.Invalid = a.Usage.Estimated, a.Usage.Invalid
	if a.Accounting == genai.AccountingRollup {
		zero := Count{Set: true}
		r.Input, r.Output, r.CacheRead, r.CacheWrite, r.CacheWrite1h, r.Reasoning = zero, zero, zero, zero, zero, zero
		return
	}
	u := &a.Usage
	r.Input, r.Output, r.Reasoning = countOf(u.Input), countOf(u.Output), countOf(u.Reasoning)
	r.CacheRead, r.CacheWrite, r.CacheWrite1h = countOf(u.CacheRead), countOf(u.CacheWrite), countOf(u.CacheWrite1h)
	if a.Reported.Known && (a.Reported.Currency == "" || a.Reported.Currency == "USD") {
		r.CostReported = decimalOf(a.Reported.Amount)
	}
}

func countOf(c genai.Count) Count {
	if !c.Known || c.N < 0 {
		return Count{}
	}
	return Count{Set: true, Value: uint64(c.N)}
}

// schemaURL is the key under which attrs keep which conventions the emitter follows.
const schemaURL = "otel.schema_url"

// fromAttributes moves the span's attributes into their columns, content aside
// and the rest into attrs.
func (e *Encoder) fromAttributes(r *Row, it *genai.Item) {
	m := it.Span.Attributes()
	schema := it.SchemaURL
	e.attrs, e.refs = e.attrs[:0], e.refs[:0]
	e.classes.Begin(m.Len())
	for k, v := range m.All() {
		c := e.classes.Next(k)
		switch {
		case c.holds(v):
			if e.content.Enabled {
				e.addContent(r, k, v)
			}
		case c.set == nil || !c.set(r, v):
			e.attrs = append(e.attrs, Attr{Key: k, Value: e.cut(&r.Truncated, e.textOf(v))})
		}
	}
	if _, stated := m.Get(schemaURL); schema != "" && !stated {
		e.attrs = append(e.attrs, Attr{Key: schemaURL, Value: e.cut(&r.Truncated, schema)})
	}
	r.Attrs = e.attrs
	r.keepClamped()
	keepSampling(r, it.Span, it.Resource.Attributes())
	e.attrs = r.Attrs
	r.Attrs = e.bound(sorted(r.Attrs), &r.Truncated)
	r.ContentRefs = sorted(e.refs)
}

func (e *Encoder) readResource(m pcommon.Map) {
	e.resource, e.resourceCut = e.resource[:0], 0
	var r Row
	for k, v := range m.All() {
		e.resource = append(e.resource, Attr{Key: k, Value: e.cut(&r.Truncated, e.textOf(v))})
	}
	e.resource = e.bound(sorted(e.resource), &r.Truncated)
	e.resourceCut = r.Truncated
}
