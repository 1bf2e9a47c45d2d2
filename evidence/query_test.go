package evidence

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Queries stand on views alone: these show each thing once, and on a cluster they
// read every shard.
func TestQueriesStandOnViews(t *testing.T) {
	queries, err := List()
	require.NoError(t, err)
	tables := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|IN)\s+(actions|attributions|content|finding_events|config_versions|delegations|runs|chains)\b`)
	control := regexp.MustCompile(`^(CC\d\.\d|A1\.\d|PI1\.\d|C1\.\d|P\d\.\d|A\.[5-8]\.\d{1,2})$`)
	for _, q := range queries {
		assert.NotRegexp(t, tables, q.SQL, q.ID)
		assert.NotContains(t, q.SQL, ";", q.ID)
		assert.True(t, q.Question[len(q.Question)-1] == '?', q.ID)
		for _, c := range q.Controls {
			assert.Regexp(t, control, c, q.ID)
		}
	}
}
