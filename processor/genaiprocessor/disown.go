package genaiprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// claims are what agents may state. They are read as their own word: a principal
// is declared by them, never verified; a delegation or an approval that they name
// is looked up, and holds only if it was granted.
var claims = map[string]bool{
	attr.SessionID: true, attr.ProjectID: true, attr.PrincipalID: true, attr.PrincipalType: true,
	attr.ChainID: true, attr.DelegationID: true, attr.ApprovalID: true, attr.DecisionID: true,
}

// disown removes from spans what only spanwarden itself may say, and returns how
// much that was: an agent that could write spanwarden.boundary.verdict, or a
// correction of who acted, would write its own evidence. Claims stay.
func disown(td ptrace.Traces) (removed int64) {
	attribute := func(key string, _ pcommon.Value) bool {
		if !strings.HasPrefix(key, attr.Prefix) {
			return false
		}
		if claims[key] {
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
