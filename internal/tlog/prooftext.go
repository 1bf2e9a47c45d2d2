package tlog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// proofHead is how a proof begins as C2SP's tlog-proof has it.
const proofHead = "c2sp.org/tlog-proof@v1"

// ProofExtension is that of files with such a proof.
const ProofExtension = ".tlog-proof"

// extra is what is beside the leaf's place in the tree: the leaf and the way to it.
// It is not believed: it has to lead to a leaf that is under the signed root.
type extra struct {
	Format    string       `json:"format"`
	Table     string       `json:"table"`
	RowIx     uint32       `json:"row_ix"`
	Fields    []ProofField `json:"fields"`
	RowHashes []string     `json:"row_hashes"`
	Leaf      string       `json:"leaf"`
}

// Text is the proof as C2SP's tlog-proof has it: whoever has a program for those can
// check that the leaf is in the log, and one of ours that the row is in the leaf.
func (p *Proof) Text() (string, error) {
	leaf, err := ParseLeaf(p.Leaf)
	if err != nil {
		return "", fmt.Errorf("%w: the leaf: %w", ErrProof, err)
	}
	raw, err := json.Marshal(extra{p.Format, p.Table, p.RowIx, p.Fields, p.RowHashes, p.Leaf})
	if err != nil {
		return "", err
	}
	lines := append([]string{proofHead, "extra " + base64.StdEncoding.EncodeToString(raw), "index " + strconv.FormatUint(leaf.Seq, 10)}, p.Path...)
	return strings.Join(lines, "\n") + "\n\n" + p.Checkpoint, nil
}

// parseText reads what Text wrote.
func parseText(text string) (*Proof, error) {
	fail := func(what string) (*Proof, error) { return nil, fmt.Errorf("%w: %s", ErrProof, what) }
	head, checkpoint, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != proofHead {
		return fail("no proof of a leaf with extra data")
	}
	encoded, ok := strings.CutPrefix(lines[1], "extra ")
	if !ok {
		return fail("no extra data: it proves no row")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fail("extra data: " + err.Error())
	}
	var e extra
	if err := json.Unmarshal(raw, &e); err != nil {
		return fail("extra data: " + err.Error())
	}
	index, ok := strings.CutPrefix(lines[2], "index ")
	leaf, err := ParseLeaf(e.Leaf)
	if !ok || err != nil || index != strconv.FormatUint(leaf.Seq, 10) {
		return fail("the index is not that of the leaf")
	}
	return &Proof{Format: e.Format, Table: e.Table, RowIx: e.RowIx, Fields: e.Fields, RowHashes: e.RowHashes, Leaf: e.Leaf, Path: lines[3:], Checkpoint: checkpoint}, nil
}
