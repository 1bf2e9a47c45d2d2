// Package security holds what is promised of listeners, credentials and content,
// against the built collector and the real store. It needs `make build engine`.
package security

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanwarden/spanwarden/internal/stack"
)

const (
	config  = "../../configs/spanwarden.yaml"
	overlay = "../../configs/secure/tls.yaml"
)

var quickRetries = []string{
	"exporters::clickhouse_audit::retry_on_failure::initial_interval: 200ms",
	"exporters::clickhouse_audit::retry_on_failure::max_interval: 1s",
}

func binaries(t *testing.T) string {
	t.Helper()
	bin, err := filepath.Abs("../../_build")
	require.NoError(t, err)
	for _, name := range []string{"otelcol-spanwarden", "spanwarden"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatalf("%s is not built; run: make build engine", name)
		}
	}
	return bin
}

func within(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, f(ctx))
}

// spans is one model call, one tool call and whatever edit adds.
func spans(edit func(call, tool ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	all := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	at := time.Now().Add(-time.Minute)
	for i, name := range []string{"chat gpt-4o-mini", "execute_tool send_email"} {
		s := all.AppendEmpty()
		s.SetName(name)
		s.SetTraceID(pcommon.TraceID{7, 15: 1})
		s.SetSpanID(pcommon.SpanID{byte(i + 1), 7: 1})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		s.Attributes().PutStr("gen_ai.agent.name", "mailer")
		s.Attributes().PutStr("gen_ai.conversation.id", "s-1")
	}
	call, tool := all.At(0), all.At(1)
	call.Attributes().PutStr("gen_ai.operation.name", "chat")
	call.Attributes().PutStr("gen_ai.provider.name", "openai")
	call.Attributes().PutStr("gen_ai.request.model", "gpt-4o-mini")
	call.Attributes().PutInt("gen_ai.usage.input_tokens", 1000)
	call.Attributes().PutInt("gen_ai.usage.output_tokens", 100)
	tool.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
	tool.Attributes().PutStr("gen_ai.tool.name", "send_email")
	if edit != nil {
		edit(call, tool)
	}
	return td
}

// post sends spans and returns the status; 0 where the connection was refused.
func post(t *testing.T, client *http.Client, base, token string, td ptrace.Traces) int {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	return ask(t, client, http.MethodPost, base+"/v1/traces", token, "application/x-protobuf", body)
}

func ask(t *testing.T, client *http.Client, method, address, token, kind string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body) // only the status matters
	_ = resp.Body.Close()
	return resp.StatusCode
}

// listening are the addresses that a process listens on, from the kernel.
func listening(t *testing.T, pid int) (out []string) {
	t.Helper()
	inodes := map[string]bool{}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Skip("the sockets of a process are read from /proc")
	}
	for _, fd := range fds {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name())) // closed meanwhile
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, file := range []string{"tcp", "tcp6"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, file))
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			const listen = "0A"
			if f := strings.Fields(line); len(f) > 9 && f[3] == listen && inodes[f[9]] {
				out = append(out, f[1])
			}
		}
	}
	return out
}

// Nothing that is started as the documentation says can be reached from another
// machine.
func TestListenersAreOnLoopback(t *testing.T) {
	st, err := stack.New(stack.Options{Bin: binaries(t), Config: config, State: t.TempDir(), Overrides: quickRetries})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Stop()) })
	within(t, st.Start)
	const loopback = "0100007F:" // 127.0.0.1, as the kernel writes it
	for name, pid := range map[string]int{"collector": st.CollectorPID(), "store": st.StorePID()} {
		found := listening(t, pid)
		assert.NotEmpty(t, found, name)
		for _, address := range found {
			assert.True(t, strings.HasPrefix(address, loopback), "%s listens on %s", name, address)
		}
	}
	// And so it is in the shipped files and defaults, whose ports a test replaces.
	files, err := filepath.Glob("../../configs/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, wild := range []string{"0.0.0.0", "[::]", "host: \"\"", "endpoint: :"} {
			assert.NotContains(t, string(raw), wild, file)
		}
	}
}

