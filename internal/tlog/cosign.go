package tlog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// witness verifies cosignatures of C2SP's tlog-cosignature, the Ed25519 kind.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// The kinds of keys in C2SP's signed-note.
const (
	keyEd25519     = 1
	keyCosignature = 4
)

// NewWitness reads the public key of a witness, "name+hash+base64". A key of kind
// 4 is one for cosignatures; one of kind 1, as some witnesses print it, is taken
// for the same.
func NewWitness(text string) (note.Verifier, error) {
	fail := func(why string) (note.Verifier, error) {
		return nil, fmt.Errorf("key of a witness %q: %s", clip(text), why)
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	hash, encoded, ok := strings.Cut(rest, "+")
	want, err := strconv.ParseUint(hash, 16, 32)
	if !ok || err != nil || len(hash) != 8 || name == "" || strings.ContainsAny(name, " +\n") {
		return fail("want name+hash+base64")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return fail("want an Ed25519 key in base64")
	}
	if raw[0] != keyEd25519 && raw[0] != keyCosignature {
		return fail(fmt.Sprintf("kind %d is none that cosigns with Ed25519", raw[0]))
	}
	if keyID(name, raw) != uint32(want) {
		return fail("its hash is not that of name and key")
	}
	w := &witness{name: name, key: raw[1:]}
	w.hash = keyID(name, append([]byte{keyCosignature}, w.key...))
	return w, nil
}

func keyID(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// Name is of note.Verifier.
func (w *witness) Name() string { return w.name }

// KeyHash is of note.Verifier.
func (w *witness) KeyHash() uint32 { return w.hash }

// Verify is of note.Verifier: a signature is a time, in seconds, and what was
// signed together with it.
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	signed := append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), msg...)
	return at < 1<<63 && ed25519.Verify(w.key, signed, sig[8:])
}

// Cosignature is that a witness saw a checkpoint.
type Cosignature struct {
	Witness string
	At      time.Time
}

// ErrCosignature means that a cosignature bears a witness's name and is not its.
var ErrCosignature = errors.New("a cosignature is wrong")

// Cosignatures are those of the witnesses on a signed checkpoint; others' are
// passed over.
func Cosignatures(signed string, witnesses note.Verifiers) ([]Cosignature, error) {
	n, err := note.Open([]byte(signed), witnesses)
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCosignature, err)
	}
	var seen []Cosignature
	for _, s := range n.Sigs {
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil || len(raw) < 12 {
			continue // note.Open took it, so it is not so
		}
		seen = append(seen, Cosignature{s.Name, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
	}
	return seen, nil
}

// AddCosignatures returns the signed checkpoint with those lines of a witness's
// answer that are its cosignatures. None is an error.
func AddCosignatures(signed, answer string, w note.Verifier) (string, error) {
	all := signed
	if !strings.HasSuffix(all, "\n") {
		all += "\n"
	}
	n, err := note.Open([]byte(all+answer), note.VerifierList(w))
	if err != nil {
		return "", fmt.Errorf("the answer of witness %s: %w", w.Name(), err)
	}
	var out bytes.Buffer
	out.WriteString(all)
	for _, s := range n.Sigs {
		fmt.Fprintf(&out, "\u2014 %s %s\n", s.Name, s.Base64)
	}
	return out.String(), nil
}
