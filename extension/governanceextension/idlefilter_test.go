package governanceextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// A key that is in the storage always passes; of the others few do.
func TestTheFilterLetsThroughWhatIsStored(t *testing.T) {
	d := newDisk()
	client := checkedClient{diskClient{d}}
	for i := range 1000 {
		require.NoError(t, client.Batch(t.Context(), storage.SetOperation(idleKey(fmt.Sprint("stored", i)), []byte("x"))))
	}
	require.NoError(t, client.Batch(t.Context(), storage.SetOperation("o/0", []byte("a finding"))))
	f, err := filterOf(t.Context(), client)
	require.NoError(t, err)
	wrong := 0
	for i := range 200_000 {
		f.add(fmt.Sprint("added", i))
	}
	for i := range 200_000 {
		if i < 1000 {
			assert.True(t, f.may(fmt.Sprint("stored", i)))
		}
		assert.True(t, f.may(fmt.Sprint("added", i)))
		if f.may(fmt.Sprint("never", i)) {
			wrong++
		}
	}
	assert.Less(t, wrong, 2000)
	var none *idleFilter
	assert.True(t, none.may("anything"), "a storage that does not list is asked")
}
