package genai

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Options are the operator's choices about reading.
type Options struct{}

// Item is one span and its reading.
type Item struct {
	Resource pcommon.Resource
	Scope    pcommon.InstrumentationScope
	Span     ptrace.Span
	Action   Action
	// Settled are attributions of earlier spans that this span made known.
	Settled []Attribution
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

// Batch is the reading of one ptrace.Traces: one Item a span, in order. It is
// reusable; Items are valid until the next Decode.
type Batch struct{ Items []Item }

// Decode reads every span of td. It is pure: equal input, equal Items.
func (b *Batch) Decode(td ptrace.Traces, opts *Options) {}

// Memory remembers across batches, within bounds. Not safe for concurrent use.
type Memory struct{}

// Limits bound a Memory.
type Limits struct{ Spans, Responses int }

// NewMemory returns an empty Memory.
func NewMemory(l Limits) *Memory { return &Memory{} }

// Resolve fills in what single spans cannot tell. It must be called once for
// each decoded batch, under the owner's lock.
func (m *Memory) Resolve(b *Batch, now time.Time) {}

// ActionID is the identity of an action, equal on every retry and collector.
func (it *Item) ActionID() [16]byte { return [16]byte{} }

// Write puts the canonical spanwarden.* attributes on the item's span and
// leaves every original attribute alone.
func (it *Item) Write() {}

// IsContent reports whether an attribute holds what people or models said:
// prompts, messages, tool arguments and results. Such attributes are stored only
// where the operator opted in.
func IsContent(key string) bool { return false }
