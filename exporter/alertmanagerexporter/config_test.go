package alertmanagerexporter

import (
	"maps"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestDefaultConfigIsValid(t *testing.T) {
	require.NoError(t, confmap.Validate(createDefaultConfig()))
}

func TestEveryFaultIsNamed(t *testing.T) {
	_, err := load(t, `
endpoints: ["http://a:1", "http://a:1", "ftp://b", "http://user:hunter2@c", "http://d?x=1", "::"]
http: {endpoint: "http://e", timeout: 0s}
min_severity: info
labels: {alertname: "", "no-name": "{agent}", x: "{nobody}", y: "{agent", z: "}"}
annotations: {runbook: "{attribute.}"}
generator_url: "/{finding_id}"
resend_interval: 1ms
lapse_intervals: 1
resolve_after: 0s
give_up_after: -1s
min_firing: -1s
until_resolved: ["", "a*b*"]
limits: {alerts: 0, findings: 0, post_alerts: 0, label_bytes: 1, annotation_bytes: 1}
`)
	for _, want := range []string{
		"number 2 repeats", `"ftp://b"`, `"http://user:xxxxx@c" holds a user`, `"http://d?x=1"`, "number 6 is no URL",
		"http::endpoint", "http::timeout", `min_severity: want one of warning, high, critical, not "info"`,
		"labels::alertname", `"no-name"`, "labels::x: there is no placeholder {nobody}", "labels::y", "labels::z", "annotations::runbook",
		"generator_url", "resend_interval", "lapse_intervals", "resolve_after", "give_up_after", "min_firing", `not "a*b*"`, `not ""`,
		"alerts: must be at least 1, not 0", "findings:", "post_alerts:", "label_bytes:", "annotation_bytes:",
	} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "hunter2")
	_, err = load(t, "endpoints: []")
	assert.ErrorContains(t, err, "at least one Alertmanager")
	_, err = load(t, "nonsense: 1")
	assert.Error(t, err)
}

// Every example of the README is a configuration, and its table tells the truth
// about defaults.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		var doc struct {
			Exporters map[string]map[string]any `yaml:"exporters"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block[1]), &doc))
		for name, section := range doc.Exporters {
			if !strings.HasPrefix(name, "alertmanager") {
				continue
			}
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, confmap.NewFromStringMap(section).Unmarshal(cfg), name)
			require.NoError(t, confmap.Validate(cfg), name)
		}
	}
	cfg := createDefaultConfig().(*Config)
	for row, value := range map[string]any{
		"min_severity": cfg.MinSeverity, "resend_interval": cfg.ResendInterval, "lapse_intervals": cfg.LapseIntervals,
		"resolve_after": cfg.ResolveAfter, "give_up_after": cfg.GiveUpAfter, "min_firing": cfg.MinFiring,
		"limits::alerts": cfg.Limits.Alerts, "limits::findings": cfg.Limits.Findings, "limits::post_alerts": cfg.Limits.PostAlerts,
		"limits::label_bytes": cfg.Limits.LabelBytes, "limits::annotation_bytes": cfg.Limits.AnnotationBytes,
		"http": cfg.HTTP.Timeout,
	} {
		line := regexp.MustCompile("(?m)^\\| `" + row + "` .*$").FindString(string(raw))
		require.NotEmpty(t, line, row)
		stated := regexp.MustCompile("`([^`]*)` \\| [^|]*\\|$").FindStringSubmatch(line)
		require.NotNil(t, stated, line)
		if d, ok := value.(time.Duration); ok {
			got, err := time.ParseDuration(strings.TrimPrefix(stated[1], "timeout: "))
			require.NoError(t, err, line)
			assert.Equal(t, d, got, row)
			continue
		}
		var got any
		require.NoError(t, yaml.Unmarshal([]byte(stated[1]), &got))
		assert.EqualValues(t, value, got, row)
	}
	for field := range fields {
		assert.Contains(t, string(raw), "`"+field+"`", "a placeholder that the README does not name")
	}
}

