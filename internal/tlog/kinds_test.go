package tlog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A leaf of every kind, with whatever its detail says, is read as it was written.
func TestKinds(t *testing.T) {
	for _, kind := range []string{Genesis, Batch, Heartbeat, Recover, Stop, Void, RetentionDrop, ConfigChange, KeyRotation} {
		assert.True(t, KnownKind(kind), kind)
		l := Leaf{Writer: "w", Kind: kind, Detail: map[string]string{"reason": "a\nline", "log_0": "w/1 2 9 3 30"}}
		again, err := ParseLeaf(l.Text())
		require.NoError(t, err, kind)
		assert.Equal(t, l, again)
	}
	assert.False(t, KnownKind("gift"))
}
