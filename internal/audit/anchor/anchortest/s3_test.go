package anchortest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// gateway is a running S3 server.
type gateway struct {
	*testing.T
	url string
}

const (
	keyID  = "operator"
	secret = "a secret key"
)

func startGateway(t *testing.T) *gateway {
	t.Helper()
	program := filepath.Join(t.TempDir(), "versitygw")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/versity/versitygw/cmd/versitygw").CombinedOutput()
	require.NoError(t, err, string(out))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	data, versions := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "versions")
	require.NoError(t, os.Mkdir(data, 0o700))
	require.NoError(t, os.Mkdir(versions, 0o700))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--port", addr, "--access", keyID, "--secret", secret, "posix", "--versioning-dir", versions, data)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	g := &gateway{t, "http://" + addr}
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		return err == nil && conn.Close() == nil
	}, 30*time.Second, 20*time.Millisecond)
	return g
}

// ask sends a request that is signed here.
func (g *gateway) ask(method, path string, header http.Header) (int, string) {
	g.Helper()
	req, err := http.NewRequestWithContext(g.Context(), method, g.url+path, http.NoBody)
	require.NoError(g, err)
	for k, v := range header {
		req.Header[k] = v
	}
	sum := sha256.Sum256(nil)
	payload := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", payload)
	require.NoError(g, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(g.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, req, payload, "s3", "us-east-1", time.Now()))
	res, err := http.DefaultClient.Do(req)
	require.NoError(g, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(g, err)
	require.NoError(g, res.Body.Close())
	return res.StatusCode, string(body)
}

type history struct {
	*testing.T
	signer note.Signer
	public string
	leaves []tlog.Hash
}

func newHistory(t *testing.T) *history {
	t.Helper()
	private, public, err := tlog.NewKey("k")
	require.NoError(t, err)
	signer, err := note.NewSigner(private)
	require.NoError(t, err)
	return &history{t, signer, public, nil}
}

func (h *history) grow(n int) (*tlog.Checkpoint, string) {
	h.Helper()
	var tree tlog.Tree
	for range n {
		l := tlog.Leaf{Writer: "one", Epoch: 1, Seq: uint64(len(h.leaves)), Kind: tlog.Heartbeat}
		h.leaves = append(h.leaves, l.Hash())
	}
	for _, leaf := range h.leaves {
		tree.Append(leaf)
	}
	c := &tlog.Checkpoint{Writer: "one", Epoch: 1, Size: tree.Size(), Root: tree.Root()}
	signed, err := c.Sign(h.signer)
	require.NoError(h, err)
	return c, signed
}

func (h *history) hashes(_ context.Context, first, last int64) ([]tlog.Hash, error) {
	return h.leaves[min(first, int64(len(h.leaves))):min(last, int64(len(h.leaves)))], nil
}

// A bucket with object lock: what was put is there, is not replaced, cannot be
// deleted, and is read back although somebody hid it.
func TestS3(t *testing.T) {
	g := startGateway(t)
	status, body := g.ask(http.MethodPut, "/evidence", http.Header{"X-Amz-Bucket-Object-Lock-Enabled": {"true"}})
	require.Equal(t, http.StatusOK, status, body)
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	s := &anchor.S3{Client: http.DefaultClient, Endpoint: g.url, Bucket: "evidence", Prefix: "shop a/b+c", Retain: time.Hour, LockMode: anchor.Compliance}
	h := newHistory(t)
	want := map[string]bool{}
	for range 5 {
		c, signed := h.grow(3)
		uri, err := s.Put(t.Context(), c, signed, time.Now())
		require.NoError(t, err)
		assert.Contains(t, uri, "s3://evidence/shop a/b+c/one.1/")
		_, err = s.Put(t.Context(), c, signed, time.Now())
		require.NoError(t, err, "the same again")
		want[signed] = true
	}
	place := "s3://evidence/shop%20a/b%2Bc?endpoint=" + g.url
	read := func() map[string]bool {
		held, _, err := anchor.Read(t.Context(), place, anchor.Limits{Now: time.Now()})
		require.NoError(t, err)
		got := map[string]bool{}
		for _, h := range held {
			got[h.Note] = true
		}
		return got
	}
	assert.Equal(t, want, read())

	forger := newHistory(t)
	forger.leaves = []tlog.Hash{{1}}
	c, signed := forger.grow(2)
	_, err := s.Put(t.Context(), c, signed, time.Now())
	require.ErrorContains(t, err, "one of the two histories is false")

	object := "/evidence/shop%20a/b%2Bc/one.1/00000000000000000015.checkpoints"
	status, body = g.ask(http.MethodHead, object, nil)
	require.Equal(t, http.StatusOK, status, body)
	status, body = g.ask(http.MethodDelete, object, nil)
	t.Log("hiding it by a delete marker: ", status, body)
	assert.Equal(t, want, read(), "hidden and still read")

	for name, bad := range map[string]*anchor.S3{
		"another key": {Client: http.DefaultClient, Endpoint: g.url, Bucket: "evidence", AccessKeyID: keyID, SecretAccessKey: "x"},
		"no bucket":   {Client: http.DefaultClient, Endpoint: g.url, Bucket: "nowhere"},
	} {
		_, err := bad.Put(t.Context(), c, signed, time.Now())
		assert.ErrorContains(t, err, "it answered 40", name)
	}
	_, _, err = anchor.Read(t.Context(), "s3://nowhere?endpoint="+g.url, anchor.Limits{Now: time.Now()})
	assert.ErrorContains(t, err, "NoSuchBucket")
}
