package tlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What is proven from an edge and the leaves since is what the whole tree proves,
// for every pair of sizes.
func TestConsistencyAgainstTheWholeTree(t *testing.T) {
	const most = 70
	leaves := make([]Hash, most)
	for i := range leaves {
		leaves[i] = tlog.RecordHash([]byte{byte(i)})
	}
	whole, err := storedOf(leaves)
	require.NoError(t, err)
	var old Tree
	for m := range most {
		newer := old
		newer.edge = old.Edge()
		for n := m; n <= most; n++ {
			got := ProveConsistency(&old, leaves[m:n])
			if m > 0 && n > m {
				want, err := tlog.ProveTree(int64(n), int64(m), whole)
				require.NoError(t, err)
				require.Equal(t, []Hash(want), got, "%d to %d", m, n)
				require.NoError(t, CheckConsistency(got, int64(n), newer.Root(), int64(m), old.Root()))
			} else {
				require.Empty(t, got)
			}
			if n < most {
				newer.Append(leaves[n])
			}
		}
		old.Append(leaves[m])
	}
}

func FuzzConsistency(f *testing.F) {
	f.Add(uint16(3), uint16(4), uint64(1))
	f.Fuzz(func(t *testing.T, m, more uint16, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		var old, newer Tree
		leaves := make([]Hash, int(m%3000)+int(more%3000))
		for i := range leaves {
			leaves[i] = tlog.RecordHash(binary.BigEndian.AppendUint64(nil, r.Uint64()))
			if i < int(m%3000) {
				old.Append(leaves[i])
			}
			newer.Append(leaves[i])
		}
		proof := ProveConsistency(&old, leaves[old.Size():])
		if old.Size() > 0 && newer.Size() > old.Size() {
			require.NoError(t, CheckConsistency(proof, newer.Size(), newer.Root(), old.Size(), old.Root()))
			require.Error(t, CheckConsistency(proof, newer.Size(), newer.Root(), old.Size(), Hash{1}))
		}
	})
}

// testWitness cosigns by the words of the specification.
type testWitness struct {
	name string
	key  ed25519.PrivateKey
}

func (w *testWitness) vkey(kind byte) string {
	raw := append([]byte{kind}, w.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", w.name, keyID(w.name, raw), base64.StdEncoding.EncodeToString(raw))
}

func (w *testWitness) line(text string, at int64) string { return w.lineThatSays(text, at, at) }

func (w *testWitness) lineThatSays(text string, at, said int64) string {
	sig := ed25519.Sign(w.key, []byte("cosignature/v1\ntime "+strconv.FormatInt(at, 10)+"\n"+text))
	id := keyID(w.name, append([]byte{4}, w.key.Public().(ed25519.PublicKey)...))
	raw := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, id), uint64(said))
	return "— " + w.name + " " + base64.StdEncoding.EncodeToString(append(raw, sig...)) + "\n"
}

func newTestWitness(t *testing.T, name string) *testWitness {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return &testWitness{name, key}
}

func TestCosignatures(t *testing.T) {
	signer, keys := key(t, "k1")
	w, other := newTestWitness(t, "witness.example/w1"), newTestWitness(t, "witness.example/w1")
	for _, kind := range []byte{1, 4} {
		v, err := NewWitness(w.vkey(kind))
		require.NoError(t, err)
		c := Checkpoint{Writer: "w1", Epoch: 7, Size: 3, Root: Hash{1}}
		signed, err := c.Sign(signer)
		require.NoError(t, err)
		none, err := Cosignatures(signed, note.VerifierList(v))
		require.NoError(t, err)
		assert.Empty(t, none)

		answer := other.line(c.Text(), 5) + w.line(c.Text(), 1679315147)
		cosigned, err := AddCosignatures(signed, answer, v)
		require.NoError(t, err)
		assert.Equal(t, signed+w.line(c.Text(), 1679315147), cosigned, "only that of the witness that is known")
		got, err := Open(cosigned, keys)
		require.NoError(t, err, "it is signed by the log as before")
		assert.Equal(t, c, got)
		seen, err := Cosignatures(cosigned, note.VerifierList(v))
		require.NoError(t, err)
		assert.Equal(t, []Cosignature{{w.name, time.Unix(1679315147, 0).UTC()}}, seen)

		for name, bad := range map[string]string{
			"nothing":      "",
			"of another":   other.line(c.Text(), 5),
			"of a text":    w.line(c.Text()+"x\n", 5),
			"another time": w.lineThatSays(c.Text(), 5, 6),
			"no line":      "hello\n",
		} {
			_, err := AddCosignatures(signed, bad, v)
			assert.Error(t, err, name)
		}
		_, err = Cosignatures(signed+w.line(c.Text()+"x\n", 5), note.VerifierList(v))
		assert.ErrorIs(t, err, ErrCosignature)
	}
	for _, bad := range []string{"", "a", "a+b+c", w.vkey(6), strings.Replace(w.vkey(4), "w1", "w2", 1), "a b+00000000+AAAA", w.vkey(4) + "AAAA"} {
		_, err := NewWitness(bad)
		assert.Error(t, err, bad)
	}
}
