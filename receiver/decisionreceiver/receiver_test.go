package decisionreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/spanwarden/spanwarden/extension/governanceextension"
	"github.com/spanwarden/spanwarden/internal/operator"
	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var governanceID, authID = component.MustNewID("governance"), component.MustNewID("auth")

// token lets in whoever has the right bearer token.
type token struct {
	component.StartFunc
	component.ShutdownFunc
}

func (token) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	if http.Header(headers).Get("Authorization") != "Bearer right" {
		return ctx, errors.New("wrong token")
	}
	return ctx, nil
}

func start(t *testing.T, edit func(*Config)) (base string) {
	t.Helper()
	return "http://" + startWith(t, "", consumertest.NewNop(), edit).address
}

// startWith starts governance with a registry and a receiver that sends to next.
func startWith(tb testing.TB, registry string, next consumer.Traces, edit func(*Config)) *decisionReceiver {
	tb.Helper()
	factory := governanceextension.NewFactory()
	gcfg := factory.CreateDefaultConfig().(*governanceextension.Config)
	gcfg.Budgets = filepath.Join(tb.TempDir(), "budgets.yaml")
	require.NoError(tb, os.WriteFile(gcfg.Budgets, []byte("version: 1\nbudgets:\n  - {id: cap, scope: session, limit_usd: 100, period: lifetime}\n"), 0o600))
	if registry != "" {
		gcfg.Registry = filepath.Join(tb.TempDir(), "agents.yaml")
		require.NoError(tb, os.WriteFile(gcfg.Registry, []byte(registry), 0o600))
	}
	gov, err := factory.Create(tb.Context(), extensiontest.NewNopSettings(factory.Type()), gcfg)
	require.NoError(tb, err)
	h := host{governanceID: gov, authID: token{}}
	require.NoError(tb, gov.Start(tb.Context(), h))
	tb.Cleanup(func() { assert.NoError(tb, gov.Shutdown(context.Background())) })

	cfg := createDefaultConfig().(*Config)
	cfg.Governance = &governanceID
	cfg.HTTP.NetAddr.Endpoint = "127.0.0.1:0"
	edit(cfg)
	require.NoError(tb, cfg.Validate())
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(tb, err)
	require.NoError(tb, r.Start(tb.Context(), h))
	tb.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() // a server waits 5 s for one that was dialled and never used
		assert.NoError(tb, r.Shutdown(context.Background()))
	})
	return r
}

func open(c *Config) { c.Admin.UnauthenticatedLoopback = true }

func TestHalts(t *testing.T) {
	client := &operator.Client{Base: start(t, open)}
	halts, err := client.Halts(t.Context())
	require.NoError(t, err)
	assert.Empty(t, halts)
	set, err := client.Halt(t.Context(), &operator.Order{Scope: "session", Tenant: "acme", Key: "s", By: "bob", Reason: "wrong mails"})
	require.NoError(t, err)
	assert.Equal(t, "halt", set.Effect)
	assert.Nil(t, set.Observed, "nothing was counted")
	halts, err = client.Halts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []operator.Halt{set}, halts)
	_, err = client.Release(t.Context(), set.ID, "bob", "")
	require.ErrorContains(t, err, "reason")
	_, err = client.Release(t.Context(), "0000", "bob", "done")
	require.ErrorContains(t, err, "404")
	_, err = client.Release(t.Context(), set.ID, "bob", "mails corrected")
	require.NoError(t, err)
	halts, err = client.Halts(t.Context())
	require.NoError(t, err)
	assert.Empty(t, halts)
}

