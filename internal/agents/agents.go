// Package agents holds scripted agents, instrumented with the OpenTelemetry Go
// SDK as an application would be: the scenarios that spanwarden exists for. The
// demo and the end-to-end tests run them against the real collector.
//
// A scenario is deterministic, ids and times included: run twice, it is the same
// telemetry sent again.
package agents

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Scenario is a script. Times are relative to the moment it is run at.
type Scenario struct {
	Name    string
	Service string // service.name, and the project
	Play    func(*Stage)
}

// Stage is what a script acts on: spans under a clock that the script moves.
type Stage struct {
	ctx    context.Context
	tracer api.Tracer
	flush  func(context.Context) error
	now    time.Time
	err    error
	spans  map[string]int // by session

	session string // of the run that is being played
}

// Run plays a scenario that begins at the given time and sends its spans to the
// collector at endpoint, http://host:port. It returns how many there
// were of each session.
func Run(ctx context.Context, endpoint string, s *Scenario, at time.Time) (spans map[string]int, err error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	provider := trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithIDGenerator(&ids{name: s.Name, at: at}),
		trace.WithResource(resource.NewSchemaless(attribute.String("service.name", s.Service), attribute.String("spanwarden.project.id", s.Service))),
	)
	st := &Stage{ctx: ctx, tracer: provider.Tracer("acme.example/agents"), flush: provider.ForceFlush, now: at, spans: map[string]int{}}
	s.Play(st)
	if err := errors.Join(st.err, provider.Shutdown(ctx)); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return st.spans, nil
}

// Traceparent names the span that is open, as W3C writes it: for questions that
// belong into its trace.
func (s *Stage) Traceparent() string {
	c := api.SpanContextFromContext(s.ctx)
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-01"
}

// Wait moves the clock.
func (s *Stage) Wait(d time.Duration) { s.now = s.now.Add(d) }

// Send sends what has ended so far, as an SDK does every few seconds.
func (s *Stage) Send() { s.err = errors.Join(s.err, s.flush(s.ctx)) }

// Span runs body inside a span that lasts as long as body moves the clock, and
// at least for the given time.
func (s *Stage) Span(name string, kind api.SpanKind, lasts time.Duration, body func(), attrs ...attribute.KeyValue) {
	s.linked(name, kind, lasts, body, nil, attrs...)
}

// linked is Span with links. It returns the span's context for others to link.
func (s *Stage) linked(name string, kind api.SpanKind, lasts time.Duration, body func(), links []api.Link, attrs ...attribute.KeyValue) api.SpanContext {
	outer, began := s.ctx, s.now
	opts := []api.SpanStartOption{api.WithTimestamp(s.now), api.WithSpanKind(kind), api.WithAttributes(attrs...), api.WithLinks(links...)}
	ctx, span := s.tracer.Start(outer, name, opts...)
	s.ctx = ctx
	if body != nil {
		body()
	}
	s.ctx = outer
	if end := began.Add(lasts); s.now.Before(end) {
		s.now = end
	}
	span.End(api.WithTimestamp(s.now))
	s.spans[s.session]++
	return span.SpanContext()
}

// Agent is one run of an agent for a session and a user.
func (s *Stage) Agent(name, session, user string, body func(), more ...attribute.KeyValue) {
	outer := s.session
	s.session = session
	defer func() { s.session = outer }()
	s.Span("invoke_agent "+name, api.SpanKindInternal, 0, body, append(more,
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.id", name),
		attribute.String("gen_ai.agent.name", name),
		attribute.String("gen_ai.conversation.id", session),
		attribute.String("user.id", user))...)
}

// Model is one call to a model.
func (s *Stage) Model(provider, model string, input, output int, lasts time.Duration) {
	s.Span("chat "+model, api.SpanKindClient, lasts, nil,
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.conversation.id", s.session),
		attribute.String("gen_ai.provider.name", provider),
		attribute.String("gen_ai.request.model", model),
		attribute.String("gen_ai.response.model", model),
		attribute.Int("gen_ai.usage.input_tokens", input),
		attribute.Int("gen_ai.usage.output_tokens", output))
}

// Tool is one tool call with its arguments as JSON.
func (s *Stage) Tool(name, arguments string, lasts time.Duration) {
	s.Span("execute_tool "+name, api.SpanKindInternal, lasts, nil,
		attribute.String("gen_ai.operation.name", "execute_tool"),
		attribute.String("gen_ai.conversation.id", s.session),
		attribute.String("gen_ai.tool.name", name),
		attribute.String("gen_ai.tool.type", "function"),
		attribute.String("gen_ai.tool.call.id", fmt.Sprintf("call-%d", s.now.UnixNano())),
		attribute.String("gen_ai.tool.call.arguments", arguments))
}

// ids makes ids from the scenario's name, its time and a count. One script runs
// in one goroutine, so it needs no lock.
type ids struct {
	name string
	at   time.Time
	n    uint64
}

func (g *ids) next() [32]byte {
	g.n++
	b := binary.BigEndian.AppendUint64([]byte(g.name), uint64(g.at.UnixNano()))
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, g.n))
}

// NewIDs implements trace.IDGenerator.
func (g *ids) NewIDs(context.Context) (api.TraceID, api.SpanID) {
	h := g.next()
	return api.TraceID(h[:16]), api.SpanID(h[16:24])
}

// NewSpanID implements trace.IDGenerator.
func (g *ids) NewSpanID(context.Context, api.TraceID) api.SpanID {
	h := g.next()
	return api.SpanID(h[:8])
}
