package decisionreceiver

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

var readmeCurl = regexp.MustCompile(`(?s)curl -s http://127\.0\.0\.1:4320(\S+)(?: -H 'Content-Type: application/json' -d '(.*?)')?(?: -H '[^']*')?\n`)

// What the README shows with curl is answered, and what it says of defaults is so.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	registry, err := os.ReadFile("../../configs/policy/agents/support.yaml")
	require.NoError(t, err)
	base := "http://" + startWith(t, string(registry), consumertest.NewNop(), open).address
	examples := readmeCurl.FindAllStringSubmatch(string(text), -1)
	require.GreaterOrEqual(t, len(examples), 5)
	for _, e := range examples {
		resp, raw := send(t, base, e[1], e[2])
		assert.Contains(t, []int{http.StatusOK, http.StatusCreated, http.StatusForbidden}, resp.StatusCode, "%s: %s", e[1], raw)
	}
	cfg := createDefaultConfig().(*Config)
	for _, want := range []string{
		"`" + cfg.HTTP.NetAddr.Endpoint + "`", "`" + string(cfg.Evidence) + "`, `1s`", "`reservation_ttl` | duration | `1m`", "`10000`, `20000`, `10000`",
		"`" + cfg.ClaudeCode.Agent + "`, none, `false`, `deny`, `code`, `false`", "`false`, `" + cfg.ExtAuthz.AgentHeader + "`, none, `code`",
		"`" + cfg.LiteLLM.AgentFrom + "`, `code`",
	} {
		assert.Contains(t, string(text), want)
	}
}
