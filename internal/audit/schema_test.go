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
				if strings.HasPrefix(s.SQL, "INSERT") { // the control catalogue, whose texts are sentences
					assert.Less(t, len(s.SQL), 200_000, "a server takes statements up to 256 KiB")
					continue
				}
				assert.NotContains(t, s.SQL, ";", "one statement a file")
				assert.Equal(t, opts.Cluster != "", strings.Contains(s.SQL, "ON CLUSTER"), s.Name)
				if !strings.Contains(s.SQL, "MergeTree\nPARTITION") {
					continue
				}
				replicated := strings.Contains(s.SQL, "= ReplicatedMergeTree") || strings.Contains(s.SQL, "= ReplicatedReplacingMergeTree")
				assert.Equal(t, opts.Cluster != "", replicated, s.Name)
				assert.Contains(t, s.SQL, " non_replicated_deduplication_window = 10000", s.Name)
				assert.Contains(t, s.SQL, " replicated_deduplication_window = 10000", s.Name)
				assert.Equal(t, s.Name == "creating table content", strings.Contains(s.SQL, "TTL"), "nothing else expires by itself: %s", s.Name)
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

// What the retention job drops are whole months of the column that a seal's times
// are about; so a leaf says in which partitions its rows are.
func TestKeptTables(t *testing.T) {
	times := map[string]string{}
	for _, s := range SealedTables(HashVersion) {
		times[s.Name] = s.Time
	}
	steps, err := Steps(Options{})
	require.NoError(t, err)
	kept := map[string]string{}
	for _, k := range KeptTables() {
		kept[k.Name] = k.Time
		if sealed, ok := times[k.Name]; ok {
			assert.Equal(t, sealed, k.Time, k.Name)
		}
	}
	for _, name := range []string{"actions", "attributions", "finding_events", "runs", "delegations", "chains"} {
		assert.Contains(t, kept, name)
	}
	for _, s := range steps {
		if column, ok := kept[s.creates]; ok && strings.HasPrefix(s.SQL, "CREATE TABLE") {
			assert.Contains(t, s.SQL, "\nPARTITION BY toYYYYMM("+column+")\n", s.Name)
		}
		assert.NotContains(t, s.SQL, "{ttl", s.Name)
	}
}
