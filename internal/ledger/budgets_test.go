package ledger

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRefusedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\nbudgets:\n  - {id: a, scope: planet, limit_usd: 1}":                                            `b.yaml:3: scope: "planet"`,
		"version: 1\nbudgets:\n  - id: a\n    scope: session\n    limit_usd: -1":                                    `b.yaml:5: limit_usd: "-1"`,
		"version: 1\nbudgets:\n  - {id: a, scope: session, limit_usd: 1}\n  - {id: a, scope: tenant, limit_usd: 1}": `b.yaml:4: id: "a"`,
		"version: 1\nbudgets:\n  - id: a\n    scop: session":                                                        `b.yaml:4: scop: unknown key`,
		"version: 1\nbudget: []": `b.yaml:2`,
		"version: 2":             `b.yaml:1: version: 2`,
	} {
		_, err := ParseBudgets("b.yaml", []byte(text))
		assert.ErrorContains(t, err, want)
	}
	raw, err := os.ReadFile("../../configs/policy/budgets.yaml")
	require.NoError(t, err)
	assert.Len(t, budgets(t, string(raw)).All(), 3)
}
