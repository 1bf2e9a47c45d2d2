package genai

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// Options are the operator's choices about reading. The zero value, and nil,
// are the defaults.
type Options struct {
	// IgnoreCanonical reads spans afresh although they carry spanwarden.*
	// attributes: for the first processor behind a receiver that agents can reach,
	// so that no agent can state its own reading.
	IgnoreCanonical bool
	// Accounting says how emitters count that the built-in table does not know or
	// has wrong. What the numbers of a span prove still comes first.
	Accounting []AccountingRule
}

// AccountingRule says how the spans that it matches count tokens. The first rule
// that matches decides.
type AccountingRule struct {
	// Scope is a prefix of the instrumentation scope's name, Service the whole
	// service.name, Provider a canonical provider; "" matches everything.
	Scope, Service, Provider string
	// Exclusive means that cache reads and writes stand beside the input count.
	Exclusive bool
	// ReasoningExclusive means that reasoning stands beside the output count.
	ReasoningExclusive bool
}

// Item is one span and its reading.
type Item struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Span     ptrace.Span
	// SchemaURL is that of the scope, else of the resource; "" where neither states one.
	SchemaURL string
	Action    Action
	// Settled are attributions of earlier spans that this span made known.
	Settled []Attribution

	proof  proof // what the numbers prove about the emitter
	cached int64 // cache tokens stated beside the input
	hasOwn bool  // carries spanwarden.* attributes already
	main   Agent // the resource's main agent, where nothing nearer is known
	tenant string
	node   *node // its place in the Memory that resolved it
}

// Attribution corrects who acted in a span that left before its ancestors were
// seen. It rides as a span event named attr.AttributionEvent on the span that
// settled it.
type Attribution struct {
	ActionID  [16]byte
	TraceID   pcommon.TraceID
	SpanID    pcommon.SpanID
	Agent     Agent
	Session   string
	Principal Principal
}

// Stats counts what a Decode met and could not make sense of.
type Stats struct {
	Malformed         int // token counts that are no counts
	Oversized         int // JSON attributes too large to parse
	UnknownOperations int // operation names that no emitter is known to use
	Assumed           int // calls whose accounting nothing proves
	AssumedRisky      int // of those, by providers whose own API counts otherwise
}

func (s *Stats) add(r *reader) {
	s.Malformed += r.malformed
	s.Oversized += r.oversized
}

// Batch is the reading of one ptrace.Traces: one Item a span, in order. It is
// reusable; Items are valid until the next Decode. Not safe for concurrent use.
type Batch struct {
	Items []Item
	Stats Stats // of the last Decode
	r     reader
	c     context
}

// Decode reads every span of td. It is pure: equal input, equal Items. A nil
// opts means the defaults.
func (b *Batch) Decode(td ptrace.Traces, opts *Options) {
	b.Stats = Stats{}
	b.size(td.SpanCount())
	i := 0
	for _, rs := range td.ResourceSpans().All() {
		c := &b.c
		*c = context{own: opts == nil || !opts.IgnoreCanonical}
		if opts != nil {
			c.rules = opts.Accounting
		}
		c.resource(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			c.scope, c.version = ss.Scope().Name(), ss.Scope().Version()
			c.byScope = dialectOfScope(c.scope)
			schema := ss.SchemaUrl()
			if schema == "" {
				schema = rs.SchemaUrl()
			}
			for _, span := range ss.Spans().All() {
				it := &b.Items[i]
				i++
				it.clear()
				it.Resource, it.Scope, it.Span, it.SchemaURL = rs.Resource(), ss.Scope(), span, schema
				c.name, c.aiMajor, c.cacheInside = span.Name(), 0, false
				b.r.scan(span.Attributes())
				it.hasOwn = b.r.own
				it.tenant, it.main = c.tenant, c.main
				decode(&b.r, c, it, opts, &b.Stats)
			}
		}
	}
}

// Canonical reports whether a genai processor has read every action before: there
// is nothing left to resolve. Settle spans, which processors behind it add, are
// nobody's action.
func (b *Batch) Canonical() bool {
	for i := range b.Items {
		if it := &b.Items[i]; !it.Action.Canonical && !it.Settle() {
			return false
		}
	}
	return true
}

// Settle reports whether the span only carries what became known of others.
func (it *Item) Settle() bool {
	return it.Span.Name() == attr.SettleSpan && it.Scope.Name() == attr.Scope
}

// size makes room for n items, keeping what was allocated before.
func (b *Batch) size(n int) {
	if n > cap(b.Items) {
		b.Items = make([]Item, n)
	}
	// Drop references to the spans of a larger batch before.
	clear(b.Items[n:cap(b.Items)])
	b.Items = b.Items[:n]
}

func (it *Item) clear() {
	settled := it.Settled[:0]
	*it = Item{Settled: settled}
}

// resource reads what a resource says of all its spans.
func (c *context) resource(m pcommon.Map) {
	for k, v := range m.All() {
		switch k {
		case "service.name":
			c.service = plain(v)
		case attr.TenantID:
			c.tenant = clean(plain(v))
		case attr.ProjectID:
			c.project = clean(plain(v))
		case "openinference.project.name":
			if c.project == "" {
				c.project = clean(plain(v))
			}
		case "session.id":
			c.session = clean(plain(v))
		case "user.id", "enduser.id":
			c.user = clean(plain(v))
		case "gen_ai.main_agent.id":
			c.main.ID = clean(plain(v))
		case "gen_ai.main_agent.name":
			c.main.Name = clean(plain(v))
		}
	}
	c.main = c.main.named()
}

// named lets a name stand for a missing id, and the other way round.
func (a Agent) named() Agent {
	switch {
	case a.ID == "":
		a.ID = a.Name
	case a.Name == "":
		a.Name = a.ID
	}
	if a.ID == "" {
		a.Version = ""
	}
	return a
}
