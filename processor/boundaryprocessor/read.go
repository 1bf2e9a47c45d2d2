package boundaryprocessor

import (
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/policy"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
)

// judged reports whether the item is an action that has a boundary, and the
// record of it: not a step, not a copy, not a sum of others.
func judged(a *genai.Action) bool {
	if a.Duplicate {
		return false
	}
	switch a.Kind {
	case genai.KindInference, genai.KindEmbedding:
		return a.IsModelCall()
	case genai.KindTool, genai.KindAgent, genai.KindRetrieval, genai.KindMemory, genai.KindHandoff:
		return true
	default:
		return false
	}
}

// reader reads items into facts without allocating. It is not safe for concurrent
// use, and its facts are valid until the next item.
type reader struct {
	facts judge.Facts
	item  *genai.Item
	attr  func(string) (string, bool)
	stale bool // the span bears verdicts already
	more  stated
}

// stated is what a span says in the words of a protocol, beside what is GenAI.
type stated struct {
	args                      bool // the tool's arguments, named as such
	mcpMethod, server         string
	dbOperation, httpMethod   string
	url, file, topic          string
	dbNamespace, dbCollection string
}

func newReader() *reader {
	r := &reader{}
	r.attr = func(key string) (string, bool) {
		if v, ok := r.item.Span.Attributes().Get(key); ok {
			return v.AsString(), true
		}
		if v, ok := r.item.Resource.Attributes().Get(key); ok {
			return v.AsString(), true
		}
		return "", false
	}
	return r
}

// read fills in the facts of an item.
func (r *reader) read(item *genai.Item) *judge.Facts {
	a, f := &item.Action, &r.facts
	r.item = item
	*f = judge.Facts{
		TraceID: item.Span.TraceID(), SpanID: item.Span.SpanID(), Kind: a.Kind,
		Start: moment(item.Span.StartTimestamp()), End: moment(item.Span.EndTimestamp()),
		Tenant: a.Tenant, Project: a.Project, Session: a.Session, Agent: a.Agent, Principal: a.Principal,
		Attr: r.attr, Tool: a.Tool.Name, Operation: a.Tool.Operation, Resource: a.Tool.Resource,
		Final: item.Span.ParentSpanID().IsEmpty(),
	}
	if f.Start.IsZero() {
		f.Start = f.End
	}
	f.ID = item.ActionID()
	r.workload()
	r.scan()
	if f.Chained && f.ChainID == "" {
		f.Final = false // the delegation processor waits for more
	}
	if a.Kind == genai.KindTool || a.Kind == genai.KindHandoff {
		f.Args = arguments(a, r.more.args)
	}
	if a.Kind == genai.KindTool || a.Kind == genai.KindRetrieval || a.Kind == genai.KindMemory {
		r.protocol()
	}
	r.model()
	switch {
	case a.Kind == genai.KindHandoff, a.Tool.Operation == "delegate":
		f.Delegatee = a.Handoff.To
	case a.Kind == genai.KindAgent && a.Handoff.To != a.Agent.ID && a.Handoff.To != a.Agent.Name:
		f.Delegatee = a.Handoff.To
	}
	if a.Kind == genai.KindAgent && f.Delegatee != "" {
		f.Operation = "delegate"
	}
	return f
}

// moment is zero where the span says nothing, or a time that no clock shows.
func moment(t pcommon.Timestamp) time.Time {
	const end = 9_214_646_400 * 1_000_000_000 // the year 2262: beyond, times wrap around
	if t == 0 || t >= end {
		return time.Time{}
	}
	return t.AsTime()
}

// workload reads what the process says of itself.
func (r *reader) workload() {
	f := &r.facts
	for key, v := range r.item.Resource.Attributes().All() {
		switch key {
		case "spanwarden.workload.id":
			if id := v.AsString(); strings.HasPrefix(id, "spiffe://") {
				f.SPIFFE = id
			}
		case "k8s.namespace.name":
			f.Namespace = v.AsString()
		case "k8s.serviceaccount.name", "k8s.service_account.name", "k8s.serviceaccount":
			f.ServiceAccount = v.AsString()
		case "gen_ai.main_agent.id", "gen_ai.main_agent.name":
			main := v.AsString()
			f.Guessed = f.Guessed || main == f.Agent.ID || main == f.Agent.Name
		}
	}
}

