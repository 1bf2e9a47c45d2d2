package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// HTTP posts checkpoints, each as a line of an anchor file: whoever takes it may
// append it to one as it is.
type HTTP struct {
	Client *http.Client
	URL    string
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1 << 20

// Kind is of Place.
func (*HTTP) Kind() string { return "http" }

// Put posts; an answer other than 2xx is an error.
func (h *HTTP) Put(ctx context.Context, _ *tlog.Checkpoint, signed string, now time.Time) (uri string, err error) {
	raw, err := encode(signed, now)
	if err != nil {
		return h.URL, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(raw))
	if err != nil {
		return h.URL, err
	}
	req.Header.Set("Content-Type", "application/json")
	status, body, err := do(h.Client, req)
	if err == nil && status/100 != 2 {
		err = answered(status, body)
	}
	return h.URL, err
}

// do sends a request and reads the answer, at most maxAnswer of it.
func do(client *http.Client, req *http.Request) (status int, body []byte, err error) {
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, body, errors.Join(err, res.Body.Close())
}

func answered(status int, body []byte) error {
	return fmt.Errorf("it answered %d %s: %q", status, http.StatusText(status), body[:min(len(body), 300)])
}
