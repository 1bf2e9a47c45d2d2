package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// dial returns the one connection to an address. It comes back soon after the
// collector does.
func (s *sender) dial(address string) (*grpc.ClientConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if conn := s.grpc[address]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second}, MinConnectTimeout: 5 * time.Second,
	}))
	if err == nil {
		s.grpc[address] = conn
	}
	return conn, err
}

func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.grpc {
		_ = conn.Close() // nothing is under way
	}
}

func (s *sender) tryGRPC(ctx context.Context, conn *grpc.ClientConn, req ptraceotlp.ExportRequest) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.client.Timeout)
	defer cancel()
	answer, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, req)
	if err == nil {
		if answer.PartialSuccess().RejectedSpans() > 0 {
			return 0, fmt.Errorf("%w: partial: %s", errForGood, answer.PartialSuccess().ErrorMessage())
		}
		return 0, nil
	}
	st := status.Convert(err)
	wait, told := retryInfo(st)
	if unanswered(st) {
		s.note("", "")
		return wait, err
	}
	s.note("grpc "+st.Code().String(), "")
	if !mayRetry(st.Code(), told) {
		err = fmt.Errorf("%w: %w", errForGood, err)
	}
	return wait, err
}

// unanswered tells an error of the connection from the collector's own answer.
func unanswered(st *status.Status) bool {
	if st.Code() == codes.DeadlineExceeded {
		return true
	}
	return st.Code() == codes.Unavailable &&
		(strings.Contains(st.Message(), "connection error") || strings.Contains(st.Message(), "error reading from server") || strings.Contains(st.Message(), "transport is closing") || strings.Contains(st.Message(), "closing transport"))
}

func retryInfo(st *status.Status) (wait time.Duration, told bool) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

// mayRetry is OTLP/gRPC's list. RESOURCE_EXHAUSTED is among it only where the
// server says when.
func mayRetry(code codes.Code, told bool) bool {
	switch code {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true
	case codes.ResourceExhausted:
		return told
	default:
		return false
	}
}
