package seal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOpen(t *testing.T) {
	long := bytes.Repeat([]byte("value"), 1000)
	flipped := func(value []byte, at int) []byte {
		raw := Seal(value)
		raw[(at+len(raw))%len(raw)] ^= 1
		return raw
	}
	for name, c := range map[string]struct {
		raw  []byte
		all  bool
		want []byte
		bad  bool
	}{
		"nothing stored":           {nil, true, nil, false},
		"empty":                    {Seal(nil), true, []byte{}, false},
		"whole":                    {Seal(long), true, long, false},
		"whole, some have none":    {Seal(long), false, long, false},
		"from before":              {[]byte("old"), false, []byte("old"), false},
		"without one where all do": {[]byte("old"), true, nil, true},
		"shorter than a seal":      {[]byte("x"), true, nil, true},
		"a bit of the value":       {flipped(long, 17), false, nil, true},
		"a bit of the checksum":    {flipped(long, -6), false, nil, true},
		"a bit of the magic":       {flipped(long, -1), true, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Open(c.raw, c.all)
			assert.Equal(t, c.bad, err != nil)
			assert.Equal(t, c.want, got)
		})
	}
}
