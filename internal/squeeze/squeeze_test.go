package squeeze

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzPack(f *testing.F) {
	f.Add([]byte("head"), []byte(strings.Repeat("again and ", 100)))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, head, raw []byte) {
		out := Pack(head, raw)
		require.True(t, bytes.HasPrefix(out, head))
		back, err := Unpack(out[len(head):])
		require.NoError(t, err)
		assert.True(t, bytes.Equal(raw, back))
		assert.Len(t, out, cap(out), "no room that nobody uses")
		_, _ = Unpack(raw) // whatever it is, no panic
	})
}

// What was returned stays as it is while others compress.
func TestConcurrent(t *testing.T) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			raw := bytes.Repeat([]byte{byte(i), 'x'}, 5000+i)
			for range 200 {
				out := Pack([]byte{byte(i)}, raw)
				back, err := Unpack(out[1:])
				assert.NoError(t, err)
				assert.Equal(t, raw, back)
			}
		})
	}
	all.Wait()
}
