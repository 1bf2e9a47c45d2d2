package audit

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// Limits bound what one span may store. What exceeds them is cut or left out,
// marked on the row and counted.
type Limits struct {
	// ValueBytes is the longest attribute value; longer ones are cut. 0 means
	// 16 KiB.
	ValueBytes int
	// Attributes is how many attributes of a span, and of a resource, are kept
	// beside the columns, the first by name. 0 means 256.
	Attributes int
	// ContentBytes is the longest piece of content; longer ones are cut. 0 means
	// 1 MiB.
	ContentBytes int
	// BlockRows is how many rows one insert holds. 0 means MaxBlockRows.
	BlockRows int
}

func (l *Limits) withDefaults() Limits {
	d := *l
	if d.ValueBytes <= 0 {
		d.ValueBytes = 16 << 10
	}
	if d.ContentBytes <= 0 {
		d.ContentBytes = 1 << 20
	}
	if d.Attributes <= 0 {
		d.Attributes = 256
	}
	if d.BlockRows <= 0 || d.BlockRows > MaxBlockRows {
		d.BlockRows = MaxBlockRows
	}
	return d
}

// Stats say what an encoding did.
type Stats struct {
	Actions, Attributions, Contents int
	Truncated                       int // attribute values, links and events cut or left out
	Clamped                         int // rows whose times could not be
}

// Encoder turns spans into inserts. It is reusable; it is not safe for
// concurrent use.
type Encoder struct {
	opts    genai.Options
	limits  Limits
	content Content

	batch        genai.Batch
	actions      *block[Row]
	attributions *block[AttributionRow]
	contents     *block[ContentRow]
	row          Row
	arena        []byte // text of the batch's ids and numbers, see keep
	attrs        []Attr
	resource     []Attr
	resourceCut  uint32
	refs         []Attr
	evidence     evidence
	classes      map[string]class
	order        []keyClass // of the span before: emitters repeat themselves
	stats        Stats
}

// NewEncoder returns an encoder with no rows.
func NewEncoder(limits Limits, content Content) *Encoder {
	return &Encoder{
		limits: limits.withDefaults(), content: content,
		actions: newActions(), attributions: newAttributions(), contents: newContents(),
		classes: map[string]class{},
	}
}

// Encode reads td, which it never changes, and calls emit for every insert that
// is to be made, in order: actions before their corrections, content last. An
// Encoded is valid until emit returns. Equal spans give equal tokens, whenever
// they were observed. An error of emit ends the encoding and is returned.
func (e *Encoder) Encode(td ptrace.Traces, observed time.Time, emit func(*Encoded) error) (Stats, error) {
	e.reset()
	e.batch.Decode(td, &e.opts)
	return e.encode(observed.UnixNano(), emit)
}

// encode turns the decoded batch into inserts.
func (e *Encoder) encode(now int64, emit func(*Encoded) error) (Stats, error) {
	var last pcommon.Resource
	for i := range e.batch.Items {
		it := &e.batch.Items[i]
		if i == 0 || it.Resource != last {
			last = it.Resource
			e.readResource(last.Attributes())
		}
		e.add(it, now)
		if e.actions.rows == e.limits.BlockRows {
			if err := flush(e.actions, emit); err != nil {
				return e.stats, err
			}
		}
	}
	if err := flush(e.actions, emit); err != nil {
		return e.stats, err
	}
	if err := flush(e.attributions, emit); err != nil {
		return e.stats, err
	}
	return e.stats, flush(e.contents, emit)
}

func flush[R any](b *block[R], emit func(*Encoded) error) error {
	if b.rows == 0 {
		return nil
	}
	enc, err := b.finish()
	if err != nil {
		return err
	}
	err = emit(enc)
	b.reset()
	return err
}

func (e *Encoder) reset() {
	e.actions.reset()
	e.attributions.reset()
	e.contents.reset()
	e.arena, e.stats = e.arena[:0], Stats{}
}

func (e *Encoder) add(it *genai.Item, now int64) {
	r := &e.row
	*r = Row{Observed: now, ResourceAttrs: e.resource, Truncated: e.resourceCut}
	e.fromSpan(r, it)
	fromAction(r, &it.Action)
	r.ActionID = it.ActionID()
	e.fromAttributes(r, it.Span.Attributes())
	e.fromLinks(r, it.Span.Links())
	e.fromEvents(r, it.Span.Events())
	e.stats.Truncated += int(r.Truncated)
	if r.TSQuality != tsOK {
		e.stats.Clamped++
	}
	e.actions.append(r)
	e.actions.hashUint64(r.Start)
	e.actions.hashUint64(r.End)
	e.stats.Actions++
	if it.Span.Events().Len() > 0 {
		e.addAttributions(it.Span, r)
	}
}

