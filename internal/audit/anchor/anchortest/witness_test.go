package anchortest

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// startWitness runs the witness of transparency-dev, which knows the log of h.
func startWitness(t *testing.T, h *history) (url, public string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	require.NoError(t, err)
	signer, err := f_note.NewSignerForCosignatureV1(private)
	require.NoError(t, err)
	key, err := note.NewVerifier(h.public)
	require.NoError(t, err)
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return key, origin == "spanwarden/one/1", nil
		},
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, public
}

func TestWitness(t *testing.T) {
	h := newHistory(t)
	url, public := startWitness(t, h)
	key, err := tlog.NewWitness(public)
	require.NoError(t, err)
	theirs, err := f_note.NewVerifierForCosignatureV1(public)
	require.NoError(t, err)
	fresh := func() *anchor.Witness { return &anchor.Witness{Client: http.DefaultClient, URL: url, Key: key} }
	w := fresh()
	for i := range 12 {
		if i%4 == 3 {
			w = fresh() // as after a start: the witness says what it knows
		}
		c, signed := h.grow(1 + i*i)
		cosigned, err := w.Cosign(t.Context(), c, signed, h.hashes)
		require.NoError(t, err, "%d leaves", c.Size)
		seen, err := tlog.Cosignatures(cosigned, note.VerifierList(key))
		require.NoError(t, err)
		require.Len(t, seen, 1)
		n, err := note.Open([]byte(cosigned), note.VerifierList(theirs))
		require.NoError(t, err, "by their own program, too")
		assert.Len(t, n.Sigs, 1)
	}
	// Whoever has the key and writes another history gets no cosignature for it.
	forged := &history{t, h.signer, h.public, nil}
	forged.leaves = append(forged.leaves, tlog.Hash{1})
	c, signed := forged.grow(len(h.leaves) + 5)
	_, err = fresh().Cosign(t.Context(), c, signed, forged.hashes)
	require.ErrorContains(t, err, "422")
	stranger := newHistory(t)
	c, signed = stranger.grow(3)
	_, err = fresh().Cosign(t.Context(), c, signed, stranger.hashes)
	require.ErrorContains(t, err, "it answered")
}
