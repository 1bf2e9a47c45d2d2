package tlog

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is a Merkle tree of which only the right edge is kept: enough to append
// and to know the root, at one hash for each bit of the size. The zero value is
// empty.
type Tree struct {
	size int64
	edge []Hash // roots of the complete subtrees, the largest first
}

// Restore returns the tree that Edge was taken of.
func Restore(size int64, edge []Hash) (Tree, error) {
	if size < 0 || bits.OnesCount64(uint64(size)) != len(edge) {
		return Tree{}, fmt.Errorf("a tree of %d leaves has no edge of %d hashes", size, len(edge))
	}
	return Tree{size: size, edge: append([]Hash(nil), edge...)}, nil
}

// Size is the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Edge is what Restore takes.
func (t *Tree) Edge() []Hash { return append([]Hash(nil), t.edge...) }

// Append adds a leaf's hash.
func (t *Tree) Append(h Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.edge) - 1
		h = tlog.NodeHash(t.edge[last], h)
		t.edge = t.edge[:last]
	}
	t.edge = append(t.edge, h)
	t.size++
}

// Root is the hash of the whole tree, as of RFC 6962; that of nothing for none.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}

// stored is a tree of which everything is kept, for proofs.
type stored []Hash

// ReadHashes is of tlog.HashReader.
func (s stored) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d in a tree of %d", at, len(s))
		}
		out[i] = s[at]
	}
	return out, nil
}

func storedOf(leaves []Hash) (stored, error) {
	s := make(stored, 0, tlog.StoredHashCount(int64(len(leaves))))
	for i, h := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), h, s)
		if err != nil {
			return nil, err
		}
		s = append(s, more...)
	}
	return s, nil
}

// ProveLeaf returns the hashes that lead from leaf i to the root of all leaves.
func ProveLeaf(i int, leaves []Hash) ([]Hash, error) {
	s, err := storedOf(leaves)
	if err != nil {
		return nil, err
	}
	return tlog.ProveRecord(int64(len(leaves)), int64(i), s)
}

// CheckLeaf tells whether the proof leads from leaf i to the root of size leaves.
func CheckLeaf(proof []Hash, size int64, root Hash, i int64, leaf Hash) error {
	return tlog.CheckRecord(proof, size, root, i, leaf)
}

// HashOf is the hash in the tree of a leaf with this text.
func HashOf(text string) Hash { return tlog.RecordHash([]byte(text)) }
