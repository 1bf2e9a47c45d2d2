package genaiprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// disown removes from spans what only spanwarden itself may say, and returns how
// much that was: an agent that could write spanwarden.boundary.verdict, or a
// correction of who acted, would write its own evidence. What agents may state
// (session, project, principal) stays, and is read as their own word.
func disown(td ptrace.Traces) (removed int64) {
	attribute := func(key string, _ pcommon.Value) bool {
		if !strings.HasPrefix(key, attr.Prefix) {
			return false
		}
		switch key {
		case attr.SessionID, attr.ProjectID, attr.PrincipalID:
			return false
		}
		removed++
		return true
	}
	event := func(e ptrace.SpanEvent) bool {
		if !strings.HasPrefix(e.Name(), attr.Prefix) {
			return false
		}
		removed++
		return true
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				span.Attributes().RemoveIf(attribute)
				span.Events().RemoveIf(event)
			}
		}
	}
	return removed
}