// secureStack is everything under configs/secure/tls.yaml, with client
// certificates asked for, and a store with TLS and a password.
func secureStack(t *testing.T, p *pki, alerts string, overrides ...string) (*stack.Stack, string) {
	t.Helper()
	bin, state := binaries(t), t.TempDir()
	p.issue(t, "host")
	p.issue(t, "agent")
	for name, text := range map[string]string{"agents": agentToken + "\n" + operatorToken + "\n", "operators": operatorToken + "\n"} {
		require.NoError(t, os.WriteFile(p.file(name), []byte(text), 0o600))
	}
	st, err := stack.New(stack.Options{
		Bin: bin, Config: config, State: state, Overlays: []string{overlay},
		Overrides: append(overrides, quickRetries...),
	})
	require.NoError(t, err)
	plain, err := url.Parse(st.DSN())
	require.NoError(t, err)
	dsn := "https://auditor:" + storePassword + "@" + plain.Host + "/spanwarden?secure=true"
	registry, err := filepath.Abs("../../configs/policy/agents")
	require.NoError(t, err)
	st.Configure([]string{
		"SPANWARDEN_CLICKHOUSE_DSN=" + dsn, "SPANWARDEN_TLS_CERT=" + p.file("host.pem"), "SPANWARDEN_TLS_KEY=" + p.file("host.key"),
		"SPANWARDEN_TLS_CA=" + p.file("ca.pem"), "SPANWARDEN_TLS_CLIENT_CA=" + p.file("ca.pem"), "SPANWARDEN_AGENT_TOKENS=" + p.file("agents"),
		"SPANWARDEN_OPERATOR_TOKENS=" + p.file("operators"), "SPANWARDEN_ALERTMANAGER=" + alerts, "SPANWARDEN_ALERTMANAGER_TOKEN=" + alertToken,
		"SPANWARDEN_REGISTRY=" + registry, "SPANWARDEN_DIGEST_KEY=" + digestKey,
	}, append(overrides, quickRetries...))
	startStore(t, p, bin, state, plain.Host)
	t.Cleanup(func() { assert.NoError(t, st.Stop()) })
	within(t, st.StartCollector)
	t.Cleanup(func() {
		if t.Failed() {
			raw, _ := os.ReadFile(filepath.Join(state, "collector.log")) // as far as it goes
			t.Logf("the collector's last words: %s", raw[max(0, len(raw)-4000):])
		}
	})
	return st, dsn
}

// The secrets of secureStack: nowhere may they come out again.
const (
	storePassword = "s3cret-store-password"
	agentToken    = "s3cret-agent-token"
	operatorToken = "s3cret-operator-token"
	alertToken    = "s3cret-alertmanager-token"
	digestKey     = "s3cret-digest-key-of-32-characters"
)

// startStore starts the embedded engine with TLS and a user.
func startStore(t *testing.T, p *pki, bin, state, address string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "spanwarden"), "store", "serve", "--path", filepath.Join(state, "store"), "--listen", address,
		"--user", "auditor", "--tls-cert", p.file("host.pem"), "--tls-key", p.file("host.key"))
	cmd.Env = append(cmd.Environ(), "SPANWARDEN_STORE_PASSWORD="+storePassword)
	log, err := os.Create(filepath.Join(state, "store.log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it is there
		_ = cmd.Wait()
		_ = log.Close()
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: p.client(t, "")}}
	require.Eventually(t, func() bool {
		return ask(t, client, http.MethodGet, "https://"+address+"/ping", "", "", nil) == http.StatusOK
	}, 2*time.Minute, 50*time.Millisecond)
}

// sink is an Alertmanager that takes everything and remembers it.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	tokens map[string]bool
}

func newSink(t *testing.T, p *pki) *sink {
	t.Helper()
	s := &sink{tokens: map[string]bool{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		raw, _ := io.ReadAll(req.Body) // what came
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies = append(s.bodies, string(raw))
		s.tokens[req.Header.Get("Authorization")] = true
	}))
	pair, err := tls.LoadX509KeyPair(p.file("host.pem"), p.file("host.key"))
	require.NoError(t, err)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.bodies, "\n")
}

