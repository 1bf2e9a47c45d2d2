package replay

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// builder turns rows into spans. It has one owner.
type builder struct {
	batch genai.Batch
	// NoRun counts agents' spans of which nobody knows whether they ask or act.
	noRun uint64
	// Bare counts tool calls without arguments on record, of all tool calls.
	bare, tools uint64
}

// claims are what agents may say of themselves in our words.
var claims = map[string]bool{
	attr.SessionID: true, attr.ProjectID: true, attr.PrincipalID: true, attr.PrincipalType: true, attr.ChainID: true,
	attr.DelegationID: true, attr.ApprovalID: true, attr.DecisionID: true, "spanwarden.purpose": true, "spanwarden.data.classes": true,
}

// isDecision tells a decision of our receiver, which nobody judges: it is given
// back as it was.
func (r *Row) isDecision() bool { return r.Kind == string(genai.KindDecision) && r.Scope == attr.Scope }

// traces rebuilds the spans of rows.
func (b *builder) traces(rows []*Row) ptrace.Traces {
	td := ptrace.NewTraces()
	resources := map[string]ptrace.ResourceSpans{}
	scopes := map[string]ptrace.SpanSlice{}
	for _, r := range rows {
		key := textOf(r.Resource)
		rs, ok := resources[key]
		if !ok {
			rs = td.ResourceSpans().AppendEmpty()
			put(rs.Resource().Attributes(), r.Resource)
			resources[key] = rs
		}
		key += "\x00" + r.Scope + "\x00" + r.ScopeVersion
		spans, ok := scopes[key]
		if !ok {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(r.Scope)
			ss.Scope().SetVersion(r.ScopeVersion)
			spans = ss.Spans()
			scopes[key] = spans
		}
		b.span(spans.AppendEmpty(), r)
	}
	b.complete(td, rows)
	return td
}

// textOf is one text for equal maps.
func textOf(m map[string]string) string {
	var t strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		t.WriteString(k + "\x01" + m[k] + "\x02")
	}
	return t.String()
}

// span writes what the row says the span itself said, but for what it shares with
// columns: see complete.
func (b *builder) span(s ptrace.Span, r *Row) {
	var trace pcommon.TraceID
	var id, parent pcommon.SpanID
	decode(trace[:], r.TraceID)
	decode(id[:], r.SpanID)
	decode(parent[:], r.ParentID)
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetParentSpanID(parent)
	s.SetName(r.Name)
	s.SetKind(b.kind(r))
	start, end := r.stated()
	s.SetStartTimestamp(pcommon.Timestamp(start))
	s.SetEndTimestamp(pcommon.Timestamp(end))
	if r.Outcome == string(genai.OutcomeFailure) || r.Status != "" {
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage(r.Status)
	}
	for k, v := range r.Attrs {
		if r.isDecision() || claims[k] || !strings.HasPrefix(k, attr.Prefix) {
			putValue(s.Attributes(), k, v)
		}
	}
	for k, v := range r.Content {
		s.Attributes().PutStr(k, v)
	}
	for i := range r.LinkTraces {
		l := s.Links().AppendEmpty()
		var to pcommon.TraceID
		var at pcommon.SpanID
		decode(to[:], r.LinkTraces[i])
		l.SetTraceID(to)
		if i < len(r.LinkSpans) {
			decode(at[:], r.LinkSpans[i])
			l.SetSpanID(at)
		}
		if i < len(r.LinkAttrs) {
			put(l.Attributes(), r.LinkAttrs[i])
		}
	}
}

// kind tells an agent's span that asks another agent, which belongs to the run of
// who asks, from the one that opens a run.
func (b *builder) kind(r *Row) ptrace.SpanKind {
	if r.Kind == string(genai.KindTool) {
		b.tools++
		if len(r.Refs) == 0 {
			b.bare++
		}
	}
	if r.Kind != string(genai.KindAgent) {
		return ptrace.SpanKindInternal
	}
	if r.RunID == "" {
		b.noRun++
		return ptrace.SpanKindInternal
	}
	if r.RunID != r.TraceID+"-"+r.SpanID {
		return ptrace.SpanKindClient
	}
	return ptrace.SpanKindInternal
}

func decode(to []byte, text string) {
	if len(text) == hex.EncodedLen(len(to)) {
		_, _ = hex.Decode(to, []byte(text)) // our exporter wrote it
	}
}

func put(to pcommon.Map, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		putValue(to, k, m[k])
	}
}

// putValue gives a value that was stored as text the type back that readers ask
// for: a list. Numbers read alike as text.
func putValue(to pcommon.Map, key, text string) {
	if len(text) > 1 && text[0] == '[' && text[len(text)-1] == ']' {
		var list []any
		if json.Unmarshal([]byte(text), &list) == nil {
			v := pcommon.NewValueEmpty()
			if v.FromRaw(list) == nil && v.AsString() == text {
				v.CopyTo(to.PutEmpty(key))
				return
			}
		}
	}
	to.PutStr(key, text)
}
