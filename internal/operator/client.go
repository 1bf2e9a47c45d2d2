package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client asks a decision receiver. It is safe for concurrent use.
type Client struct {
	Base   string       // http://127.0.0.1:4320
	Token  string       // sent as a bearer token; "" means none
	Client *http.Client // nil means http.DefaultClient
}

// ErrRefused wraps every answer that is not a success.
var ErrRefused = errors.New("refused")

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// Halts returns the halts in force, oldest first.
func (c *Client) Halts(ctx context.Context) ([]Halt, error) {
	var out Halts
	err := c.do(ctx, http.MethodGet, "/v1/halts", nil, &out)
	return out.Halts, err
}

// Halt sets a halt.
func (c *Client) Halt(ctx context.Context, o *Order) (h Halt, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/halts", o, &h)
	return h, err
}

// Release lifts a halt.
func (c *Client) Release(ctx context.Context, id, by, reason string) (h Halt, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/halts/"+url.PathEscape(id)+"/release", Release{by, reason}, &h)
	return h, err
}

// Balances returns what the budgets hold that cover the scopes: members of query
// are tenant, project, agent, session, principal, delegation_root, run.
func (c *Client) Balances(ctx context.Context, query url.Values) ([]Balance, error) {
	var out Balances
	err := c.do(ctx, http.MethodGet, "/v1/balances?"+query.Encode(), nil, &out)
	return out.Balances, err
}

// Status returns what the receiver is doing.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// Decision returns the record of a decision, canonical JSON, while the receiver
// remembers it.
func (c *Client) Decision(ctx context.Context, id string) (record json.RawMessage, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/decisions/"+url.PathEscape(id), nil, &record)
	return record, err
}

// Approve says yes to a question that was answered ask.
func (c *Client) Approve(ctx context.Context, decision string, a *Approve) (out Approval, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/decisions/"+url.PathEscape(decision)+"/approve", a, &out)
	return out, err
}

// Delegate registers a grant.
func (c *Client) Delegate(ctx context.Context, d *Delegate) (out Delegation, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/delegations", d, &out)
	return out, err
}

// Revoke ends a grant and all below it.
func (c *Client) Revoke(ctx context.Context, id, by, reason string) (out Grant, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/delegations/"+url.PathEscape(id)+"/revoke", Release{by, reason}, &out)
	return out, err
}

// Chain returns the grants of a chain.
func (c *Client) Chain(ctx context.Context, id string) (out Chain, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/chains/"+url.PathEscape(id), nil, &out)
	return out, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the collector's decision receiver: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("asking the collector's decision receiver: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var e Error
		if json.Unmarshal(raw, &e) != nil || e.Error == "" {
			e.Error = strings.TrimSpace(string(raw))
		}
		return fmt.Errorf("%w: %s (%s)", ErrRefused, e.Error, resp.Status)
	}
	return json.Unmarshal(raw, out)
}
