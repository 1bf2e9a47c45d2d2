package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// sender sends as an agent's SDK does: what is refused and may be retried is
// retried until it is accepted, with the same bytes. It is safe for concurrent use.
type sender struct {
	client *http.Client
	pause  time.Duration // the longest between two attempts

	mu       sync.Mutex
	accepted map[uint64]struct{} // span numbers
	calls    int                 // model calls among them
	refused  map[int]int         // answers by status; 0 is no answer at all
	wrong    []string            // answers that OTLP does not allow
}

func newSender() *sender {
	return &sender{
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		pause:  500 * time.Millisecond, accepted: map[uint64]struct{}{}, refused: map[int]int{},
	}
}

// retryable are the statuses that OTLP/HTTP lets a sender retry.
var retryable = map[int]bool{
	http.StatusTooManyRequests: true, http.StatusBadGateway: true,
	http.StatusServiceUnavailable: true, http.StatusGatewayTimeout: true,
}

// errForGood is an answer that must not be retried.
var errForGood = errors.New("refused for good")

// send returns nil once td is accepted.
func (s *sender) send(ctx context.Context, endpoint string, td ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return err
	}
	pause := 20 * time.Millisecond
	for {
		wait, err := s.try(ctx, endpoint, body)
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
		s.note(0, "")
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.note(0, "")
		return 0, err
	}
	if resp.StatusCode == http.StatusOK {
		answer := ptraceotlp.NewExportResponse()
		if err := answer.UnmarshalProto(raw); err != nil || answer.PartialSuccess().RejectedSpans() > 0 {
			return 0, fmt.Errorf("%w: partial: %v, %w", errForGood, answer.PartialSuccess().ErrorMessage(), err)
		}
		return 0, nil
	}
	s.note(resp.StatusCode, judgeRefusal(resp, raw))
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

func (s *sender) note(status int, wrong string) {
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

// refusals is how many answers were no acceptance, and how many requests got no
// answer.
func (s *sender) refusals() (answered, unanswered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for status, n := range s.refused {
		if status == 0 {
			unanswered += n
		} else {
			answered += n
		}
	}
	return answered, unanswered
}
