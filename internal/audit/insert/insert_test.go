package insert

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// server keeps what it was sent and answers as told.
type server struct {
	mu     sync.Mutex
	code   string
	status int
	text   string
	asked  []url.Values
	bodies []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case Gzip:
		body, _ = gzip.NewReader(r.Body)
	case Zstd:
		body, _ = zstd.NewReader(r.Body)
	}
	text, _ := io.ReadAll(body)
	s.asked, s.bodies = append(s.asked, r.URL.Query()), append(s.bodies, string(text))
	if s.code != "" {
		w.Header().Set("X-ClickHouse-Exception-Code", s.code)
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	_, _ = io.WriteString(w, s.text)
}

func start(t *testing.T, s *server, params, compression string) *Sender {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	opts, err := audit.ParseDSN(strings.Replace(srv.URL, "http://", "http://user:hunter2@", 1) + params)
	require.NoError(t, err)
	sender := New(opts, "db", compression)
	t.Cleanup(sender.Close)
	return sender
}

func block(t *testing.T, id string) *audit.Encoded {
	t.Helper()
	b, err := audit.EncodeFindings([]audit.FindingRow{{ID: id, State: audit.Closed}})
	require.NoError(t, err)
	return b
}

func TestInsertsAreWhatTheBlockSays(t *testing.T) {
	for _, compression := range Compressions() {
		s := &server{}
		sender := start(t, s, "?max_execution_time=7", compression)
		b := block(t, "f")
		require.NoError(t, sender.Insert(t.Context(), b))
		require.Len(t, s.bodies, 1)
		assert.Equal(t, string(b.Native), s.bodies[0], compression)
		q := s.asked[0]
		assert.True(t, strings.HasPrefix(q.Get("query"), "INSERT INTO `db`.`finding_events` (`tenant_id`, "), q.Get("query"))
		assert.Equal(t, b.Token, q.Get("insert_deduplication_token"))
		assert.Equal(t, "0", q.Get("async_insert"))
		assert.Equal(t, "enable", q.Get("deduplicate_insert"))
		assert.Equal(t, "7", q.Get("max_execution_time"), "settings of the address count")
		sender.ServerVersion(25, 8)
		require.NoError(t, sender.Insert(t.Context(), b))
		assert.Equal(t, "1", s.asked[1].Get("insert_deduplicate"), "as older servers call it")
		assert.Empty(t, s.asked[1].Get("deduplicate_insert"))
	}
}

func TestErrorsSayWhatTheStoreSaid(t *testing.T) {
	for name, s := range map[string]*server{
		"an exception":                {code: "16", status: http.StatusNotFound, text: "no such column"},
		"one after the headers":       {text: "__exception__\r\nno such column"},
		"one that says it in a 200":   {code: "16", text: "no such column"},
		"a proxy that is no database": {status: http.StatusBadGateway, text: "no such column"},
	} {
		err := start(t, s, "", None).Insert(t.Context(), block(t, "f"))
		var status *StatusError
		require.ErrorAs(t, err, &status, name)
		assert.ErrorContains(t, err, "inserting into finding_events", name)
		assert.ErrorContains(t, err, "no such column", name)
		assert.NotContains(t, err.Error(), "hunter2", name)
		assert.Equal(t, s.code == "16", status.Exception == 16, name)
	}
}

// A retry goes where the block went, whoever retries.
func TestABlockAlwaysGoesToTheSameServer(t *testing.T) {
	opts, err := audit.ParseDSN("http://a:1,b:1,c:1")
	require.NoError(t, err)
	one, other := New(opts, "db", None), New(opts, "db", None)
	used := map[string]bool{}
	for i := range 64 {
		token := block(t, string(rune('a'+i))).Token
		assert.Equal(t, one.addressFor(token), other.addressFor(token))
		used[one.addressFor(token)] = true
	}
	assert.Len(t, used, 3)
}
