package hostclock_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spanwarden/spanwarden/internal/hostclock"
)

// What a host says differs; what it may say does not.
func TestRead(t *testing.T) {
	r := hostclock.Read()
	known := r.Synced != nil && *r.Synced
	assert.Equal(t, known, r.OffsetMicros != nil, "an offset is that of a clock that is kept right")
	assert.Equal(t, known, r.ErrorMicros != nil)
}
