package audit

import (
	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxLinks and maxEvents bound what one span may store. The SDKs' own default
// limit is 128 of each.
const (
	maxLinks  = 128
	maxEvents = 128
)

// evidence is the memory of one row's links and events, reused from row to row.
type evidence struct {
	traces, spans, events []string
	attrs                 [][]Attr
}

// fromLinks keeps the span's links: a message or task that was handed over links
// to who handed it.
func (e *Encoder) fromLinks(r *Row, links ptrace.SpanLinkSlice) {
	n := links.Len()
	if n == 0 {
		return
	}
	if n > maxLinks {
		r.Truncated += uint32(n - maxLinks)
		n = maxLinks
	}
	ev := &e.evidence
	ev.traces, ev.spans, ev.attrs = ev.traces[:0], ev.spans[:0], ev.attrs[:0]
	for i := range n {
		link := links.At(i)
		trace, span := link.TraceID(), link.SpanID()
		ev.traces = append(ev.traces, e.hexOf(trace[:]))
		ev.spans = append(ev.spans, e.hexOf(span[:]))
		ev.attrs = append(ev.attrs, e.linkAttrs(r, link))
	}
	r.LinkTraceIDs, r.LinkSpanIDs, r.LinkAttrs = ev.traces, ev.spans, ev.attrs
}

// linkAttrs leaves content out: it is stored in its own table or not at all.
func (e *Encoder) linkAttrs(r *Row, link ptrace.SpanLink) []Attr {
	if link.Attributes().Len() == 0 {
		return nil
	}
	kv := make([]Attr, 0, link.Attributes().Len())
	e.classes.Begin(link.Attributes().Len())
	for k, v := range link.Attributes().All() {
		if !e.classes.Next(k).holds(v) {
			kv = append(kv, Attr{Key: k, Value: e.cut(&r.Truncated, e.textOf(v))})
		}
	}
	return e.bound(sorted(kv), &r.Truncated)
}

// fromEvents keeps the names of events. Records of ours have tables.
func (e *Encoder) fromEvents(r *Row, events ptrace.SpanEventSlice) {
	if events.Len() == 0 {
		return
	}
	names := e.evidence.events[:0]
	for _, event := range events.All() {
		switch {
		case isRecord(event.Name()):
		case len(names) == maxEvents:
			r.Truncated++
		default:
			names = append(names, e.cut(&r.Truncated, event.Name()))
		}
	}
	e.evidence.events, r.EventNames = names, names
}

// colArray is Array(T) over a column that takes its elements one by one.
type colArray[E any] struct {
	offsets proto.ColUInt64
	data    interface {
		proto.ColInput
		Reset()
	}
	add func(E)
}

func (c *colArray[E]) append(elements []E) {
	for i := range elements {
		c.add(elements[i])
	}
	c.offsets.Append(uint64(c.data.Rows()))
}

func (c *colArray[E]) Type() proto.ColumnType { return c.data.Type().Array() }
func (c *colArray[E]) Rows() int              { return c.offsets.Rows() }

func (c *colArray[E]) EncodeState(buf *proto.Buffer) {
	if s, ok := c.data.(proto.StateEncoder); ok {
		s.EncodeState(buf)
	}
}

func (c *colArray[E]) Reset() {
	c.offsets.Reset()
	c.data.Reset()
}

func (c *colArray[E]) EncodeColumn(buf *proto.Buffer) {
	c.offsets.EncodeColumn(buf)
	c.data.EncodeColumn(buf)
}

func (c *colArray[E]) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

func texts[R any](name string, get func(*R) []string) column[R] {
	data := new(colText)
	c := &colArray[string]{data: data, add: data.Append}
	return column[R]{name: name, data: c, add: func(r *R) { c.append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netTexts(buf, get(r)) }}
}

func lowCards[R any](name string, get func(*R) []string) column[R] {
	data := newColLow()
	c := &colArray[string]{data: data, add: data.Append}
	return column[R]{name: name, data: c, add: func(r *R) { c.append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netTexts(buf, get(r)) }}
}

func mappings[R any](name string, get func(*R) [][]Attr) column[R] {
	data := &colMap{keys: newColLow()}
	c := &colArray[[]Attr]{data: data, add: data.append}
	return column[R]{name: name, data: c, add: func(r *R) { c.append(get(r)) }, seal: func(buf []byte, r *R) []byte { return netMaps(buf, get(r)) }}
}
