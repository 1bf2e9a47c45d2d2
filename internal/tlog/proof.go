package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ProofFormat is what a proof file says it is.
const ProofFormat = "spanwarden-proof/v1"

// Proof shows, without the store, that a row is what its writer sealed: the row,
// the way from its hash to the digest of its batch, from there to the leaf, and
// from the leaf to a signed checkpoint.
type Proof struct {
	Format     string       `json:"format"`
	Table      string       `json:"table"`
	RowIx      uint32       `json:"row_ix"`
	Fields     []ProofField `json:"fields"`
	RowHashes  []string     `json:"row_hashes"` // H0 of every row of the batch, upper-case hex
	Leaf       string       `json:"leaf"`
	Path       []string     `json:"path"` // base64
	Checkpoint string       `json:"checkpoint"`
}

// ProofField is one field of the row as it is hashed.
type ProofField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Base64 says that the value is so encoded, because it is no text.
	Base64 bool `json:"base64,omitempty"`
}

// NewProofField returns the field with this value.
func NewProofField(name, value string) ProofField {
	if utf8.ValidString(value) {
		return ProofField{Name: name, Value: value}
	}
	return ProofField{Name: name, Value: base64.StdEncoding.EncodeToString([]byte(value)), Base64: true}
}

// Text is the value as it is hashed.
func (f *ProofField) Text() (string, error) {
	if !f.Base64 {
		return f.Value, nil
	}
	raw, err := base64.StdEncoding.DecodeString(f.Value)
	if err != nil {
		return "", fmt.Errorf("field %s: %w", clip(f.Name), err)
	}
	return string(raw), nil
}

// Netstring is the netstring of s.
func Netstring(s string) string { return strconv.Itoa(len(s)) + ":" + s + "," }

// Netstrings reads what is nothing but netstrings one after the other.
func Netstrings(text string) ([]string, error) {
	var values []string
	for text != "" {
		length, rest, ok := strings.Cut(text, ":")
		n, err := strconv.Atoi(length)
		if !ok || err != nil || n < 0 || n >= len(rest) || rest[n] != ',' || strconv.Itoa(n) != length {
			return nil, fmt.Errorf("no netstring at %q", clip(text))
		}
		values = append(values, rest[:n])
		text = rest[n+1:]
	}
	return values, nil
}

// RowHash is H0 of a row whose fields have these values, in upper-case hex.
func RowHash(values []string) string {
	h := sha256.New()
	h.Write([]byte{0})
	for _, v := range values {
		h.Write([]byte(Netstring(v)))
	}
	return fmt.Sprintf("%X", h.Sum(nil))
}

// ErrProof means that a proof proves nothing.
var ErrProof = errors.New("the proof does not hold")

// Check tells what the proof shows, given who is believed. Every way in which it
// does not hold wraps ErrProof, but for ErrUnknownKey.
func (p *Proof) Check(keys note.Verifiers) (Leaf, Checkpoint, error) {
	fail := func(what string, args ...any) (Leaf, Checkpoint, error) {
		return Leaf{}, Checkpoint{}, fmt.Errorf("%w: "+what, append([]any{ErrProof}, args...)...)
	}
	if p.Format != ProofFormat {
		return fail("the format is %q, not %q", clip(p.Format), ProofFormat)
	}
	leaf, err := ParseLeaf(p.Leaf)
	if err != nil {
		return fail("the leaf: %w", err)
	}
	if err := p.checkRow(&leaf); err != nil {
		return fail("%w", err)
	}
	c, err := Open(p.Checkpoint, keys)
	if errors.Is(err, ErrUnknownKey) {
		return Leaf{}, Checkpoint{}, err
	}
	if err != nil {
		return fail("%w", err)
	}
	if c.Writer != leaf.Writer || c.Epoch != leaf.Epoch {
		return fail("the checkpoint is of %s/%d, the leaf of %s/%d", c.Writer, c.Epoch, leaf.Writer, leaf.Epoch)
	}
	path := make([]Hash, len(p.Path))
	for i, text := range p.Path {
		if path[i], err = tlog.ParseHash(text); err != nil {
			return fail("path: hash %d: %w", i, err)
		}
	}
	if leaf.Seq >= uint64(max(c.Size, 0)) {
		return fail("leaf %d is not among the %d that are signed", leaf.Seq, c.Size)
	}
	if err := CheckLeaf(path, c.Size, c.Root, int64(leaf.Seq), leaf.Hash()); err != nil {
		return fail("leaf %d is not under the signed root", leaf.Seq)
	}
	return leaf, c, nil
}

// checkRow leads from the fields to the digest in the leaf.
func (p *Proof) checkRow(leaf *Leaf) error {
	if leaf.Kind != Batch || leaf.Table != p.Table {
		return fmt.Errorf("the leaf is of %s %q, not of a batch of %q", clip(leaf.Kind), clip(leaf.Table), clip(p.Table))
	}
	values := make([]string, len(p.Fields))
	for i := range p.Fields {
		var err error
		if values[i], err = p.Fields[i].Text(); err != nil {
			return err
		}
	}
	if int64(p.RowIx) >= int64(len(p.RowHashes)) || len(p.RowHashes) != int(leaf.Rows) {
		return fmt.Errorf("row %d of %d, where the leaf says %d rows", p.RowIx, len(p.RowHashes), leaf.Rows)
	}
	if RowHash(values) != p.RowHashes[p.RowIx] {
		return fmt.Errorf("the fields are not those of row %d", p.RowIx)
	}
	for i, h := range p.RowHashes {
		if len(h) != 2*sha256.Size {
			return fmt.Errorf("row hash %d has %d characters", i, len(h))
		}
	}
	if d := sha256.Sum256([]byte("\x02" + strings.Join(p.RowHashes, ""))); d != leaf.Digest {
		return errors.New("the row hashes are not those that the leaf seals")
	}
	return nil
}

// ParseProof reads a proof file, in either form.
func ParseProof(raw []byte) (*Proof, error) {
	if bytes.HasPrefix(raw, []byte(proofHead)) {
		return parseText(string(raw))
	}
	var p Proof
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: no JSON of a proof: %w", ErrProof, err)
	}
	return &p, nil
}
