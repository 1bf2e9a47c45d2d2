// Package dashboards holds what is shipped for Prometheus and Grafana, and the
// tests that hold it against the names that components really have.
package dashboards

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// metric is what the metadata of a component says of one.
type metric struct {
	attributes map[string][]string // name to its values, where they are a closed set
	histogram  bool
}

type metadata struct {
	Attributes map[string]struct {
		Enum []string `yaml:"enum"`
	} `yaml:"attributes"`
	Telemetry struct {
		Metrics map[string]struct {
			Attributes []string  `yaml:"attributes"`
			Histogram  *struct{} `yaml:"histogram"`
		} `yaml:"metrics"`
	} `yaml:"telemetry"`
}

// metrics reads all components' metadata, and that of the collector's
// exporterhelper, whose metrics carry the exporter.
func metrics(t *testing.T) map[string]metric {
	t.Helper()
	out := map[string]metric{}
	for _, kind := range []string{"connector", "exporter", "extension", "processor", "receiver"} {
		files, err := filepath.Glob(filepath.Join("..", kind, "*", "metadata.yaml"))
		require.NoError(t, err)
		for _, file := range files {
			add(t, out, file)
		}
	}
	require.Greater(t, len(out), 20)
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.opentelemetry.io/collector/exporter/exporterhelper").Output()
	require.NoError(t, err)
	add(t, out, filepath.Join(strings.TrimSpace(string(dir)), "metadata.yaml"), "exporter", "data_type")
	return out
}

func add(t *testing.T, to map[string]metric, file string, common ...string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var m metadata
	require.NoError(t, yaml.Unmarshal(raw, &m), file)
	for name, about := range m.Telemetry.Metrics {
		one := metric{attributes: map[string][]string{}, histogram: about.Histogram != nil}
		for _, a := range append(common, about.Attributes...) {
			one.attributes[a] = m.Attributes[a].Enum
		}
		to["otelcol_"+name] = one
	}
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) []rule {
	t.Helper()
	raw, err := os.ReadFile("prometheus-rules.yaml")
	require.NoError(t, err)
	var doc struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	dec := yaml.NewDecoder(strings.NewReader(string(raw)))
	dec.KnownFields(true)
	require.NoError(t, dec.Decode(&doc))
	var out []rule
	for _, g := range doc.Groups {
		out = append(out, g.Rules...)
	}
	require.NotEmpty(t, out)
	return out
}

var (
	selector  = regexp.MustCompile(`(otelcol_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher   = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping  = regexp.MustCompile(`by \(([a-z_, ]+)\)`)
	recorded  = regexp.MustCompile(`spanwarden:[a-z0-9_:]+`)
	inText    = regexp.MustCompile(`\$labels\.([a-z_]+)`)
	suffixes  = regexp.MustCompile(`_(bucket|sum|count)$`)
	severity  = []string{"warning", "high", "critical"}
	aggregate = regexp.MustCompile(`\b(sum|histogram_quantile)\b`)
)

// faults returns what an expression names and no component has.
func faults(expr string, known map[string]metric) []string {
	var out []string
	labels := map[string]bool{"le": true}
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		name := m[1]
		about, ok := known[name]
		if base := suffixes.ReplaceAllString(name, ""); !ok && known[base].histogram {
			about, ok = known[base], true
		}
		if !ok {
			out = append(out, "no component has the metric "+name)
			continue
		}
		for label := range about.attributes {
			labels[label] = true
		}
		for _, part := range matcher.FindAllStringSubmatch(m[2], -1) {
			values, ok := about.attributes[part[1]]
			if !ok {
				out = append(out, name+" has no label "+part[1])
				continue
			}
			for value := range strings.SplitSeq(part[3], "|") {
				if len(values) > 0 && !slices.Contains(values, value) {
					out = append(out, name+" has no "+part[1]+" "+value)
				}
			}
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); !labels[label] {
				out = append(out, "nothing in it has the label "+label)
			}
		}
	}
	return out
}

func TestRulesNameWhatExists(t *testing.T) {
	known := metrics(t)
	all := rules(t)
	series := map[string]bool{}
	for _, r := range all {
		if r.Record != "" {
			assert.False(t, series[r.Record], "%s is recorded twice", r.Record)
			series[r.Record] = true
		}
	}
	for _, r := range all {
		name := r.Record + r.Alert
		assert.Empty(t, faults(r.Expr, known), name)
		if !strings.Contains(r.Expr, "otelcol_") {
			assert.Contains(t, r.Expr, "spanwarden:", name)
		}
		for _, used := range recorded.FindAllString(r.Expr, -1) {
			assert.True(t, series[used], "%s: nothing records %s", name, used)
		}
	}
}

func TestAlertsAreOfTheHouse(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		assert.False(t, seen[r.Alert], "%s twice", r.Alert)
		seen[r.Alert] = true
		assert.Contains(t, severity, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		for _, text := range r.Annotations {
			for _, m := range inText.FindAllStringSubmatch(text, -1) {
				plain := !aggregate.MatchString(r.Expr)
				assert.True(t, plain || strings.Contains(r.Expr, "by ("+m[1]+")"), "%s: its text names the label %s, which its expression aggregates away", r.Alert, m[1])
			}
		}
	}
}

// The test itself notices what it is for.
func TestFaultsAreFound(t *testing.T) {
	known := map[string]metric{
		"otelcol_a": {attributes: map[string][]string{"code": nil, "kind": {"x", "y"}}},
		"otelcol_h": {histogram: true},
	}
	for expr, want := range map[string]string{
		"otelcol_b > 0":                  "no component has the metric otelcol_b",
		"otelcol_a_sum":                  "otelcol_a_sum",
		`otelcol_a{cod="5"}`:             "no label cod",
		`otelcol_a{kind=~"x|z"}`:         "no kind z",
		"sum by (code, who) (otelcol_a)": "the label who",
	} {
		assert.Contains(t, strings.Join(faults(expr, known), "; "), want)
	}
	assert.Empty(t, faults(`sum by (le, code) (rate(otelcol_h_bucket[5m])) + otelcol_a{kind="x",code!=""}`, known))
}

func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: apt-get install prometheus)")
	}
	out, err := exec.Command(promtool, "check", "rules", "prometheus-rules.yaml").CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(promtool, "test", "rules", "testdata/rules.test.yaml").CombinedOutput()
	require.NoError(t, err, string(out))
}
