package chainspan

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// Reader turns items into records. It may be copied; it is not safe for
// concurrent use while its fields change.
type Reader struct {
	Names Names
	// Bind returns the canonical id of the agent that an item names; nil takes the
	// id that the span states.
	Bind func(*genai.Item) string
	// Platform returns the principal that a gateway or the configuration knows for
	// a resource; nil knows none.
	Platform func(pcommon.Map) chain.Principal
	// MaxLinks is how many links are read of a span; default 128.
	MaxLinks int
}

// New returns a reader with the default names.
func New() *Reader { return &Reader{Names: DefaultNames(), MaxLinks: 128} }

// Read returns the record of one span. The item must have been decoded; it need
// not have been resolved: what is inherited from other spans is found by the
// engine, whatever the order of arrival.
func (r *Reader) Read(it *genai.Item) chain.Record {
	span := it.Span
	rec := chain.Record{
		Ref:    chain.Ref{Trace: chain.TraceID(span.TraceID()), Span: chain.SpanID(span.SpanID())},
		Parent: chain.SpanID(span.ParentSpanID()),
		Start:  nanos(span.StartTimestamp()), End: nanos(span.EndTimestamp()),
		Tenant: it.Action.Tenant,
	}
	if rec.End < rec.Start {
		rec.End = rec.Start
	}
	rec.Role = r.role(it)
	switch rec.Role {
	case chain.Opens, chain.Asks:
		r.opening(it, &rec)
	case chain.Acts:
		r.act(it, &rec)
	case chain.HandsOver:
		rec.Agent, rec.Mode = it.Action.Handoff.To, mode(it.Action.Handoff.Mode)
		if rec.Mode == "" {
			rec.Mode = chain.Transfer
		}
	case chain.Calls, chain.Serves:
		r.protocol(it, &rec)
	case chain.Steps:
		rec.Agent, rec.Session = it.Action.Agent.Name, it.Action.Session
		if r.Bind != nil && rec.Agent != "" {
			rec.Agent = r.agent(it)
		}
		o := &chain.Opening{Name: span.Name(), Version: it.Action.Agent.Version}
		r.principals(it, o)
		rec.Run = o
	case chain.Plumbing, chain.Work:
	}
	return rec
}

// nanos keeps times that do not fit from turning into ones long past.
func nanos(t pcommon.Timestamp) int64 { return int64(min(uint64(t), math.MaxInt64)) }

// role says what the span is to a chain.
func (r *Reader) role(it *genai.Item) chain.Role {
	client := it.Span.Kind() == ptrace.SpanKindClient || it.Span.Kind() == ptrace.SpanKindProducer
	if m := first(it.Span.Attributes(), r.Names.Method); m != "" && it.Action.SpanKind != genai.KindAgent {
		switch {
		case !asksA2A(m):
			return chain.Plumbing
		case client:
			return chain.Calls
		default:
			return chain.Serves
		}
	}
	switch it.Action.Kind {
	case genai.KindAgent:
		if client {
			return chain.Asks
		}
		return chain.Opens
	case genai.KindTool:
		return chain.Acts
	case genai.KindStep:
		return chain.Steps
	case genai.KindHandoff:
		return chain.HandsOver
	case genai.KindInference, genai.KindEmbedding, genai.KindRetrieval, genai.KindMemory:
		return chain.Work
	default:
		return chain.Plumbing
	}
}

// asksA2A reports whether a method gives work to an agent, in the spelling of
// either version of the protocol. The rest polls, cancels and subscribes.
func asksA2A(method string) bool {
	switch method {
	case "SendMessage", "SendStreamingMessage", "message/send", "message/stream", "tasks/send", "tasks/sendSubscribe":
		return true
	default:
		return false
	}
}

func mode(s string) chain.Kind {
	switch s {
	case "pass_control":
		return chain.Transfer
	case "return_to_caller":
		return chain.Delegate
	default:
		return ""
	}
}

// agent is who an item says it belongs to, or asks.
func (r *Reader) agent(it *genai.Item) string {
	if r.Bind != nil {
		if id := r.Bind(it); id != "" {
			return id
		}
	}
	return it.Action.Agent.ID
}

func (r *Reader) opening(it *genai.Item, rec *chain.Record) {
	a, attrs, res := &it.Action, it.Span.Attributes(), it.Resource.Attributes()
	// What a span inherits depends on what arrived before it: the engine finds it
	// anew, and a span that is sent again must read the same.
	rec.Mode = mode(a.Handoff.Mode)
	if a.Inherited&genai.InheritedAgent == 0 {
		rec.Agent = r.agent(it)
	}
	if a.Inherited&genai.InheritedSession == 0 {
		rec.Session = a.Session
	}
	n := &r.Names
	o := &chain.Opening{
		Name: a.Agent.Name, Version: a.Agent.Version, Instance: first(res, []string{"service.instance.id", "k8s.pod.name"}),
		Workload: r.workload(res), ChainID: first(attrs, n.ChainID), DelegationID: first(attrs, n.DelegationID),
		Sampled: sampled(it.Span.TraceState().AsRaw()), Credential: first(attrs, n.CredentialDigest),
	}
	if a.Inherited&genai.InheritedPrincipal == 0 {
		r.principals(it, o)
	}
	r.links(it, rec, o)
	rec.Run = o
	r.lineage(it, rec)
	r.keys(attrs, &rec.Answers)
	if rec.Role == chain.Asks {
		rec.Asked, rec.Answers = append(rec.Asked, rec.Answers...), nil
		if id := first(attrs, n.CallID); id != "" {
			rec.Act = &chain.Act{CallID: id}
		}
	} else if id := first(attrs, n.CallID); id != "" {
		rec.Answers = append(rec.Answers, "call:"+id)
	}
}