func (e *Encoder) fromSpan(r *Row, it *genai.Item) {
	span := it.Span
	trace, id, parent := span.TraceID(), span.SpanID(), span.ParentSpanID()
	r.TraceID = e.hexOf(trace[:])
	r.SpanID = e.hexOf(id[:])
	if !parent.IsEmpty() {
		r.ParentID = e.hexOf(parent[:])
	}
	r.Start, r.End = uint64(span.StartTimestamp()), uint64(span.EndTimestamp())
	r.clampTimes()
	r.SpanName = e.cut(r, span.Name())
	r.ScopeName, r.ScopeVersion = it.Scope.Name(), it.Scope.Version()
	r.StatusMessage = e.cut(r, span.Status().Message())
	resource := it.Resource.Attributes()
	if v, ok := resource.Get("service.name"); ok {
		r.Service = v.Str()
	}
	if v, ok := resource.Get("deployment.environment.name"); ok {
		r.Environment = v.Str()
	} else if v, ok := resource.Get("deployment.environment"); ok {
		r.Environment = v.Str()
	}
}

// hexOf returns id in lower-case hex.
func (e *Encoder) hexOf(id []byte) string {
	e.room(2 * len(id))
	return e.keep(hex.AppendEncode(e.arena, id))
}

// room makes sure that n bytes fit behind the arena. The rows keep an arena that
// is full alive.
func (e *Encoder) room(n int) {
	if cap(e.arena)-len(e.arena) < n {
		e.arena = make([]byte, 0, max(2*cap(e.arena), 4096))
	}
}

// keep takes an arena that something was appended to and returns that as text,
// which lives as long as the batch and is never written again before reset.
func (e *Encoder) keep(grown []byte) string {
	start := len(e.arena)
	e.arena = grown
	return unsafe.String(&e.arena[start], len(grown)-start)
}

func fromAction(r *Row, a *genai.Action) {
	r.Tenant, r.Project, r.Session, r.Conversation = a.Tenant, a.Project, a.Session, a.Conversation
	r.Kind, r.Dialect, r.Operation = string(a.Kind), string(a.Dialect), a.Operation
	r.AgentID, r.AgentName, r.AgentVersion = a.Agent.ID, a.Agent.Name, a.Agent.Version
	r.PrincipalID, r.PrincipalType, r.PrincipalGrade = a.Principal.ID, a.Principal.Type, string(a.Principal.Grade)
	r.Provider, r.Gateway = a.Provider, a.Gateway
	r.RequestModel, r.ResponseModel, r.ResponseID = a.RequestModel, a.ResponseModel, a.ResponseID
	r.FinishReason, r.ServiceTier = a.FinishReason, a.ServiceTier
	r.ToolName, r.ToolType, r.ToolCallID, r.MCPServer = a.Tool.Name, a.Tool.Type, a.Tool.CallID, a.Tool.Server
	r.ToolOperation, r.ToolResource = a.Tool.Operation, a.Tool.Resource
	r.Outcome, r.ErrorType = string(a.Outcome), a.ErrorType
	r.Accounting = string(a.Accounting)
	r.Estimated, r.Invalid = a.Usage.Estimated, a.Usage.Invalid
	if a.Accounting == genai.AccountingRollup {
		zero := Count{Set: true}
		r.Input, r.Output, r.CacheRead, r.CacheWrite, r.CacheWrite1h, r.Reasoning = zero, zero, zero, zero, zero, zero
		return
	}
	u := &a.Usage
	r.Input, r.Output, r.Reasoning = countOf(u.Input), countOf(u.Output), countOf(u.Reasoning)
	r.CacheRead, r.CacheWrite, r.CacheWrite1h = countOf(u.CacheRead), countOf(u.CacheWrite), countOf(u.CacheWrite1h)
	if a.Reported.Known && (a.Reported.Currency == "" || a.Reported.Currency == "USD") {
		r.CostReported = decimalOf(a.Reported.Amount)
	}
}

func countOf(c genai.Count) Count {
	if !c.Known || c.N < 0 {
		return Count{}
	}
	return Count{Set: true, Value: uint64(c.N)}
}

