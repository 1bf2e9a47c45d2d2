package tlog

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func leafOf(r *rand.Rand, seq uint64) Leaf {
	l := Leaf{
		Writer: "w1", Epoch: r.Uint64(), Seq: seq, Kind: Batch, SealedAt: int64(r.Uint64()), Table: "actions", Rows: r.Uint32(),
		HashVersion: uint8(r.Uint32()), MinTS: math.MinInt64, MaxTS: math.MaxInt64, Counters: Counters{r.Uint64(), 1, 2, 3},
		Detail: map[string]string{"a": "x\ny \"\x00\xff", "b": ""},
	}
	for i := range l.Digest {
		l.Digest[i] = byte(r.Uint32())
	}
	return l
}

func TestLeafIsReadAsItWasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for seq := range uint64(200) {
		l := leafOf(r, seq)
		got, err := ParseLeaf(l.Text())
		require.NoError(t, err)
		assert.Equal(t, l, got)
		assert.Equal(t, Hash(sha256.Sum256([]byte("\x00"+l.Text()))), l.Hash())
	}
	l := Leaf{Writer: "w1", Kind: Genesis}
	for _, bad := range []string{"", "x", l.Text() + "\n", l.Text() + "more 1\n", strings.Replace(l.Text(), "epoch 0", "epoch 00", 1), strings.Replace(l.Text(), "rows 0\n", "", 1)} {
		_, err := ParseLeaf(bad)
		assert.Error(t, err, "%q", bad)
	}
}

func FuzzParseLeaf(f *testing.F) {
	l := leafOf(rand.New(rand.NewPCG(1, 2)), 7)
	f.Add(l.Text())
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLeaf(text)
		if err == nil {
			assert.Equal(t, text, l.Text(), "what is read has one text")
		}
	})
}

// The edge alone gives the roots that the whole tree gives, whenever it is
// restored, and every leaf can be proven against every later size.
func TestTreeAgainstTheWholeOne(t *testing.T) {
	var tree Tree
	leaves := make([]Hash, 0, 70)
	for n := range 70 {
		whole, err := storedOf(leaves)
		require.NoError(t, err)
		want := Hash(sha256.Sum256(nil))
		if n > 0 {
			want, err = tlog.TreeHash(int64(n), whole)
			require.NoError(t, err)
		}
		require.Equal(t, want, tree.Root())
		for i := range leaves {
			path, err := ProveLeaf(i, leaves)
			require.NoError(t, err)
			require.NoError(t, CheckLeaf(path, int64(n), tree.Root(), int64(i), leaves[i]))
			require.Error(t, CheckLeaf(path, int64(n), tree.Root(), int64(i), Hash{1}))
		}
		tree, err = Restore(tree.Size(), tree.Edge())
		require.NoError(t, err)
		h := tlog.RecordHash([]byte{byte(n)})
		leaves = append(leaves, h)
		tree.Append(h)
	}
	_, err := Restore(3, []Hash{{}})
	assert.Error(t, err)
}

func key(t *testing.T, name string) (note.Signer, note.Verifiers) {
	t.Helper()
	private, public, err := NewKey(name)
	require.NoError(t, err)
	signer, err := note.NewSigner(private)
	require.NoError(t, err)
	keys, err := Keys("# ours\n\n" + public + "\n")
	require.NoError(t, err)
	return signer, note.VerifierList(keys...)
}

func TestCheckpointIsBelievedByItsKeyOnly(t *testing.T) {
	signer, keys := key(t, "k1")
	_, others := key(t, "k1")
	c := Checkpoint{Writer: "w1", Epoch: 7, Size: 3, Root: Hash{1}}
	signed, err := c.Sign(signer)
	require.NoError(t, err)
	got, err := Open(signed, keys)
	require.NoError(t, err)
	assert.Equal(t, c, got)
	_, err = Open(signed, others)
	require.ErrorIs(t, err, ErrUnknownKey)
	_, err = Open(strings.Replace(signed, "\n3\n", "\n4\n", 1), keys)
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrUnknownKey)
	for _, bad := range []string{"spanwarden/w/1\n03\n", "other/w/1\n3\n", "spanwarden/w\n3\n", "spanwarden/../w/1\n3\n"} {
		_, err := ParseCheckpoint(bad + c.Root.String() + "\n")
		assert.Error(t, err, bad)
	}
	private, _, err := NewKey("k")
	require.NoError(t, err)
	_, err = Keys(private + "\nx")
	assert.ErrorContains(t, err, "line 1: is a private key")
	assert.ErrorContains(t, err, "line 2")
	_, _, err = NewKey("a b")
	assert.ErrorContains(t, err, `"a b"`)
}

func TestNetstrings(t *testing.T) {
	want := []string{"", "1:a,", "\x00", strings.Repeat("x", 100)}
	var text strings.Builder
	for _, v := range want {
		text.WriteString(Netstring(v))
	}
	got, err := Netstrings(text.String())
	require.NoError(t, err)
	assert.Equal(t, want, got)
	for _, bad := range []string{"1", "1:", "1:a", "01:a,", "-1:,", "9:a,", "1:ab,", "+1:a,"} {
		_, err := Netstrings(bad)
		assert.Error(t, err, bad)
	}
}

// sample is a proof of row 1 of leaf 4 of 6.
func sample(t *testing.T, signer note.Signer) *Proof {
	t.Helper()
	return sampleOf(t, signer)
}

