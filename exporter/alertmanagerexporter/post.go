package alertmanagerexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
)

// postable is an alert as API v2 of Alertmanager takes it.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// apiPath is under the base address of an Alertmanager.
const apiPath = "/api/v2/alerts"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 10

func encode(items []alerts.Item) ([]byte, error) {
	out := make([]postable, 0, len(items))
	for i := range items {
		it := &items[i]
		out = append(out, postable{
			Labels: it.Labels, Annotations: it.Annotations, GeneratorURL: it.GeneratorURL,
			StartsAt: stamp(it.StartsAt), EndsAt: stamp(it.EndsAt),
		})
	}
	return json.Marshal(out)
}

// answer is what came back for a request.
type answer struct {
	status int // 0 where there was no answer
	err    error
	after  time.Duration // as long as the Alertmanager asks to be left alone
}

// code is the label of the answer's counter.
func (a *answer) code() string {
	var timeout net.Error
	switch {
	case a.status != 0:
		return strconv.Itoa(a.status)
	case errors.Is(a.err, context.DeadlineExceeded), errors.As(a.err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "error"
	}
}

// blames tells whether the answer says that it is the content that is wrong, not
// the address, the credentials or the hour. An Alertmanager says 400 to an alert
// without labels and 422 to what is not of the schema; 413 is for a shorter post.
func (a *answer) blames() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return true
	default:
		return false
	}
}

// send makes one request. An address is never in the error: net/http puts it
// there, with what may be a secret.
func (s *sender) send(ctx context.Context, items []alerts.Item) answer {
	body, err := encode(items)
	if err != nil {
		return answer{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return answer{err: err}
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection is kept
	_ = resp.Body.Close()
	a := answer{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"))}
	if resp.StatusCode/100 != 2 {
		a.err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return a
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// maxRetryAfter bounds what an Alertmanager may ask for.
const maxRetryAfter = 5 * time.Minute

// deliver posts the items and sets their verdicts. If the content is blamed, it
// halves until the guilty ones stand alone. It stops at the first answer that says
// to try again, and returns it.
func (s *sender) deliver(ctx context.Context, items []alerts.Item) answer {
	a := s.send(ctx, items)
	s.e.countPost(ctx, s, &a)
	switch {
	case a.err == nil:
		for i := range items {
			items[i].Verdict = alerts.Accepted
		}
		s.e.countSent(ctx, s, items)
		return a
	case !a.blames():
		return a
	case len(items) > 1:
		half := len(items) / 2
		if first := s.deliver(ctx, items[:half]); first.err != nil {
			return first
		}
		return s.deliver(ctx, items[half:])
	default:
		return s.condemn(ctx, &items[0], a)
	}
}

// condemn gives up one alert; but only if the Alertmanager takes an empty post.
// Otherwise it, or what stands before it, blames everything, and nothing may be
// lost for that.
func (s *sender) condemn(ctx context.Context, it *alerts.Item, blame answer) answer {
	probe := s.send(ctx, nil)
	s.e.countPost(ctx, s, &probe)
	if probe.err != nil {
		return blame
	}
	it.Verdict = alerts.Refused
	s.e.countDropped(ctx, reasonRejected, 1)
	s.e.loud.Error("An Alertmanager will never take this alert. It is given up there.",
		zap.String("endpoint", s.name), zap.Any("labels", it.Labels), zap.String("finding_id", it.Annotations["finding_id"]), zap.Error(blame.err))
	return answer{status: blame.status}
}