// fromAttributes moves the span's attributes into their columns, content aside
// and the rest into attrs.
func (e *Encoder) fromAttributes(r *Row, m pcommon.Map) {
	e.attrs, e.refs = e.attrs[:0], e.refs[:0]
	i := -1
	for k, v := range m.All() {
		i++
		c := e.classAt(i, k)
		switch {
		case c.content:
			if e.content.Enabled {
				e.addContent(r, k, v)
			}
		case c.set == nil || !c.set(r, v):
			e.attrs = append(e.attrs, Attr{Key: k, Value: e.cut(r, e.textOf(v))})
		}
	}
	r.Attrs = e.attrs
	r.keepClamped()
	e.attrs = r.Attrs
	r.Attrs = e.bound(sorted(r.Attrs), &r.Truncated)
	r.ContentRefs = sorted(e.refs)
}

// keyClass is an attribute's key and what becomes of it.
type keyClass struct {
	key   string
	class class
}

// classAt is classOf for the attribute at place i, where the span before is
// likely to have had the same one.
func (e *Encoder) classAt(i int, key string) class {
	if i < len(e.order) && e.order[i].key == key {
		return e.order[i].class
	}
	c := e.classOf(key)
	if i < len(e.order) {
		e.order[i] = keyClass{strings.Clone(key), c}
	} else if i == len(e.order) && i < maxOrder {
		e.order = append(e.order, keyClass{strings.Clone(key), c})
	}
	return c
}

const maxOrder = 256

// maxClasses bounds the memory of keys; emitters use a few hundred.
const maxClasses = 4096

func (e *Encoder) classOf(key string) class {
	if c, ok := e.classes[key]; ok {
		return c
	}
	if len(e.classes) >= maxClasses {
		clear(e.classes)
	}
	c := classify(key)
	e.classes[strings.Clone(key)] = c
	return c
}

func (e *Encoder) readResource(m pcommon.Map) {
	e.resource, e.resourceCut = e.resource[:0], 0
	var r Row
	for k, v := range m.All() {
		e.resource = append(e.resource, Attr{Key: k, Value: e.cut(&r, e.textOf(v))})
	}
	e.resource = e.bound(sorted(e.resource), &r.Truncated)
	e.resourceCut = r.Truncated
}

// maxInt64Text is the length of the longest int64 in decimal.
const maxInt64Text = 20

func (e *Encoder) textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		e.room(maxInt64Text)
		return e.keep(strconv.AppendInt(e.arena, v.Int(), 10))
	default:
		return v.AsString()
	}
}

// cutMark ends a value that was cut.
const cutMark = "…[cut]"

func (e *Encoder) cut(r *Row, s string) string { return cutTo(r, s, e.limits.ValueBytes) }

func cutTo(r *Row, s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	r.Truncated++
	end := limit
	for end > 0 && end > limit-4 && s[end]&0xC0 == 0x80 {
		end-- // not inside a character
	}
	return s[:end] + cutMark
}

func (e *Encoder) bound(kv []Attr, cut *uint32) []Attr {
	if len(kv) <= e.limits.Attributes {
		return kv
	}
	*cut += uint32(len(kv) - e.limits.Attributes)
	return kv[:e.limits.Attributes]
}

// sorted sorts by key, bytewise, and keeps the first of equal keys.
func sorted(kv []Attr) []Attr {
	byKey := func(a, b Attr) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(kv, byKey) {
		slices.SortStableFunc(kv, byKey)
	}
	return slices.CompactFunc(kv, func(a, b Attr) bool { return a.Key == b.Key })
}

// addAttributions reads the corrections that ride on a span as events.
func (e *Encoder) addAttributions(span ptrace.Span, r *Row) {
	for _, ev := range span.Events().All() {
		if ev.Name() != attr.AttributionEvent {
			continue
		}
		a := ev.Attributes()
		id, err := hex.DecodeString(stringAt(a, attr.AttributionAction))
		if err != nil || len(id) != 16 {
			continue // not ours: nothing it could correct
		}
		e.attributions.append(&AttributionRow{
			ActionID: [16]byte(id),
			TraceID:  stringAt(a, attr.AttributionTrace), SpanID: stringAt(a, attr.AttributionSpan),
			AgentID: stringAt(a, attr.AgentID), AgentName: stringAt(a, attr.AgentName),
			AgentVersion: stringAt(a, attr.AgentVersion), Session: stringAt(a, attr.SessionID),
			PrincipalID: stringAt(a, attr.PrincipalID), PrincipalType: stringAt(a, attr.PrincipalType),
			PrincipalGrade: stringAt(a, attr.PrincipalGrade),
			SettledTS:      r.TS, Observed: r.Observed,
		})
		e.stats.Attributions++
	}
}

func stringAt(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return v.Str()
	}
	return ""
}
