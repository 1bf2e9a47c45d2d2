package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanwarden/spanwarden/test/bench/fleet"
)

// load is what every run sends: the same bytes.
type load struct {
	requests [][]byte
	bytes    int
}

// makeLoad makes the requests before any clock starts. Their spans lie in the hour
// before: the store keeps what is younger than its retention.
func makeLoad(o *options) load {
	sessions := o.spans/12 + 1
	f := fleet.New(fleet.Spec{
		Seed: 1, Services: o.services, Turns: 2, Content: o.content,
		Start: time.Now().Add(-time.Hour).Truncate(time.Hour),
		Every: max(time.Millisecond, time.Hour*time.Duration(o.services)/time.Duration(sessions)),
	})
	var l load
	var marshal ptrace.ProtoMarshaler
	for left := o.spans; left > 0; left -= o.perRequest {
		raw, err := marshal.MarshalTraces(f.Request(min(left, o.perRequest)))
		if err != nil {
			panic(err) // protobuf that was made a line above
		}
		l.requests = append(l.requests, raw)
		l.bytes += len(raw)
	}
	return l
}

// send posts all requests, several at a time, none before its turn: one every so
// often, or at once where that is 0. What is refused for now is sent again, as SDKs do.
func (l *load) send(ctx context.Context, url string, senders int, every time.Duration) (refused int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	var next, again atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range senders {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(l.requests)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				time.Sleep(time.Until(began.Add(time.Duration(i) * every)))
				for {
					ok, err := post(ctx, client, url, l.requests[i])
					if err != nil {
						cancel(err)
						return
					}
					if ok {
						break
					}
					again.Add(1)
					time.Sleep(refusedPause)
				}
			}
		})
	}
	all.Wait()
	return again.Load(), context.Cause(ctx)
}

// refusedPause is how long a sender waits after a refusal.
const refusedPause = 100 * time.Millisecond

// post reports whether the request was accepted; false is to be tried again.
func post(ctx context.Context, client *http.Client, url string, body []byte) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return false, err
	case resp.StatusCode == http.StatusOK:
		said := ptraceotlp.NewExportResponse()
		if err := said.UnmarshalProto(answer); err != nil {
			return false, err
		}
		if n := said.PartialSuccess().RejectedSpans(); n > 0 {
			return false, fmt.Errorf("the collector rejects %d spans: %s", n, said.PartialSuccess().ErrorMessage())
		}
		return true, nil
	case resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests:
		return false, nil
	default:
		return false, fmt.Errorf("the collector answers %s: %.300s", resp.Status, answer)
	}
}
