package baselineprocessor

import (
	"encoding/hex"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
)

// Extra attributes of a baseline finding.
const (
	attrP        = attr.Prefix + "baseline.p"
	attrCount    = attr.Prefix + "baseline.count"
	attrTraceIDs = attr.Prefix + "baseline.trace_ids"
)

// findingOf writes an alert as a finding. The id is of the incident: equal while
// it lasts and when it is over.
func findingOf(a *engine.Alert) finding.Finding {
	typ := finding.Type("baseline." + string(a.Type))
	key := string(typ) + "/" + a.Project + "/" + a.Key
	f := finding.New(typ, a.Tenant, key, a.Project, a.Key, strconv.FormatInt(a.Began.UnixNano(), 10))
	f.Severity = severityOf(a.Severity)
	if a.Resolved {
		f.State = finding.Resolved
	}
	f.At, f.Message, f.Rule = a.At, a.Message, a.Rule
	f.Agent, f.Session, f.Project, f.Principal = a.Agent, a.Session, a.Project, a.Principal
	// What stood in for a session or an agent is none.
	if strings.HasPrefix(f.Session, "trace:") {
		f.Session = ""
	}
	if strings.HasPrefix(f.Agent, servicePrefix) {
		f.Agent = ""
	}
	f.TraceID, f.SpanID = a.TraceID, a.SpanID
	f.Observed, f.Expected, f.Limit = numberOf(a.Observed), numberOf(a.Expected), numberOf(a.Limit)
	f.Extra = map[string]any{attrCount: int64(a.Count)}
	if a.P.Known {
		f.Extra[attrP] = a.P.V
	}
	if a.Maturity.Known {
		f.Extra[attr.BaselineMaturity] = a.Maturity.V
	}
	if len(a.Traces) > 0 {
		ids := make([]any, len(a.Traces))
		for i := range a.Traces {
			ids[i] = hex.EncodeToString(a.Traces[i][:])
		}
		f.Extra[attrTraceIDs] = ids
	}
	return f
}

func severityOf(s engine.Severity) finding.Severity {
	switch s {
	case engine.Critical:
		return finding.Critical
	case engine.Warning:
		return finding.Warning
	case engine.Info:
	}
	return finding.Info
}

func numberOf(n engine.Number) finding.Number {
	if !n.Known {
		return finding.Number{}
	}
	return finding.Known(n.V)
}

// resourceOf is the resource of a settle span: what is known of the service whose
// action began the incident.
func resourceOf(a *engine.Alert) pcommon.Resource {
	r := pcommon.NewResource()
	for _, v := range []struct{ key, value string }{{"service.name", a.Service}, {attr.TenantID, a.Tenant}, {attr.ProjectID, a.Project}} {
		if v.value != "" {
			r.Attributes().PutStr(v.key, v.value)
		}
	}
	return r
}