// The forms of the reference: id and ttl, and DELETE without a body in its answer.
func TestHaltForms(t *testing.T) {
	base := start(t, open)
	resp, raw := send(t, base, "/v1/halts", `{"scope":"session","id":"s","ttl":"2h","by":"bob","reason":"wrong mails"}`)
	require.Equal(t, http.StatusCreated, resp.StatusCode, "%s", raw)
	var set operator.Halt
	require.NoError(t, json.Unmarshal(raw, &set))
	assert.Equal(t, "s", set.Key)
	require.NotNil(t, set.Until)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, base+"/v1/halts/"+set.HaltID, strings.NewReader(`{"by":"bob","reason":"corrected"}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err = http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
}

func TestBalances(t *testing.T) {
	client := &operator.Client{Base: start(t, open)}
	got, err := client.Balances(t.Context(), map[string][]string{"session": {"s"}})
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, "cap", got[0].Budget)
	assert.Zero(t, got[0].Spent, "a session that nobody has charged has spent 0")
	assert.EqualValues(t, 100, got[0].Remaining)
}

// Each wrong request gets its stated status and changes nothing.
func TestRefusals(t *testing.T) {
	base := start(t, open)
	guarded := start(t, func(c *Config) { c.Admin.Authenticator = &authID })
	closed := start(t, func(*Config) {})
	const order = `{"scope":"session","key":"s","by":"b","reason":"r"}`
	for name, c := range map[string]struct {
		base, method, path, body string
		header                   map[string]string
		want                     int
	}{
		"wrong content type": {base: base, method: "POST", path: "/v1/halts", body: order, header: map[string]string{"Content-Type": "text/plain"}, want: 415},
		"broken JSON":        {base: base, method: "POST", path: "/v1/halts", body: `{"scope":`, want: 400},
		"unknown member":     {base: base, method: "POST", path: "/v1/halts", body: `{"scpe":"session"}`, want: 400},
		"two values":         {base: base, method: "POST", path: "/v1/halts", body: order + order, want: 400},
		"no body":            {base: base, method: "POST", path: "/v1/halts", want: 400},
		"unknown scope":      {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"planet","key":"s","by":"b","reason":"r"}`, want: 400},
		"unknown effect":     {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","effect":"warn","key":"s","by":"b","reason":"r"}`, want: 400},
		"no reason":          {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","key":"s","by":"b"}`, want: 400},
		"no key":             {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","by":"b","reason":"r"}`, want: 400},
		"already over":       {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","key":"s","by":"b","reason":"r","until":"2001-01-01T00:00:00Z"}`, want: 400},
		"two names":          {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","key":"s","id":"t","by":"b","reason":"r"}`, want: 400},
		"no such duration":   {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","key":"s","ttl":"soon","by":"b","reason":"r"}`, want: 400},
		"two ends":           {base: base, method: "POST", path: "/v1/halts", body: `{"scope":"session","key":"s","ttl":"1h","until":"2101-01-01T00:00:00Z","by":"b","reason":"r"}`, want: 400},
		"delete unknown":     {base: base, method: "DELETE", path: "/v1/halts/x", body: `{"by":"b","reason":"r"}`, want: 404},
		"delete unsaid":      {base: base, method: "DELETE", path: "/v1/halts/x", body: `{}`, want: 400},
		"too large":          {base: base, method: "POST", path: "/v1/halts", body: `{"key":"` + strings.Repeat("x", maxBody) + `"}`, want: 413},
		"unknown halt":       {base: base, method: "POST", path: "/v1/halts/x/release", body: `{"by":"b","reason":"r"}`, want: 404},
		"unknown path":       {base: base, method: "GET", path: "/v1/nothing", want: 404},
		"wrong method":       {base: base, method: "DELETE", path: "/v1/halts", want: 405},
		"a web page":         {base: base, method: "GET", path: "/v1/halts", header: map[string]string{"Origin": "https://evil.example"}, want: 403},
		"a rebound name":     {base: base, method: "GET", path: "/v1/halts", header: map[string]string{"Host": "evil.example"}, want: 403},
		"no token":           {base: guarded, method: "GET", path: "/v1/halts", want: 401},
		"wrong token":        {base: guarded, method: "GET", path: "/v1/halts", header: map[string]string{"Authorization": "Bearer left"}, want: 401},
		"right token":        {base: guarded, method: "GET", path: "/v1/halts", header: map[string]string{"Authorization": "Bearer right"}, want: 200},
		"nobody was let in":  {base: closed, method: "GET", path: "/v1/halts", want: 403},
		"status is open":     {base: closed, method: "GET", path: "/v1/status", want: 200},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, c.base+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			for k, v := range c.header {
				req.Header.Set(k, v)
				if k == "Host" {
					req.Host = v
				}
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, c.want, resp.StatusCode, "%s", body)
		})
	}
	halts, err := (&operator.Client{Base: base}).Halts(t.Context())
	require.NoError(t, err)
	assert.Empty(t, halts)
}

func TestConfig(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	require.ErrorContains(t, cfg.Validate(), "governance")
	cfg.Governance = &governanceID
	cfg.HTTP.NetAddr.Endpoint = "0.0.0.0:4320"
	cfg.Admin.UnauthenticatedLoopback = true
	require.ErrorContains(t, cfg.Validate(), "0.0.0.0:4320")
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), host{}), "no such extension")
	require.NoError(t, r.Shutdown(t.Context()))
}
