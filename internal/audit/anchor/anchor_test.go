package anchor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// history is a log of a writer with everything that may be asked of it.
type history struct {
	*testing.T
	signer note.Signer
	writer string
	leaves []tlog.Hash
}

func newHistory(t *testing.T, writer string) *history {
	t.Helper()
	private, _, err := tlog.NewKey("k")
	require.NoError(t, err)
	signer, err := note.NewSigner(private)
	require.NoError(t, err)
	return &history{t, signer, writer, nil}
}

// grow appends leaves and returns the checkpoint after them.
func (h *history) grow(n int) (*tlog.Checkpoint, string) {
	h.Helper()
	for range n {
		l := tlog.Leaf{Writer: h.writer, Epoch: 1, Seq: uint64(len(h.leaves)), Kind: tlog.Heartbeat}
		h.leaves = append(h.leaves, l.Hash())
	}
	return h.at(len(h.leaves))
}

func (h *history) at(size int) (*tlog.Checkpoint, string) {
	h.Helper()
	var tree tlog.Tree
	for _, leaf := range h.leaves[:size] {
		tree.Append(leaf)
	}
	c := &tlog.Checkpoint{Writer: h.writer, Epoch: 1, Size: tree.Size(), Root: tree.Root()}
	signed, err := c.Sign(h.signer)
	require.NoError(h, err)
	return c, signed
}

func (h *history) hashes(_ context.Context, first, last int64) ([]tlog.Hash, error) {
	return h.leaves[min(first, int64(len(h.leaves))):min(last, int64(len(h.leaves)))], nil
}

func notes(held []Held) map[string]int {
	n := map[string]int{}
	for _, h := range held {
		n[h.Note]++
	}
	return n
}

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

// Two writers and a remote: what was pushed is what is read, from the remote, from
// a clone and from a checkout; commits of others are built upon, never overwritten.
func TestGit(t *testing.T) {
	needGit(t)
	remote := filepath.Join(t.TempDir(), "remote.git")
	_, err := git(t.Context(), "", nil, []string{"init", "--quiet", "--bare", remote})
	require.NoError(t, err)
	one, two := newHistory(t, "one"), newHistory(t, "two")
	g1 := &Git{Remote: "file://" + remote, Branch: "a/b", Directory: filepath.Join(t.TempDir(), "1")}
	g2 := &Git{Remote: "file://" + remote, Branch: "a/b", Directory: filepath.Join(t.TempDir(), "2")}
	want := map[string]int{}
	put := func(g *Git, h *history) {
		c, signed := h.grow(3)
		uri, err := g.Put(t.Context(), c, signed, now)
		require.NoError(t, err)
		assert.Equal(t, "git+file://"+remote+"#a/b/"+h.writer, uri)
		want[signed]++
	}
	for range 3 {
		put(g1, one)
		put(g2, two)
	}
	// Another machine with the same writer: its copy is behind, and it catches up.
	g1.Directory = filepath.Join(t.TempDir(), "3")
	put(g1, one)
	require.NoError(t, os.RemoveAll(g2.Directory))
	put(g2, two)
	read := func(place string) map[string]int {
		held, left, err := Read(t.Context(), place, Limits{})
		require.NoError(t, err)
		assert.Empty(t, left)
		return notes(held)
	}
	assert.Equal(t, want, read("git+file://"+remote+"#a/b"))
	clone := filepath.Join(t.TempDir(), "clone")
	out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "--branch", "a/b/one", remote, clone).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, want, read("git+"+clone+"#a/b"))

	// Somebody empties the branch: what comes next is anchored all the same.
	_, err = git(t.Context(), remote, nil, []string{"update-ref", "-d", "refs/heads/a/b/one"})
	require.NoError(t, err)
	c, signed := one.grow(1)
	_, err = g1.Put(t.Context(), c, signed, now)
	require.NoError(t, err)
	held, left, err := Read(t.Context(), "git+file://"+remote+"#a/b", Limits{PerLog: 2})
	require.NoError(t, err)
	assert.Equal(t, 1, notes(held)[signed])
	assert.Len(t, held, 3+boolOf(len(left) == 0), "at most two of each: %v", left)
}

func boolOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestGitThatCannot(t *testing.T) {
	needGit(t)
	h := newHistory(t, "one")
	c, signed := h.grow(1)
	g := &Git{Remote: "file:///nowhere/at/all", Branch: DefaultBranch, Directory: filepath.Join(t.TempDir(), "1")}
	_, err := g.Put(t.Context(), c, signed, now)
	require.ErrorContains(t, err, "git ls-remote")
	_, _, err = Read(t.Context(), "git+file:///nowhere/at/all", Limits{})
	require.ErrorContains(t, err, "nowhere")
	empty := t.TempDir()
	_, err = git(t.Context(), "", nil, []string{"init", "--quiet", "--bare", empty})
	require.NoError(t, err)
	_, _, err = Read(t.Context(), empty, Limits{})
	require.ErrorContains(t, err, "no checkpoints in branches "+DefaultBranch)
	t.Setenv("PATH", "/nowhere")
	_, err = g.Put(t.Context(), c, signed, now)
	assert.ErrorContains(t, err, "git is not installed")
}