// query asks the store as the command line does.
func query(t *testing.T, p *pki, dsn, sql string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: p.client(t, "")}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+u.Host+"/?database=spanwarden", strings.NewReader(sql))
	require.NoError(t, err)
	req.SetBasicAuth("auditor", storePassword)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(raw))
}

// The configuration that the documentation names asks everybody for TLS, for a
// certificate and for a token, and the collector shows its own to those it calls.
func TestTLSAndTokens(t *testing.T) {
	p := newPKI(t)
	p.issue(t, "host")
	alerts := newSink(t, p)
	st, dsn := secureStack(t, p, alerts.URL)
	secure := func(base string) string { return "https" + strings.TrimPrefix(base, "http") }
	known := &http.Client{Transport: &http.Transport{TLSClientConfig: p.client(t, "agent")}}
	nobody := &http.Client{Transport: &http.Transport{TLSClientConfig: p.client(t, "")}}
	plain := &http.Client{}
	td := spans(func(_, tool ptrace.Span) { tool.Attributes().PutStr("gen_ai.tool.name", "delete_customer") })

	assert.NotEqual(t, http.StatusOK, post(t, plain, st.OTLP(), agentToken, td), "OTLP without TLS")
	assert.Zero(t, post(t, nobody, secure(st.OTLP()), agentToken, td), "OTLP without a certificate")
	assert.Equal(t, http.StatusUnauthorized, post(t, known, secure(st.OTLP()), "", td), "OTLP without a token")
	assert.Equal(t, http.StatusUnauthorized, post(t, known, secure(st.OTLP()), "wrong", td), "OTLP with a wrong token")
	assert.Equal(t, http.StatusOK, post(t, known, secure(st.OTLP()), agentToken, td))

	question := []byte(`{"subject":{"type":"agent","id":"mailer"},"action":{"name":"send"},"resource":{"type":"tool","id":"send_email"}}`)
	const asks, admin = "/access/v1/evaluation", "/v1/halts"
	assert.NotEqual(t, http.StatusOK, ask(t, plain, http.MethodPost, st.Decision()+asks, agentToken, "application/json", question))
	assert.Zero(t, ask(t, nobody, http.MethodPost, secure(st.Decision())+asks, agentToken, "application/json", question))
	assert.Equal(t, http.StatusUnauthorized, ask(t, known, http.MethodPost, secure(st.Decision())+asks, "", "application/json", question))
	assert.Equal(t, http.StatusOK, ask(t, known, http.MethodPost, secure(st.Decision())+asks, agentToken, "application/json", question))
	assert.Equal(t, http.StatusUnauthorized, ask(t, known, http.MethodGet, secure(st.Decision())+admin, agentToken, "", nil), "an agent is no operator")
	assert.Equal(t, http.StatusOK, ask(t, known, http.MethodGet, secure(st.Decision())+admin, operatorToken, "", nil))

	require.Eventually(t, func() bool {
		return query(t, p, dsn, "SELECT count() FROM actions WHERE trace_id = '07000000000000000000000000000001'") == "2"
	}, 2*time.Minute, 100*time.Millisecond, "spans reach a store with TLS and a password")
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	assert.NotEqual(t, http.StatusOK, ask(t, plain, http.MethodGet, "http://"+u.Host+"/?query=SELECT+1", "", "", nil), "the store without TLS")
	assert.NotEqual(t, http.StatusOK, ask(t, nobody, http.MethodGet, "https://"+u.Host+"/?query=SELECT+1", "", "", nil), "the store without a password")

	require.Eventually(t, func() bool { return alerts.text() != "" }, 2*time.Minute, 100*time.Millisecond, "an alert is raised over TLS")
	assert.Equal(t, map[string]bool{"Bearer " + alertToken: true}, alerts.tokens)

	// The command line believes the same authority by SSL_CERT_FILE.
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries(t), "spanwarden"), "query", "run", "coverage", "--dsn", dsn)
	cmd.Env = append(cmd.Environ(), "SSL_CERT_FILE="+p.file("ca.pem"))
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), storePassword)
}
