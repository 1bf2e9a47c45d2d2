package pricing

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":       {"version: 1\nstrikt: true\n", `p.yaml:2: unknown key "strikt"`},
		"nested key":        {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], multiply: 2, efective: {}}\n", `p.yaml:3: unknown key "contracts[0].efective"`},
		"version":           {"version: 2\n", "version: 2; want 1"},
		"negative":          {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], prices: {input: -1}}\n", `p.yaml:3: per_mtok.input: "-1"`},
		"per token":         {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], prices: {input: 0.0000025}}\n", "outside 0.0001 to 1000"},
		"too dear":          {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], prices: {input: 1001}}\n", "outside 0.0001 to 1000"},
		"alias to nothing":  {"version: 1\naliases:\n  - {provider: azure, model: x, to: openai/gpt-99}\n", `p.yaml:3: aliases.to: "openai/gpt-99"`},
		"overlap":           {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], multiply: 2}\n  - {id: b, provider: openai, models: [x], multiply: 3}\n", "p.yaml:4: contracts:"},
		"tie":               {"version: 1\nentries:\n  - {id: a/b, provider: a, rates: [{per_mtok: {input: 1}}, {per_mtok: {input: 2}}]}\n", "hold at the same time"},
		"two claim a name":  {"version: 1\nentries:\n  - {id: openai/new, provider: openai, match: {exact: [gpt-4o]}}\n", `claim the name "gpt-4o"`},
		"reported mode":     {"version: 1\nreported: {default: maybe}\n", `"maybe"`},
		"discount":          {"version: 1\ncontracts:\n  - {id: a, provider: openai, models: [x], discount: {percent: 101}}\n", "want 0 to 100"},
		"no yaml":           {"version: [\n", "p.yaml"},
		"import impossible": {"version: 1\nimport: [{format: litellm, file: x.json}]\n", "x.json"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("p.yaml", []byte(c.text), nil)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestImportLitellm(t *testing.T) {
	over := []byte("version: 1\nimport: [{format: litellm, file: x.json}]\n")
	give := func(text string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(text), nil }
	}
	b, err := Load("p.yaml", over, give(`{"mine/m": {"litellm_provider": "mine", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}}`))
	require.NoError(t, err)
	q := Query{Provider: "mine", ResponseModel: "m", Time: at, Usage: usageOf(map[Meter]int64{MeterInput: 1000, MeterOutput: 100})}
	var r Result
	b.Price(&q, &r)
	assert.Equal(t, "0.0035", r.Total.String())
	_, err = Load("p.yaml", over, give("{\n\"mine/m\": {\"litellm_provider\": \"mine\",\n \"input_cost_per_token\": 2.5}}"))
	assert.ErrorContains(t, err, "x.json:3: mine/m.input_cost_per_token: 2.5")
}

func TestExampleAndReload(t *testing.T) {
	data, err := os.ReadFile("testdata/prices.example.yaml")
	require.NoError(t, err)
	old, err := Embedded()
	require.NoError(t, err)
	next, err := Load("prices.example.yaml", data, nil)
	require.NoError(t, err)
	assert.NotEqual(t, old.Version(), next.Version())
	require.NoError(t, CheckReload(old, next))
	small, err := build(nil, "", nil, nil)
	require.NoError(t, err)
	assert.ErrorIs(t, CheckReload(old, small), ErrShrunk)
}