func TestEvents(t *testing.T) {
	cfg, err := load(t, `
labels: {rule: "", cluster: eu-1, team: "team-{resource.owner}", budget: "{attribute.spanwarden.budget.id}"}
annotations: {runbook: "https://wiki/{type}", description: "{message}"}
generator_url: "https://grafana/d/x?id={finding_id}&agent={agent}"
until_resolved: [budget.*, boundary.expired]
`)
	require.NoError(t, err)
	r, err := newRenderer(cfg)
	require.NoError(t, err)
	f := finding.New(finding.BudgetExceeded, "acme", "daily", "x")
	f.Message, f.Agent, f.Rule = "Spent.", "a b&c", "r"
	f.Observed, f.Limit = finding.Known(12.50), finding.Known(0)
	record, resource := pcommon.NewMap(), pcommon.NewMap()
	record.PutStr("spanwarden.budget.id", "daily")
	resource.PutStr("owner", "shop")
	at := time.Unix(100, 0)
	ev := r.event(&f, record, resource, at)
	assert.Equal(t, map[string]string{
		"alertname": "SpanwardenBudgetExceeded", "severity": "critical", "tenant": "acme", "agent": "a b&c", "finding_type": "budget.exceeded",
		"finding_key": "daily", "cluster": "eu-1", "team": "team-shop", "budget": "daily",
	}, ev.Labels)
	assert.Equal(t, map[string]string{
		"summary": "Spent.", "description": "Spent.", "observed": "12.5", "limit": "0", "controls": "A1.1, PI1.3, A.8.6",
		"finding_id": f.ID, "runbook": "https://wiki/budget.exceeded",
	}, ev.Annotations)
	assert.Equal(t, "https://grafana/d/x?id="+f.ID+"&agent=a+b%26c", ev.GeneratorURL)
	assert.Equal(t, at, ev.At, "of the record, where the finding has no time")
	assert.True(t, ev.Lasting)
	ofSession := f
	ofSession.Extra = map[string]any{attr.BudgetPeriod: "session"}
	assert.False(t, r.event(&ofSession, record, resource, at).Lasting, "nobody says when a session is over")
	ofSession.Type = finding.BudgetHalt
	assert.True(t, r.event(&ofSession, record, resource, at).Lasting, "somebody has to release a halt")

	milder := f
	milder.Severity = finding.Warning
	assert.Equal(t, ev.Cause, r.event(&milder, record, resource, at).Cause, "the severity is no part of the cause")
	resource.PutStr("owner", "")
	other := r.event(&f, record, resource, at)
	assert.NotEqual(t, ev.Cause, other.Cause)
	assert.NotContains(t, other.Labels, "team", "a frame around nothing")
	assert.False(t, r.isLasting("boundary.tool"))
	assert.True(t, r.isLasting("boundary.expired"))
}

func TestCut(t *testing.T) {
	long := strings.Repeat("é", 100)
	for n := 32; n < 60; n++ {
		assert.LessOrEqual(t, len(cut(long, n)), n)
		assert.LessOrEqual(t, len(cutLabel(long, n)), n)
		assert.NotEqual(t, cutLabel(long+"a", n), cutLabel(long+"b", n))
	}
	assert.Equal(t, long, cutLabel(long, 200))
}

func FuzzTemplate(f *testing.F) {
	f.Add("{agent}: {severity}")
	f.Add("{attribute.x}{resource.y}")
	f.Add("a}b{")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseTemplate(text)
		if err != nil {
			return
		}
		// What was parsed is all of the text, and nothing else.
		require.Equal(t, text, parsed.render(func(field string) string { return "{" + field + "}" }))
	})
}

// Whatever a finding says, its alert is one that Alertmanager takes: labels and
// annotations of valid UTF-8 within the limits, an address that is one; and
// findings that differ in a label differ in the alert.
func FuzzEvent(f *testing.F) {
	f.Add("planner", "budget/daily", "Spent.", "shop", "planner", "budget/daily")
	f.Add("\xff", strings.Repeat("é", 400), "{agent}", "", "\xfe", strings.Repeat("é", 401))
	cfg := createDefaultConfig().(*Config)
	cfg.GeneratorURL = "https://grafana.example/d/x?agent={agent}&key={key}"
	r, err := newRenderer(cfg)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, agent, key, message, team, agent2, key2 string) {
		one := finding.New(finding.BoundaryTool, "", key)
		one.Agent, one.Message = agent, message
		resource := pcommon.NewMap()
		resource.PutStr("team", team)
		ev := r.event(&one, pcommon.NewMap(), resource, time.Unix(1, 0))
		require.NotEmpty(t, ev.Labels[labelAlertname])
		for name, text := range ev.Labels {
			require.True(t, labelName.MatchString(name))
			require.NotEmpty(t, text)
			require.True(t, utf8.ValidString(text))
			require.LessOrEqual(t, len(text), cfg.Limits.LabelBytes)
		}
		for name, text := range ev.Annotations {
			require.NotEmpty(t, text)
			require.True(t, utf8.ValidString(text), name)
			require.LessOrEqual(t, len(text), cfg.Limits.AnnotationBytes)
		}
		require.LessOrEqual(t, len(ev.GeneratorURL), cfg.Limits.AnnotationBytes)
		if ev.GeneratorURL != "" {
			u, err := url.Parse(ev.GeneratorURL)
			require.NoError(t, err)
			require.Equal(t, agent, u.Query().Get("agent"))
		}
		two := one
		two.Agent, two.Key = agent2, key2
		other := r.event(&two, pcommon.NewMap(), resource, time.Unix(1, 0))
		require.Equal(t, maps.Equal(ev.Labels, other.Labels), ev.Cause == other.Cause)
	})
}
