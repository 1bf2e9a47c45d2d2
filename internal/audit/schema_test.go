package audit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSteps(t *testing.T) {
	for name, opts := range map[string]Options{
		"single server": {},
		"cluster":       {Cluster: "main", Database: "audit", Retention: "none"},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := Steps(opts)
			require.NoError(t, err)
			var last uint32
			for _, s := range steps {
				assert.Greater(t, s.Version, last, "one statement a version, in order")
				last = s.Version
				assert.NotRegexp(t, `\{[a-z_ ]+\}`, s.SQL, s.Name)
				assert.NotContains(t, s.Name, "{")
				assert.NotContains(t, s.SQL, ";", "one statement a file")
				assert.Equal(t, opts.Cluster != "", strings.Contains(s.SQL, "ON CLUSTER"), s.Name)
				if !strings.Contains(s.SQL, "MergeTree\nPARTITION") {
					continue
				}
				replicated := strings.Contains(s.SQL, "= ReplicatedMergeTree") || strings.Contains(s.SQL, "= ReplicatedReplacingMergeTree")
				assert.Equal(t, opts.Cluster != "", replicated, s.Name)
				assert.Contains(t, s.SQL, " non_replicated_deduplication_window = 10000", s.Name)
				assert.Contains(t, s.SQL, " replicated_deduplication_window = 10000", s.Name)
				switch s.Name {
				case "creating table content", "creating table config_versions", "creating table ledger_batches",
					"creating table ledger_checkpoints", "creating table ledger_verifications": // 30 days, and for ever
				default:
					assert.Equal(t, opts.Retention != "none", strings.Contains(s.SQL, "toIntervalDay(400)"), s.Name)
				}
			}
		})
	}
}

func TestOptionsNameKeyAndValue(t *testing.T) {
	o := Options{Database: "a b", Cluster: "c'd", Retention: "soc3"}
	err := o.Validate()
	for _, want := range []string{`database`, `"a b"`, `cluster`, `"c'd"`, `retention`, `"soc3"`, "eu_ai_act"} {
		assert.ErrorContains(t, err, want)
	}
}