// scan reads what of the span is not in its action.
func (r *reader) scan() {
	f, more := &r.facts, &r.more
	r.stale, *more = false, stated{}
	for key, v := range r.item.Span.Attributes().All() {
		switch key {
		case "gen_ai.tool.call.arguments", "ai.toolCall.args", "gcp.vertex.agent.tool_call_args", "gen_ai.tool.args",
			"tool_arguments", "mcp.request.argument":
			more.args = true
		case "mcp.method.name":
			more.mcpMethod = v.AsString()
		case "server.address":
			more.server = v.AsString()
		case "db.operation.name":
			more.dbOperation = v.AsString()
		case "http.request.method":
			more.httpMethod = v.AsString()
		case "url.full":
			more.url = v.AsString()
		case "file.path":
			more.file = v.AsString()
		case "messaging.destination.name":
			more.topic = v.AsString()
		case "db.namespace":
			more.dbNamespace = v.AsString()
		case "db.collection.name":
			more.dbCollection = v.AsString()
		case "gen_ai.agent.id", "gen_ai.agent.name":
			f.Guessed = false
		case attr.RunID:
			f.Run, f.Chained = v.AsString(), true
		case attr.ChainID:
			f.ChainID = v.AsString()
		case attr.ChainDepth:
			if v.Type() == pcommon.ValueTypeInt {
				f.ChainDepth = v.Int()
			}
			f.Delegated = f.Delegated || f.ChainDepth > 0
		case attr.AgentAncestors:
			f.Delegated = f.Delegated || v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() > 0
		case attr.Delegator:
			f.Delegated = f.Delegated || v.AsString() != ""
		case "spanwarden.approval.id", attr.DecisionID:
			f.Claimed = f.Claimed || v.AsString() != ""
		case "spanwarden.purpose":
			f.Purpose = v.AsString()
		case "spanwarden.data.classes":
			f.Data = classes(v)
		default:
			r.stale = r.stale || ours(key)
		}
	}
	for _, link := range r.item.Span.Links().All() {
		if v, ok := link.Attributes().Get("spanwarden.link.type"); ok && v.AsString() == "approval" {
			f.Claimed = true
		}
	}
}

// protocol fills in what the GenAI conventions leave out and the protocol below
// tells: where a tool is, what it does and to what.
func (r *reader) protocol() {
	f, more := &r.facts, &r.more
	if more.mcpMethod != "" && more.server != "" && f.Tool != "" && !strings.HasPrefix(f.Tool, "mcp/") {
		f.Tool = "mcp/" + more.server + "/" + f.Tool
	}
	if f.Operation == "" {
		for _, method := range [...]string{more.mcpMethod, more.dbOperation, more.httpMethod} {
			if _, ok := policy.OperationOf(method); method != "" && (ok || method == "tools/call") {
				f.Operation = method // the engine folds it, or asks the catalog
				break
			}
		}
	}
	if f.Resource != "" {
		return
	}
	switch {
	case more.dbNamespace != "" && more.dbCollection != "":
		f.Resource = more.dbNamespace + "/" + more.dbCollection
	case more.url != "":
		f.Resource = more.url
	case more.file != "":
		f.Resource = more.file
	default:
		f.Resource = more.topic
	}
}

func classes(v pcommon.Value) []string {
	if v.Type() != pcommon.ValueTypeSlice {
		return []string{v.AsString()}
	}
	out := make([]string, 0, v.Slice().Len())
	for _, e := range v.Slice().All() {
		out = append(out, e.AsString())
	}
	return out
}

// arguments are the tool's arguments where they are sure to be those: what spans
// give as the input of an operation is, but for OpenInference, often wrapped in
// something else.
func arguments(a *genai.Action, named bool) string {
	if named || a.Dialect == genai.DialectOpenInference && !strings.Contains(a.Tool.Arguments, `"kwargs"`) {
		return a.Tool.Arguments
	}
	return ""
}

// model names the model that answered: that is what happened, whatever was asked
// for.
func (r *reader) model() {
	a, f := &r.item.Action, &r.facts
	if f.ModelCall = a.IsModelCall(); !f.ModelCall {
		return
	}
	model := a.ResponseModel
	if model == "" {
		model = a.RequestModel
	}
	if model == "" {
		return
	}
	f.Model = a.Provider + "/" + model
	if rest, ok := strings.CutPrefix(a.ResponseModel, a.RequestModel); ok && a.RequestModel != "" && dated.MatchString(rest) {
		f.Asked = a.Provider + "/" + a.RequestModel
	}
}

// dated is what providers append to a model's name for one of its releases.
var dated = regexp.MustCompile(`^[-@]\d{4}(-?\d{2}-?\d{2})?$`)

// ours reports whether an attribute is one that this processor writes.
func ours(key string) bool {
	return strings.HasPrefix(key, "spanwarden.") && (strings.HasPrefix(key, "spanwarden.boundary.") || key == attr.PolicyVersion)
}

// forget removes what an agent, or an earlier hop, stated as our verdict.
func forget(span ptrace.Span) {
	span.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return ours(key) })
}
