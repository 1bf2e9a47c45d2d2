package catalogue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// Every id that a query or a finding names is a control that the catalogue knows,
// with its title.
func TestControlsAreInTheCatalogue(t *testing.T) {
	frameworks, err := catalogue.Frameworks()
	require.NoError(t, err)
	used := map[string]string{}
	queries, err := catalogue.List()
	require.NoError(t, err)
	for i := range queries {
		for _, id := range queries[i].Controls {
			used[id] = queries[i].ID
		}
	}
	questions, err := evidence.List()
	require.NoError(t, err)
	for i := range questions {
		for _, id := range questions[i].Controls {
			used[id] = questions[i].ID
		}
	}
	for _, typ := range finding.Types() {
		require.NotEmpty(t, typ.DefaultControls(), typ)
		for _, id := range typ.DefaultControls() {
			used[id] = "finding " + string(typ)
		}
	}
	for id, by := range used {
		_, c := catalogue.FindControl(frameworks, id)
		if assert.NotNil(t, c, "%s of %s", id, by) {
			assert.NotEmpty(t, c.Title, id)
		}
	}
}

func TestControlsThatCannotBeRightNameEveryFault(t *testing.T) {
	_, err := catalogue.ReadControls([]byte(`frameworks:
  - {id: a, name: A, version: "1", controls: [{id: X1, title: t, agents: x}, {id: X1, title: t, agents: x}, {id: X2, agents: x}]}
  - {id: b, version: "1", controls: [{id: Y, title: t, agents: x}], aliases: [{printed: p, where: w, officially: o, use: [Z]}]}
`))
	for _, want := range []string{"a: control X1 is there already, in a", `a: control "X2": wants id, title`, `framework "b": wants id, name`, `b: alias "p": there is no control Z`} {
		require.ErrorContains(t, err, want)
	}
	_, err = catalogue.ReadControls([]byte("frameworks: [{colour: red}]"))
	require.ErrorContains(t, err, "colour")
}
