package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// sender sends as an agent's SDK does: what is refused and may be retried is
// retried until it is accepted, with the same bytes. Requests go over HTTP and over
// gRPC in turn. It is safe for concurrent use.
type sender struct {
	client *http.Client
	pause  time.Duration // the longest between two attempts
	turn   atomic.Int64

	mu       sync.Mutex
	accepted map[uint64]struct{}         // span numbers
	calls    int                         // model calls among them
	grpc     map[string]*grpc.ClientConn // by address
	refused  map[string]int              // answers by status; "" is no answer at all
	wrong    []string                    // answers that OTLP does not allow
}

func newSender() *sender {
	return &sender{
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		pause:  500 * time.Millisecond, accepted: map[uint64]struct{}{}, refused: map[string]int{}, grpc: map[string]*grpc.ClientConn{},
	}
}

// retryable are the statuses that OTLP/HTTP lets a sender retry.
var retryable = map[int]bool{
	http.StatusTooManyRequests: true, http.StatusBadGateway: true,
	http.StatusServiceUnavailable: true, http.StatusGatewayTimeout: true,
}

// errForGood is an answer that must not be retried.
var errForGood = errors.New("refused for good")

// target is where a collector takes OTLP.
type target struct{ http, grpc string }

// most is the largest request that the collector takes, over HTTP and over gRPC.
const most = 20 << 20

// send returns nil once td is accepted.
func (s *sender) send(ctx context.Context, to target, td ptrace.Traces) error {
	req := ptraceotlp.NewExportRequestFromTraces(td)
	body, err := req.MarshalProto()
	if err != nil {
		return err
	}
	try := func() (time.Duration, error) { return s.try(ctx, to.http, body) }
	if s.turn.Add(1)%2 == 0 && len(body) < most {
		conn, err := s.dial(to.grpc)
		if err != nil {
			return err
		}
		try = func() (time.Duration, error) { return s.tryGRPC(ctx, conn, req) }
	}
	pause := 20 * time.Millisecond
	for {
		wait, err := try()
		if err == nil {
			s.accept(td)
			return nil
		}
		if errors.Is(err, errForGood) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(max(pause, min(wait, time.Second))):
		}
		pause = min(2*pause, s.pause)
	}
}

func (s *sender) try(ctx context.Context, endpoint string, body []byte) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", protobuf)
	resp, err := s.client.Do(req)
	if err != nil {
		s.note("", "")
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.note("", "")
		return 0, err
	}
	if resp.StatusCode == http.StatusOK {
		answer := ptraceotlp.NewExportResponse()
		if err := answer.UnmarshalProto(raw); err != nil || answer.PartialSuccess().RejectedSpans() > 0 {
			return 0, fmt.Errorf("%w: partial: %v, %w", errForGood, answer.PartialSuccess().ErrorMessage(), err)
		}
		return 0, nil
	}
	s.note(strconv.Itoa(resp.StatusCode), judgeRefusal(resp, raw))
	err = fmt.Errorf("%s: %q", resp.Status, raw)
	if !retryable[resp.StatusCode] {
		err = fmt.Errorf("%w: %w", errForGood, err)
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent is at once
	return time.Duration(seconds) * time.Second, err
}

const protobuf = "application/x-protobuf"

// judgeRefusal says what is wrong with a refusal under OTLP/HTTP: the body of
// every one is a google.rpc.Status in the request's encoding.
func judgeRefusal(resp *http.Response, body []byte) string {
	if resp.Header.Get("Content-Type") != protobuf {
		return fmt.Sprintf("%d with content type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if err := proto.Unmarshal(body, new(spb.Status)); err != nil {
		return fmt.Sprintf("%d whose body is no google.rpc.Status: %v", resp.StatusCode, err)
	}
	return ""
}

func (s *sender) note(status, wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[status]++
	if wrong != "" && len(s.wrong) < 10 {
		s.wrong = append(s.wrong, wrong)
	}
}

func (s *sender) accept(td ptrace.Traces) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				number := numberOf(span.SpanID())
				if _, again := s.accepted[number]; again {
					continue
				}
				s.accepted[number] = struct{}{}
				if op, _ := span.Attributes().Get("gen_ai.operation.name"); op.Str() == "chat" {
					s.calls++
				}
			}
		}
	}
}

// statuses says how often each refusal was given.
func (s *sender) statuses() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, status := range slices.Sorted(maps.Keys(s.refused)) {
		if status != "" {
			out = append(out, fmt.Sprintf("%s %d times", status, s.refused[status]))
		}
	}
	return strings.Join(out, ", ")
}

// refusals is how many answers were no acceptance, and how many requests got no
// answer.
func (s *sender) refusals() (answered, unanswered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for status, n := range s.refused {
		if status == "" {
			unanswered += n
		} else {
			answered += n
		}
	}
	return answered, unanswered
}
