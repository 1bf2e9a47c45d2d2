package clickhouseauditexporter

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/squeeze"
)

// request is what the sending queue holds: the spans of one or several senders, as
// they came. They are never changed, so merging is putting them side by side.
type request struct{ parts []ptrace.Traces }

func newRequest(_ context.Context, td ptrace.Traces) (xexporterhelper.Request, error) {
	return &request{parts: []ptrace.Traces{td}}, nil
}

// ItemsCount implements xexporterhelper.Request.
func (r *request) ItemsCount() (n int) {
	for _, td := range r.parts {
		n += td.SpanCount()
	}
	return n
}

// BytesSize implements xexporterhelper.Request.
func (r *request) BytesSize() (n int) {
	var size ptrace.ProtoMarshaler
	for _, td := range r.parts {
		n += size.TracesSize(td)
	}
	return n
}

var errOtherRequest = errors.New("a request of another exporter")

// MergeSplit implements xexporterhelper.Request.
func (r *request) MergeSplit(_ context.Context, most int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	parts := r.parts
	if other != nil {
		o, ok := other.(*request)
		if !ok {
			return nil, fmt.Errorf("%w: %T", errOtherRequest, other)
		}
		parts = slices.Concat(parts, o.parts)
	}
	if most <= 0 {
		return []xexporterhelper.Request{&request{parts}}, nil
	}
	size := func(td ptrace.Traces) int { return (&request{[]ptrace.Traces{td}}).ItemsCount() }
	if sizer == exporterhelper.RequestSizerTypeBytes {
		size = func(td ptrace.Traces) int { return (&request{[]ptrace.Traces{td}}).BytesSize() }
	}
	var out []xexporterhelper.Request
	var current []ptrace.Traces
	room := most
	for _, td := range small(parts, most, size) {
		n := size(td)
		if n > room && len(current) > 0 {
			out, current, room = append(out, &request{current}), nil, most
		}
		current, room = append(current, td), room-n
	}
	return append(out, &request{current}), nil
}

// small halves what is larger than most, down to single spans.
func small(parts []ptrace.Traces, most int, size func(ptrace.Traces) int) (out []ptrace.Traces) {
	for _, td := range parts {
		if td.SpanCount() < 2 || size(td) <= most {
			out = append(out, td)
			continue
		}
		first, second := halves(td)
		out = append(out, small([]ptrace.Traces{first, second}, most, size)...)
	}
	return out
}

// An item of the persistent queue is a magic, who wrote it and its number there,
// and the spans as protobuf in an S2 block: spans repeat themselves, and what is
// short is copied less by the storage.
const itemMagic = "SWQ1"

const itemHead = len(itemMagic) + 8 + 8

var errItem = errors.New("no item of this queue")

// liveBytes bounds the requests, by the size of their protobuf, that are in memory
// beside the storage. A queue that is longer than that is read back from it.
const liveBytes = 8 << 20

// codec encodes requests for the persistent queue. The storage is there for a
// crash: a request that this process wrote a moment ago is not read back but taken
// as it was. It may be used concurrently.
type codec struct {
	process uint64 // nobody else's
	room    int    // bytes

	mu   sync.Mutex
	next uint64
	live map[uint64]liveRequest
	size int
}

type liveRequest struct {
	*request
	size int
}

func newCodec() *codec {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return &codec{process: binary.LittleEndian.Uint64(nonce[:]), room: liveBytes, live: map[uint64]liveRequest{}}
}

// Marshal implements the encoding of a queue.
func (c *codec) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	req, ok := r.(*request)
	if !ok || len(req.parts) != 1 {
		return nil, fmt.Errorf("%w: %T", errOtherRequest, r)
	}
	var marshal ptrace.ProtoMarshaler
	raw, err := marshal.MarshalTraces(req.parts[0])
	if err != nil {
		return nil, err
	}
	head := append(make([]byte, 0, itemHead), itemMagic...)
	head = binary.LittleEndian.AppendUint64(head, c.process)
	head = binary.LittleEndian.AppendUint64(head, c.keep(req, len(raw)))
	return squeeze.Pack(head, raw), nil
}

// keep returns the number of a request, and keeps it if there is room.
func (c *codec) keep(req *request, size int) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	if c.size+size <= c.room {
		c.live[c.next] = liveRequest{req, size}
		c.size += size
	}
	return c.next
}

// Unmarshal implements the encoding of a queue.
func (c *codec) Unmarshal(item []byte) (context.Context, xexporterhelper.Request, error) {
	ctx := context.Background()
	if len(item) < itemHead || string(item[:len(itemMagic)]) != itemMagic {
		return ctx, nil, errItem
	}
	process, n := binary.LittleEndian.Uint64(item[len(itemMagic):]), binary.LittleEndian.Uint64(item[len(itemMagic)+8:])
	if process == c.process {
		if req := c.take(n); req != nil {
			return ctx, req, nil
		}
	}
	raw, err := squeeze.Unpack(item[itemHead:])
	if err != nil {
		return ctx, nil, fmt.Errorf("%w: %w", errItem, err)
	}
	var unmarshal ptrace.ProtoUnmarshaler
	td, err := unmarshal.UnmarshalTraces(raw)
	if err != nil {
		return ctx, nil, fmt.Errorf("%w: %w", errItem, err)
	}
	req, err := newRequest(ctx, td)
	return ctx, req, err
}

// take returns a request that is kept, or nil. The queue is read in order: one that
// is much older never got there.
func (c *codec) take(n uint64) *request {
	const overtaking = 1024 // senders that have a number and are not in the queue yet
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.live[n].request
	for old, r := range c.live {
		if old == n || old+overtaking < n {
			c.size -= r.size
			delete(c.live, old)
		}
	}
	return found
}

// readOnly says of an exporter that it changes no spans. The helper says that one
// that batches does, and each batch would be copied for it.
type readOnly struct{ exporter.Traces }

// Capabilities implements consumer.Traces.
func (readOnly) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}