func sampleOf(tb testing.TB, signer note.Signer) *Proof {
	tb.Helper()
	hashes := make([]string, 0, 3)
	for i := range 3 {
		hashes = append(hashes, RowHash([]string{fmt.Sprint("id", i), "\xff"}))
	}
	leaves := make([]Hash, 0, 6)
	var tree Tree
	var ours Leaf
	for i := range uint64(6) {
		l := Leaf{Writer: "w1", Epoch: 1, Seq: i, Kind: Batch, Table: "actions", Rows: 3, Digest: sha256.Sum256([]byte("\x02" + strings.Join(hashes, "")))}
		if i == 4 {
			ours = l
		}
		leaves = append(leaves, l.Hash())
		tree.Append(l.Hash())
	}
	path, err := ProveLeaf(4, leaves)
	require.NoError(tb, err)
	c := Checkpoint{Writer: "w1", Epoch: 1, Size: 6, Root: tree.Root()}
	signed, err := c.Sign(signer)
	require.NoError(tb, err)
	p := &Proof{Format: ProofFormat, Table: "actions", RowIx: 1, RowHashes: hashes, Leaf: ours.Text(), Checkpoint: signed}
	p.Fields = []ProofField{NewProofField("action_id", "id1"), NewProofField("x", "\xff")}
	for _, h := range path {
		p.Path = append(p.Path, h.String())
	}
	return p
}

func TestProofHoldsOnlyAsItWasMade(t *testing.T) {
	signer, keys := key(t, "k1")
	stranger, others := key(t, "k2")
	p := sample(t, signer)
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	p, err = ParseProof(raw)
	require.NoError(t, err)
	leaf, c, err := p.Check(keys)
	require.NoError(t, err)
	assert.Equal(t, uint64(4), leaf.Seq)
	assert.Equal(t, int64(6), c.Size)
	_, _, err = p.Check(others)
	require.ErrorIs(t, err, ErrUnknownKey)
	foreign := sample(t, stranger)
	for name, change := range map[string]func(*Proof){
		"format":         func(p *Proof) { p.Format = "" },
		"table":          func(p *Proof) { p.Table = "runs" },
		"a cell":         func(p *Proof) { p.Fields[0].Value = "id2" },
		"base64":         func(p *Proof) { p.Fields[1].Value = "%" },
		"a field less":   func(p *Proof) { p.Fields = p.Fields[:1] },
		"another row":    func(p *Proof) { p.RowIx = 2 },
		"no such row":    func(p *Proof) { p.RowIx = 9 },
		"a row hash":     func(p *Proof) { p.RowHashes[0] = p.RowHashes[1] },
		"a row less":     func(p *Proof) { p.RowHashes = p.RowHashes[:2] },
		"joined hashes":  func(p *Proof) { p.RowHashes[0] += p.RowHashes[2][:2]; p.RowHashes[2] = p.RowHashes[2][2:] },
		"the leaf":       func(p *Proof) { p.Leaf = strings.Replace(p.Leaf, "seq 4", "seq 3", 1) },
		"past the end":   func(p *Proof) { p.Leaf = strings.Replace(p.Leaf, "seq 4", "seq 6", 1) },
		"a broken leaf":  func(p *Proof) { p.Leaf = "x" },
		"the path":       func(p *Proof) { p.Path = p.Path[1:] },
		"no hash":        func(p *Proof) { p.Path[0] = "x" },
		"the checkpoint": func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n6\n", "\n7\n", 1) },
	} {
		bad := sample(t, signer)
		change(bad)
		_, _, err := bad.Check(keys)
		assert.ErrorIs(t, err, ErrProof, name)
	}
	bad := sample(t, signer)
	bad.Checkpoint = foreign.Checkpoint
	_, _, err = bad.Check(keys)
	assert.ErrorIs(t, err, ErrUnknownKey)
}

// The form of C2SP says the same, and its leaf can be checked with its lines alone.
func TestProofAsText(t *testing.T) {
	signer, keys := key(t, "k1")
	p := sample(t, signer)
	text, err := p.Text()
	require.NoError(t, err)
	again, err := ParseProof([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, p, again)
	_, _, err = again.Check(keys)
	require.NoError(t, err)
	head, checkpoint, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	assert.Equal(t, "c2sp.org/tlog-proof@v1", lines[0])
	assert.Equal(t, "index 4", lines[2])
	path := make([]Hash, 0, len(lines)-3)
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		require.NoError(t, err)
		path = append(path, h)
	}
	c, err := Open(checkpoint, keys)
	require.NoError(t, err)
	require.NoError(t, CheckLeaf(path, c.Size, c.Root, 4, HashOf(p.Leaf)))
	for name, bad := range map[string]string{
		"no extra": strings.Replace(text, "extra ", "extras ", 1), "index": strings.Replace(text, "index 4", "index 3", 1), "head": strings.Replace(text, "@v1", "@v2", 1),
		"base64": strings.Replace(text, "extra ", "extra %", 1), "no JSON": strings.Replace(text, "extra ", "extra AAAA", 1), "cut": text[:len(text)/2],
	} {
		b, err := ParseProof([]byte(bad))
		if err == nil {
			_, _, err = b.Check(keys)
		}
		assert.ErrorIs(t, err, ErrProof, name)
	}
}

// FuzzParseProof: whatever a file holds, it is a proof only of what the key signed.
func FuzzParseProof(f *testing.F) {
	private, public, err := NewKey("k1")
	require.NoError(f, err)
	signer, err := note.NewSigner(private)
	require.NoError(f, err)
	verifiers, err := Keys(public)
	require.NoError(f, err)
	p := sampleOf(f, signer)
	text, err := p.Text()
	require.NoError(f, err)
	raw, err := json.Marshal(p)
	require.NoError(f, err)
	f.Add([]byte(text))
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ParseProof(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrProof)
			return
		}
		leaf, _, err := got.Check(note.VerifierList(verifiers...))
		if err == nil {
			assert.Equal(t, p.Leaf, leaf.Text())
			assert.Equal(t, p.RowHashes, got.RowHashes)
		}
	})
}
