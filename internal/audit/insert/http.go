package insert

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// StatusError is an answer other than 200 over HTTP. Exception is ClickHouse's
// own code, 0 where it was not ClickHouse that answered.
type StatusError struct {
	Status    int
	Exception int32
	text      string
}

// Error repeats what the server said.
func (e *StatusError) Error() string {
	return fmt.Sprintf("HTTP %d: %s", e.Status, strings.TrimSpace(e.text))
}

// httpSender posts blocks in the format Native. It keeps no state of its own.
type httpSender struct {
	client      *http.Client
	scheme      string
	path        string
	user        string
	password    string
	compression string
}

func newHTTPSender(opts *clickhouse.Options, compression string) *httpSender {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = opts.TLS
	transport.MaxIdleConnsPerHost = 16
	scheme := "http"
	if opts.TLS != nil {
		scheme = "https"
	}
	return &httpSender{
		client: &http.Client{Transport: transport}, scheme: scheme, path: opts.HttpUrlPath,
		user: opts.Auth.Username, password: opts.Auth.Password, compression: compression,
	}
}

func (h *httpSender) close() { h.client.CloseIdleConnections() }

func (h *httpSender) insert(ctx context.Context, addr, table string, block *audit.Encoded, settings map[string]string) error {
	query := url.Values{}
	for k, v := range settings {
		query.Set(k, v)
	}
	query.Set("query", "INSERT INTO "+table+" "+block.Columns+" FORMAT Native")
	target := url.URL{Scheme: h.scheme, Host: addr, Path: "/" + strings.TrimPrefix(h.path, "/"), RawQuery: query.Encode()}
	body, err := compress(h.compression, block.Native)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if h.compression != None {
		req.Header.Set("Content-Encoding", h.compression)
	}
	if h.user != "" {
		req.Header.Set("X-ClickHouse-User", h.user)
		req.Header.Set("X-ClickHouse-Key", h.password)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	return errors.Join(readAnswer(res), res.Body.Close())
}

// maxAnswerBytes is plenty for an exception; an insert answers nothing else.
const maxAnswerBytes = 64 << 10

func readAnswer(res *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	code, _ := strconv.ParseInt(res.Header.Get("X-ClickHouse-Exception-Code"), 10, 32)
	// A failure after the headers went out arrives in the body of a 200.
	failed := res.StatusCode != http.StatusOK || code != 0 || bytes.Contains(text, []byte("__exception__\r\n"))
	if !failed {
		return nil
	}
	return &StatusError{Status: res.StatusCode, Exception: int32(code), text: string(text[:min(len(text), 2048)])}
}

// zstdEncoder is safe for concurrent EncodeAll.
var zstdEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))

func compress(method string, block []byte) ([]byte, error) {
	switch method {
	case Zstd:
		return zstdEncoder.EncodeAll(block, nil), nil
	case Gzip:
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		if _, err := w.Write(block); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		return buf.Bytes(), nil
	default:
		return block, nil
	}
}
