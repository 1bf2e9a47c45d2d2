package security

import (
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// canary stands in every prompt, answer, argument and result.
const canary = "C4NARY"

// contentKeys are attributes that hold what people and models say, in the dialects
// of those who write them.
var contentKeys = []string{
	"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
	"gen_ai.tool.call.result", "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.prompt", "gen_ai.completion",
	"traceloop.entity.input", "traceloop.entity.output", "input.value", "output.value", "llm.input_messages.0.message.content",
	"llm.output_messages.0.message.content", "ai.prompt", "ai.response.text", "ai.toolCall.args", "ai.toolCall.result", "acme.newFramework.modelOutput",
	"langfuse.observation.input", "langfuse.observation.output", "mlflow.spanInputs", "mlflow.spanOutputs", "tool.parameters",
}

// told is a conversation that breaks rules, so that findings tell of it.
func told(call, tool ptrace.Span) {
	for _, s := range []ptrace.Span{call, tool} {
		for _, key := range contentKeys {
			s.Attributes().PutStr(key, `{"text": "`+canary+` is what they said"}`)
		}
		e := s.Events().AppendEmpty()
		e.SetName("gen_ai.client.inference.operation.details")
		e.Attributes().PutStr("gen_ai.input.messages", canary)
	}
	tool.Attributes().PutStr("gen_ai.tool.call.arguments", `{"to": "`+canary+`@evil.example", "body": "`+canary+`", "`+canary+`": 1}`)
	tool.Status().SetCode(ptrace.StatusCodeError)
}

const registry = `apiVersion: spanwarden/v1alpha1
kind: AgentPermissions
metadata: {name: mailer}
spec:
  agent: {id: mailer, match: [{attr: {gen_ai.agent.name: mailer}}]}
  owner: "user:carol@acme.example"
  mode: enforce
  models: {allow: ["anthropic/*"]}
  allow:
    - {id: send-mail, tool: send_email, operations: [send], args: {to: {pattern: "@acme\\.example$"}}}
  budgets:
    - {kind: cost_usd, limit: 0.0000001, per: session, on_exceed: deny}
`

// The keys that hold secrets, beside those of the secure configuration.
var secretKeys = map[string]string{
	"exporters::clickhouse_audit::password":             storePassword,
	"processors::genai::digest_key":                     "s3cret-prompt-digest-key-of-32-char",
	"processors::baseline::content_key":                 "5ec4e7ba5e11e4e5ec4e7ba5e11e4e55",
	"exporters::alertmanager::http::headers::X-Api-Key": "s3cret-api-key",
}

// No secret comes out again: not in logs at level debug, dead letters, metrics,
// findings, alerts or the store, also when what they are for fails. And with
// content off, nothing of what was said is in findings, alerts, metrics, logs or
// the store.
func TestNoSecretAndNoContentComesOut(t *testing.T) {
	p := newPKI(t)
	p.issue(t, "host")
	alerts := newSink(t, p)
	rules := filepath.Join(p.dir, "registry.yaml")
	require.NoError(t, os.WriteFile(rules, []byte(registry), 0o600))
	overrides := make([]string, 0, 5+len(secretKeys))
	overrides = append(overrides,
		"service::telemetry::logs::level: debug", "extensions::governance::registry: "+rules,
		"service::telemetry::metrics::level: detailed", "extensions::governance::chains::settle: 1s", "processors::delegation::settle_interval: 1s")
	secrets := make([]string, 0, 5+len(secretKeys))
	secrets = append(secrets, storePassword, agentToken, operatorToken, alertToken, digestKey)
	for key, secret := range secretKeys {
		overrides = append(overrides, key+": "+secret)
		secrets = append(secrets, secret)
	}
	st, dsn := secureStack(t, p, alerts.URL, overrides...)
	known := &http.Client{Transport: &http.Transport{TLSClientConfig: p.client(t, "agent")}}
	otlp, decide := "https"+strings.TrimPrefix(st.OTLP(), "http"), "https"+strings.TrimPrefix(st.Decision(), "http")
	for i := range byte(20) { // a loop, too
		td := spans(told)
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			s.SetTraceID(pcommon.TraceID{8, i, 15: 1})
		}
		require.Equal(t, http.StatusOK, post(t, known, otlp, agentToken, td))
	}
	question := `{"subject":{"type":"agent","id":"mailer"},"action":{"name":"send","properties":{"arguments":{"to":"` + canary + `"}}},"resource":{"type":"tool","id":"send_email"}}`
	require.Equal(t, http.StatusOK, ask(t, known, http.MethodPost, decide+"/access/v1/evaluation", agentToken, "application/json", []byte(question)))
	ask(t, known, http.MethodPost, decide+"/access/v1/evaluation", "wrong", "application/json", []byte(question))

	number := func(sql string) int {
		n, err := strconv.Atoi(query(t, p, dsn, sql))
		if err != nil {
			return 0
		}
		return n
	}
	require.Eventually(t, func() bool {
		return number("SELECT uniqExact(type) FROM findings") >= 4 && number("SELECT count() FROM actions WHERE kind != 'decision'") >= 40 && alerts.text() != ""
	}, 2*time.Minute, 200*time.Millisecond)

	outside := map[string]string{"alerts": alerts.text(), "metrics": metrics(t, st.Metrics())}
	tables := query(t, p, dsn, "SELECT name FROM system.tables WHERE database = 'spanwarden' AND engine LIKE '%MergeTree' FORMAT TSV")
	for table := range strings.FieldsSeq(tables) {
		outside["table "+table] = query(t, p, dsn, "SELECT * FROM "+table+" FORMAT JSONEachRow")
	}
	// What is there for secrets fails now: the store is gone, and says nothing.
	query(t, p, dsn, "DROP TABLE actions")
	query(t, p, dsn, "CREATE TABLE actions (ts DateTime64(9)) ENGINE = MergeTree ORDER BY ts")
	require.Equal(t, http.StatusOK, post(t, known, otlp, agentToken, spans(nil)))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(st.State(), "dead-letters", "traces.jsonl"))
		return err == nil
	}, 2*time.Minute, 100*time.Millisecond)
	alerts.Close()
	require.Equal(t, http.StatusOK, post(t, known, otlp, agentToken, spans(told)))
	require.NoError(t, st.StopCollector())

	maps.Copy(outside, files(t, st.State()))
	assert.Contains(t, outside, "collector.log")
	assert.Contains(t, outside["collector.log"], "debug", "the log is at level debug")
	for where, text := range outside {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("the secret %q is in %s: %s", secret, where, around(text, secret))
			}
		}
		// A dead letter is the batch itself, readable by its owner alone.
		if !strings.HasPrefix(where, "dead-letters") && !strings.HasPrefix(where, "queue") && strings.Contains(text, canary) {
			t.Errorf("content is in %s: %s", where, around(text, canary))
		}
	}
}

// metrics is what Prometheus would be told.
func metrics(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(raw), "otelcol_")
	return string(raw)
}

// files are logs, dead letters and state, but the store's own files and keys.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && path == filepath.Join(dir, "store") {
				return fs.SkipDir
			}
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path) // below it
		out[name] = string(raw)
		if strings.HasPrefix(name, "dead-letters") || strings.HasPrefix(name, "queue") {
			info, err := d.Info()
			if err != nil {
				return err
			}
			assert.Zero(t, info.Mode().Perm()&0o077, "%s is for its owner alone", name)
		}
		return nil
	}))
	return out
}

func around(text, what string) string {
	i := strings.Index(text, what)
	if i < 0 {
		return ""
	}
	return strings.ToValidUTF8(text[max(0, i-200):min(len(text), i+100)], "?")
}