func TestDirectoryAndHTTP(t *testing.T) {
	h := newHistory(t, "one")
	dir := t.TempDir()
	var posted []byte
	refuse := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		line, _ := io.ReadAll(r.Body)
		posted = append(posted, line...)
	}))
	defer server.Close()
	post := &HTTP{Client: server.Client(), URL: server.URL}
	want := map[string]int{}
	for range 3 {
		c, signed := h.grow(2)
		_, err := (&Directory{Path: filepath.Join(dir, "a")}).Put(t.Context(), c, signed, now)
		require.NoError(t, err)
		_, err = post.Put(t.Context(), c, signed, now)
		require.NoError(t, err)
		want[signed]++
	}
	held, _, err := Read(t.Context(), dir, Limits{})
	require.NoError(t, err)
	assert.Equal(t, want, notes(held))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"+suffix), append(posted, "{torn"...), 0o600))
	held, _, err = Read(t.Context(), dir, Limits{})
	require.NoError(t, err)
	assert.Len(t, held, 6)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"+suffix), []byte("broken\n"), 0o600))
	_, _, err = Read(t.Context(), dir, Limits{})
	require.ErrorContains(t, err, "b.checkpoints: line 1")
	refuse = true
	c, signed := h.grow(1)
	_, err = post.Put(t.Context(), c, signed, now)
	assert.ErrorContains(t, err, "418")
	for _, bad := range []string{"/nowhere", "s3://", "s3://b?x=1", filepath.Join(dir, "b"+suffix)} {
		_, _, err := Read(t.Context(), bad, Limits{})
		assert.Error(t, err, bad)
	}
}

// bucket is a store that speaks as much of the S3 API as is used, page by page. What
// it cannot tell, whether a signature is right, a real store tells in anchortest.
type bucket struct {
	objects map[string][]byte
	order   []string
	plain   bool // cannot list versions
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, q := strings.TrimPrefix(r.URL.Path, "/b/"), r.URL.Query()
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=id/20261125/eu-x/s3/aws4_request"):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodPut:
		if b.objects[key] != nil && r.Header.Get("If-None-Match") == "*" {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		body, _ := io.ReadAll(r.Body)
		b.objects[key] = body
		b.order = append(b.order, key)
	case q.Has("versions") && b.plain:
		w.WriteHeader(http.StatusNotImplemented)
	case q.Has("prefix"):
		b.list(w, q.Get("prefix"), q.Get("key-marker")+q.Get("continuation-token"), q.Has("versions"))
	default:
		_, _ = w.Write(b.objects[key])
	}
}

// list gives two at a time.
func (b *bucket) list(w http.ResponseWriter, prefix, after string, versions bool) {
	element, next := "Contents", "NextContinuationToken"
	if versions {
		element, next = "Version", "NextKeyMarker"
	}
	var text strings.Builder
	n, last := 0, ""
	for _, key := range b.order {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if n == 2 {
			fmt.Fprintf(&text, "<IsTruncated>true</IsTruncated><%s>%s</%s>", next, last, next)
			break
		}
		fmt.Fprintf(&text, "<%s><Key>%s</Key><VersionId>null</VersionId></%s>", element, key, element)
		n, last = n+1, key
	}
	_, _ = fmt.Fprintf(w, "<R>%s</R>", text.String())
}

func TestS3(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, plain := range []bool{false, true} {
		b := &bucket{objects: map[string][]byte{}, plain: plain}
		server := httptest.NewServer(b)
		defer server.Close()
		s := &S3{Client: server.Client(), Endpoint: server.URL, Region: "eu-x", Bucket: "b", Prefix: "p/q", Retain: time.Hour, LockMode: Compliance}
		h := newHistory(t, "one")
		want := map[string]int{}
		for range 5 {
			c, signed := h.grow(3)
			uri, err := s.Put(t.Context(), c, signed, now)
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("s3://b/p/q/one.1/%020d.checkpoints", c.Size), uri)
			want[signed]++
			_, err = s.Put(t.Context(), c, signed, now.Add(time.Hour))
			require.NoError(t, err, "the same again is no error")
		}
		place := "s3://b/p/q?region=eu-x&endpoint=" + server.URL
		held, left, err := Read(t.Context(), place, Limits{Now: now})
		require.NoError(t, err)
		assert.Equal(t, want, notes(held))
		assert.Len(t, left, boolOf(plain))
		held, left, err = Read(t.Context(), place, Limits{Now: now, PerLog: 2})
		require.NoError(t, err)
		assert.Len(t, held, 2)
		assert.Contains(t, left[len(left)-1], "3 older checkpoints were not read")

		other := newHistory(t, "one")
		other.leaves = []tlog.Hash{{1}, {2}}
		c, signed := other.grow(1)
		_, err = s.Put(t.Context(), c, signed, now)
		require.ErrorIs(t, err, errOther)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	h := newHistory(t, "one")
	c, signed := h.grow(1)
	_, err := (&S3{Client: http.DefaultClient, Bucket: "b"}).Put(t.Context(), c, signed, now)
	assert.ErrorContains(t, err, "no credentials")
}