// principals reads on whose behalf the run says it acts. The genai processor
// writes a user id back under our own name: what equals it is no statement.
func (r *Reader) principals(it *genai.Item, o *chain.Opening) {
	attrs := it.Span.Attributes()
	stated, user := first(attrs, r.Names.PrincipalID), first(attrs, r.Names.User)
	typ := first(attrs, r.Names.PrincipalType)
	if typ == "" {
		typ = "user"
	}
	switch {
	case stated != "" && stated != user:
		o.Stated = chain.Principal{Type: typ, ID: stated, Grade: chain.Declared}
	case it.Action.Principal.ID != "":
		o.Weak = chain.Principal{Type: it.Action.Principal.Type, ID: it.Action.Principal.ID, Grade: chain.Declared}
	case user != "":
		o.Weak = chain.Principal{Type: "user", ID: user, Grade: chain.Declared}
	}
	if r.Platform != nil {
		if o.Platform = r.Platform(it.Resource.Attributes()); o.Platform.ID != "" && o.Platform.Grade == "" {
			o.Platform.Grade = chain.Platform
		}
	}
}

func (r *Reader) workload(res pcommon.Map) string {
	if w := first(res, r.Names.Workload); w != "" {
		return w
	}
	if ns, sa := first(res, r.Names.Namespace), first(res, r.Names.ServiceAccount); ns != "" && sa != "" {
		return "k8s:" + ns + "/" + sa
	}
	return ""
}

// lineage reads ids that emitters give to agents within a session, and names of
// agents within a trace.
func (r *Reader) lineage(it *genai.Item, rec *chain.Record) {
	attrs := it.Span.Attributes()
	scope := "t:" + string(rec.Ref.Trace[:])
	if rec.Session != "" {
		scope = "s:" + rec.Session
	}
	if own := first(attrs, r.Names.OwnID); own != "" {
		rec.Asked = append(rec.Asked, "run:"+scope+"/"+own)
	}
	if up := first(attrs, r.Names.ParentID); up != "" {
		rec.Answers = append(rec.Answers, "run:"+scope+"/"+up)
	}
	if up := first(attrs, r.Names.ParentName); up != "" && up != rec.Agent {
		rec.Answers = append(rec.Answers, "name:"+up)
	}
}

// protocol reads A2A spans: which task is asked for or served.
func (r *Reader) protocol(it *genai.Item, rec *chain.Record) {
	attrs := it.Span.Attributes()
	rec.Agent = r.agent(it)
	keys := &rec.Answers
	if rec.Role == chain.Calls {
		keys = &rec.Asked
	}
	r.keys(attrs, keys)
	if m := r.Names.Conversation; m != nil {
		if c := first(attrs, m); c != "" {
			*keys = append(*keys, "ctx:"+c)
		}
	}
}

// keys reads the protocol ids that join two traces.
func (r *Reader) keys(attrs pcommon.Map, to *[]string) {
	if id := first(attrs, r.Names.TaskID); id != "" {
		*to = append(*to, "task:"+id)
	}
	for _, id := range list(attrs, r.Names.ReferenceTasks, 16) {
		*to = append(*to, "task:"+id)
	}
}

func (r *Reader) act(it *genai.Item, rec *chain.Record) {
	a, attrs, n := &it.Action, it.Span.Attributes(), &r.Names
	rec.Act = &chain.Act{
		Tool: a.Tool.Name, Operation: a.Tool.Operation, Resource: a.Tool.Resource, Args: a.Tool.Arguments, CallID: a.Tool.CallID,
		Data: list(attrs, n.DataClasses, 32), Purpose: first(attrs, n.Purpose),
		DelegationID: first(attrs, n.DelegationID), ApprovalID: first(attrs, n.ApprovalID), DecisionID: first(attrs, n.DecisionID),
	}
	if server := first(attrs, []string{"server.address"}); server != "" && first(attrs, []string{"mcp.method.name"}) != "" &&
		rec.Act.Tool != "" && !strings.HasPrefix(rec.Act.Tool, "mcp/") {
		rec.Act.Tool = "mcp/" + server + "/" + rec.Act.Tool
	}
	if a.Handoff.To != "" {
		rec.Agent, rec.Mode = a.Handoff.To, mode(a.Handoff.Mode)
	}
	var o chain.Opening
	r.links(it, rec, &o)
	rec.Hints = nil
}
