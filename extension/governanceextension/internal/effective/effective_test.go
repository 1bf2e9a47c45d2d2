package effective

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func conf(change func(map[string]any)) map[string]any {
	m := map[string]any{
		"exporters": map[string]any{"clickhouse_audit": map[string]any{
			"dsn": "http://writer:hunter2@store:8123/spanwarden?password=hunter2&secure=true", "password": "hunter2", "retention": "soc2",
			"tls": map[string]any{}, "headers": map[string]any{"Authorization": "hunter2"},
		}},
		"service": map[string]any{"pipelines": map[string]any{"traces": map[string]any{"receivers": []any{"otlp", "decision"}}}},
	}
	if change != nil {
		change(m)
	}
	return m
}

func TestConfig(t *testing.T) {
	before, err := Of(conf(nil))
	require.NoError(t, err)
	assert.NotContains(t, before.Text, "hunter2")
	assert.Contains(t, before.Text, `"exporters::clickhouse_audit::retention":"\"soc2\""`)
	assert.Contains(t, before.Text, "store:8123/spanwarden")
	again, err := Parse(before.Text)
	require.NoError(t, err)
	assert.Equal(t, before, again)
	assert.Empty(t, Diff(before, again))

	after, err := Of(conf(func(m map[string]any) {
		m["exporters"].(map[string]any)["clickhouse_audit"].(map[string]any)["retention"] = "none"
		m["exporters"].(map[string]any)["debug"] = nil
		m["service"].(map[string]any)["pipelines"].(map[string]any)["traces"].(map[string]any)["receivers"] = []any{"otlp"}
	}))
	require.NoError(t, err)
	assert.NotEqual(t, before.Digest, after.Digest)
	assert.Equal(t, []Change{
		{"exporters::clickhouse_audit::retention", `"soc2"`, `"none"`},
		{"exporters::debug", "", "null"},
		{"service::pipelines::traces::receivers::1", `"decision"`, ""},
	}, Diff(before, after))
	assert.Equal(t, []string{"exporters::clickhouse_audit", "exporters::debug", "service::pipelines"}, Changed(before, after))
}

// Whatever a value is called and looks like, it is hidden where its name or its
// place in an address says that it is secret, and equal configurations are equal.
func FuzzSecrets(f *testing.F) {
	f.Add("password", "http://a/b")
	f.Add("dsn", "https://user:pass@host:1/x?token=t")
	f.Add("api_key", "x")
	f.Add("key_file", "/etc/key")
	f.Add("endpoint", "http://[::1")
	f.Fuzz(func(t *testing.T, name, value string) {
		const secretText = "Zq9hunter2Zq9"
		in := map[string]any{"a": map[string]any{
			"password": secretText, "b_token": secretText, "url": "http://u:" + secretText + "@h/?access_key=" + secretText,
			"x": map[string]any{name: value, "api_key": []any{secretText}},
		}}
		c, err := Of(in)
		require.NoError(t, err)
		assert.NotContains(t, c.Text, secretText)
		again, err := Of(in)
		require.NoError(t, err)
		assert.Equal(t, c.Digest, again.Digest)
		read, err := Parse(c.Text)
		require.NoError(t, err)
		assert.Empty(t, Diff(c, read))
	})
}