// keeper is a witness by the words of the specification.
type keeper struct {
	key  ed25519.PrivateKey
	size int64
	root tlog.Hash
	old  []int64 // sizes that clients said
}

func (k *keeper) verifier(t *testing.T) note.Verifier {
	t.Helper()
	text, err := note.NewEd25519VerifierKey("w", k.key.Public().(ed25519.PublicKey))
	require.NoError(t, err)
	v, err := tlog.NewWitness(text)
	require.NoError(t, err)
	return v
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	head, signed, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	var old int64
	_, _ = fmt.Sscanf(lines[0], "old %d", &old)
	k.old = append(k.old, old)
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := tlog.ParseCheckpoint(text + "\n")
	proof := make([]tlog.Hash, 0, len(lines))
	for _, line := range lines[1:] {
		raw, _ := base64.StdEncoding.DecodeString(line)
		proof = append(proof, tlog.Hash(raw))
	}
	switch {
	case err != nil || r.URL.Path != "/x/add-checkpoint":
		w.WriteHeader(http.StatusNotFound)
	case old != k.size:
		w.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(w, "%d\n", k.size)
	case old > 0 && old < c.Size && tlog.CheckConsistency(proof, c.Size, c.Root, old, k.root) != nil:
		w.WriteHeader(http.StatusUnprocessableEntity)
	case old == c.Size && c.Root != k.root:
		w.WriteHeader(http.StatusConflict)
	default:
		k.size, k.root = c.Size, c.Root
		sig := ed25519.Sign(k.key, []byte("cosignature/v1\ntime 7\n"+c.Text()))
		id := (&tlogKey{k.key}).id()
		raw := append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, id), 7), sig...)
		_, _ = fmt.Fprintf(w, "— w %s\n", base64.StdEncoding.EncodeToString(raw))
	}
}

type tlogKey struct{ key ed25519.PrivateKey }

func (k *tlogKey) id() uint32 {
	text, _ := note.NewEd25519VerifierKey("w", k.key.Public().(ed25519.PublicKey))
	v, _ := tlog.NewWitness(text)
	return v.KeyHash()
}

func TestWitness(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	k := &keeper{key: key}
	server := httptest.NewServer(k)
	defer server.Close()
	fresh := func() *Witness {
		return &Witness{Client: server.Client(), URL: server.URL + "/x/", Key: k.verifier(t)}
	}
	h, w := newHistory(t, "one"), fresh()
	cosign := func(w *Witness) {
		c, signed := h.grow(3)
		cosigned, err := w.Cosign(t.Context(), c, signed, h.hashes)
		require.NoError(t, err)
		seen, err := tlog.Cosignatures(cosigned, note.VerifierList(k.verifier(t)))
		require.NoError(t, err)
		assert.Equal(t, []tlog.Cosignature{{Witness: "w", At: time.Unix(7, 0).UTC()}}, seen)
	}
	cosign(w)
	cosign(w)
	w = fresh() // after a start the witness is asked
	cosign(w)
	cosign(w)
	assert.Equal(t, []int64{0, 3, 0, 6, 9}, k.old)
	c, signed := h.at(12)
	_, err = w.Cosign(t.Context(), c, signed, h.hashes)
	require.NoError(t, err, "the same again")

	back := &history{t, h.signer, "one", h.leaves[:5]}
	c, signed = back.at(5)
	_, err = fresh().Cosign(t.Context(), c, signed, back.hashes)
	require.ErrorContains(t, err, "the witness knows 12 leaves of one/1, and there are 5")
	forger := newHistory(t, "one")
	forger.leaves = []tlog.Hash{{9}}
	c, signed = forger.grow(20)
	_, err = fresh().Cosign(t.Context(), c, signed, forger.hashes)
	require.ErrorContains(t, err, "422", "another history")
	_, err = w.Cosign(t.Context(), c, signed, h.hashes)
	require.ErrorContains(t, err, "the store has no leaf 12")
	_, otherKey, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	wrong := fresh()
	wrong.Key = (&keeper{key: otherKey}).verifier(t)
	c, signed = h.grow(1)
	_, err = wrong.Cosign(t.Context(), c, signed, h.hashes)
	require.ErrorContains(t, err, "the answer of witness w")
}

// FuzzDecode: whatever stands in an anchor file, what is read of it is what a
// collector could have written, line by line.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-25T12:00:00Z","note":"a\n"}` + "\n"))
	f.Add([]byte("x\n"))
	f.Add([]byte(`{"note":1}` + "\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		held, err := decode(raw, "f")
		if err != nil {
			assert.Nil(t, held)
			return
		}
		assert.Len(t, held, strings.Count(string(raw), "\n"))
		for _, h := range held {
			again, err := encode(h.Note, now)
			require.NoError(t, err)
			var l line
			require.NoError(t, json.Unmarshal(again, &l))
			assert.Equal(t, h.Note, l.Note)
		}
	})
}
