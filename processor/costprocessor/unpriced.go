package costprocessor

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// maxUnpriced bounds how many causes of a day are remembered. When it is full
// all are forgotten: a repeated finding has the same id.
const maxUnpriced = 10_000

// unpricedReports says once a day for each provider, model and reason that calls
// have no price. It is safe for concurrent use.
type unpricedReports struct {
	mu   sync.Mutex
	seen map[[5]string]struct{}
}

func newUnpricedReports() *unpricedReports {
	return &unpricedReports{seen: map[[5]string]struct{}{}}
}

// report puts the finding on the span that is the first of its cause today: the
// day of the span's start, in UTC.
func (u *unpricedReports) report(item *genai.Item, r *pricing.Result, put func(finding.Finding, ptrace.Span)) {
	if r.Status != pricing.StatusUnpriced {
		return
	}
	a := &item.Action
	model := a.ResponseModel
	if model == "" {
		model = a.RequestModel
	}
	at := item.Span.StartTimestamp().AsTime()
	cause := [5]string{a.Tenant, r.Provider, model, string(r.Reason), at.Format(time.DateOnly)}
	if !u.first(cause) {
		return
	}
	f := finding.New(finding.CostUnpriced, a.Tenant, "unpriced/"+r.Provider+"/"+model, cause[1:]...)
	f.At = item.Span.EndTimestamp().AsTime()
	f.Agent, f.Session, f.Project, f.Principal = a.Agent.ID, a.Session, a.Project, a.Principal.ID
	f.Rule, f.PolicyVersion = string(r.Reason), r.Book
	f.Extra = map[string]any{attr.CostReason: string(r.Reason), attr.CostBook: r.Book}
	f.Message = "calls to model " + quoted(model) + " of provider " + quoted(r.Provider) + " have no price (" + string(r.Reason) +
		"): their cost is unknown; add the model to the price file"
	put(f, item.Span)
}

func (u *unpricedReports) first(cause [5]string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.seen[cause]; known {
		return false
	}
	if len(u.seen) >= maxUnpriced {
		clear(u.seen)
	}
	u.seen[cause] = struct{}{}
	return true
}

func quoted(name string) string {
	if name == "" {
		return "(not stated)"
	}
	return name
}

func errField(err error) zap.Field { return zap.Error(err) }
