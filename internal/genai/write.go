package genai

import (
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// room is about how many attributes of ours a span gets here and from the processors
// behind: room for them is made once.
func (a *Action) room() int {
	switch {
	case a.Kind == KindOther:
		return 6
	case a.Usage.Any():
		return 36
	default:
		return 22
	}
}

// Write puts the canonical spanwarden.* attributes on the item's span and leaves
// every original attribute alone. What is unknown is absent; what an earlier
// reading left and this one does not know is removed. Writing twice changes
// nothing more. Item.Settled rides along as span events.
func (it *Item) Write() {
	a := &it.Action
	w := writer{m: it.Span.Attributes(), had: it.hasOwn}
	if !it.hasOwn {
		w.m.EnsureCapacity(w.m.Len() + a.room())
	}
	w.text(attr.ActionKind, string(a.Kind))
	w.text(attr.Dialect, string(a.Dialect))
	w.text(attr.AgentID, a.Agent.ID)
	w.text(attr.AgentName, a.Agent.Name)
	w.text(attr.AgentVersion, a.Agent.Version)
	w.text(attr.SessionID, a.Session)
	w.text(attr.ProjectID, a.Project)
	w.text(attr.TenantID, a.Tenant)
	w.text(attr.PrincipalID, a.Principal.ID)
	w.text(attr.PrincipalType, a.Principal.Type)
	w.text(attr.PrincipalGrade, string(a.Principal.Grade))
	w.text(attr.ToolName, a.Tool.Name)
	w.text(attr.ToolOperation, a.Tool.Operation)
	w.text(attr.ToolResource, a.Tool.Resource)
	w.count(attr.InputTokens, a.Usage.Input)
	w.count(attr.OutputTokens, a.Usage.Output)
	w.count(attr.CacheReadTokens, a.Usage.CacheRead)
	w.count(attr.CacheWriteTokens, a.Usage.CacheWrite)
	w.count(attr.CacheWrite1hTokens, a.Usage.CacheWrite1h)
	w.count(attr.ReasoningTokens, a.Usage.Reasoning)
	w.text(attr.UsageAccounting, string(a.Accounting))
	w.flag(attr.UsageEstimated, a.Usage.Estimated)
	w.flag(attr.UsageInvalid, a.Usage.Invalid)
	w.flag(attr.ActionDuplicate, a.Duplicate)
	w.text(attr.Inherited, a.Inherited.String())
	it.hasOwn = true
	for i := range it.Settled {
		it.writeAttribution(&it.Settled[i])
	}
}

var inheritedNames = [...]string{"agent", "session", "principal"}

// String returns the names of the facts, with commas between them.
func (in Inherited) String() string {
	if in == 0 {
		return ""
	}
	names := make([]string, 0, len(inheritedNames))
	for i, name := range inheritedNames {
		if in&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func parseInherited(s string) (in Inherited) {
	for name := range strings.SplitSeq(s, ",") {
		for i, known := range inheritedNames {
			if name == known {
				in |= 1 << i
			}
		}
	}
	return in
}

type writer struct {
	m   pcommon.Map
	had bool // older spanwarden.* attributes may be there
}

func (w *writer) text(key, v string) {
	if v == "" {
		w.drop(key)
		return
	}
	w.m.PutStr(key, v)
}

func (w *writer) count(key string, c Count) {
	if !c.Known {
		w.drop(key)
		return
	}
	w.m.PutInt(key, c.N)
}

func (w *writer) flag(key string, v bool) {
	if !v {
		w.drop(key)
		return
	}
	w.m.PutBool(key, true)
}

func (w *writer) drop(key string) {
	if w.had {
		w.m.Remove(key)
	}
}

func (it *Item) writeAttribution(at *Attribution) {
	id := hex.EncodeToString(at.ActionID[:])
	for _, e := range it.Span.Events().All() {
		if e.Name() != attr.AttributionEvent {
			continue
		}
		if v, ok := e.Attributes().Get(attr.AttributionAction); ok && v.Str() == id {
			return
		}
	}
	e := it.Span.Events().AppendEmpty()
	e.SetName(attr.AttributionEvent)
	e.SetTimestamp(it.Span.EndTimestamp())
	w := writer{m: e.Attributes()}
	w.text(attr.AttributionAction, id)
	w.text(attr.AttributionTrace, hex.EncodeToString(at.TraceID[:]))
	w.text(attr.AttributionSpan, hex.EncodeToString(at.SpanID[:]))
	w.text(attr.AgentID, at.Agent.ID)
	w.text(attr.AgentName, at.Agent.Name)
	w.text(attr.AgentVersion, at.Agent.Version)
	w.text(attr.SessionID, at.Session)
	w.text(attr.PrincipalID, at.Principal.ID)
	w.text(attr.PrincipalType, at.Principal.Type)
	w.text(attr.PrincipalGrade, string(at.Principal.Grade))
}
