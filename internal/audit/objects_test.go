package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestObjects(t *testing.T) {
	objects, err := Objects(Options{Cluster: "main"})
	require.NoError(t, err)
	byName := map[string]Object{}
	for _, o := range objects {
		assert.NotContains(t, byName, o.Name)
		byName[o.Name] = o
	}
	assert.Equal(t, Object{Name: "actions"}, byName["actions"])
	assert.Equal(t, Object{Name: "actions_all", Distributed: true}, byName["actions_all"])
	assert.Equal(t, Object{Name: "ev_actions", View: true}, byName["ev_actions"])
	assert.Equal(t, Object{Name: "control_catalogue"}, byName["control_catalogue"], "comments come first")
	single, err := Objects(Options{})
	require.NoError(t, err)
	for _, o := range single {
		assert.False(t, o.Distributed)
	}
	t.Log(objects)
}
