package storeserver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// engine notes what it was asked and, for an insert, the rows on disk.
type engine struct {
	asked chdb.Query
	rows  string
	body  string
	err   error
}

func (e *engine) Query(_ context.Context, q chdb.Query) (*chdb.Result, error) {
	e.asked = q
	if _, rest, ok := strings.Cut(q.SQL, "FROM INFILE '"); ok {
		file, _, _ := strings.Cut(rest, "'")
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		e.rows = string(raw)
		e.asked.SQL = strings.Replace(q.SQL, file, "FILE", 1)
	}
	return &chdb.Result{Body: []byte(e.body)}, e.err
}

func ask(t *testing.T, e *engine, opts Options, method, target, body string, header http.Header) *http.Response {
	t.Helper()
	opts.Incoming = t.TempDir()
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	maps.Copy(req.Header, header)
	w := httptest.NewRecorder()
	New(e, opts).ServeHTTP(w, req)
	left, err := os.ReadDir(opts.Incoming)
	require.NoError(t, err)
	assert.Empty(t, left, "rows are removed once they are stored, or refused")
	return w.Result()
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name, method, target, body, header string
		want                               chdb.Query
		rows                               string
		status                             int // 0 means 200
	}{
		{name: "in the URL", method: "GET", target: "/?query=SELECT+1", want: chdb.Query{SQL: "SELECT 1", Format: "TabSeparated", ReadOnly: true}},
		{name: "in the body", method: "POST", target: "/", body: "SELECT 1", want: chdb.Query{SQL: "SELECT 1", Format: "TabSeparated"}},
		{name: "in both", method: "POST", target: "/?query=SELECT", body: "1", want: chdb.Query{SQL: "SELECT\n1", Format: "TabSeparated"}},
		{name: "format clause", method: "POST", target: "/?default_format=CSV", body: "SELECT 'FORMAT x' FORMAT JSON", want: chdb.Query{SQL: "SELECT 'FORMAT x' FORMAT JSON", Format: "JSON"}},
		{name: "default format", method: "POST", target: "/?default_format=CSV", body: "SELECT 1", want: chdb.Query{SQL: "SELECT 1", Format: "CSV"}},
		{name: "database", method: "POST", target: "/?database=d", body: "SELECT 1", want: chdb.Query{SQL: "SELECT 1", Format: "TabSeparated", Database: "d"}},
		{name: "database header", method: "POST", target: "/", header: "X-Clickhouse-Database: h", body: "SELECT 1", want: chdb.Query{SQL: "SELECT 1", Format: "TabSeparated", Database: "h"}},
		{
			name: "parameters and settings", method: "POST", target: "/?param_x=1&max_threads=2&async_insert=0&query_id=q&user=u", body: "SELECT {x:Int}",
			want: chdb.Query{
				SQL: "SELECT {x:Int}", Format: "TabSeparated", Params: []chdb.Param{{Name: "x", Value: "1"}},
				Settings: []chdb.Setting{{Name: "async_insert", Value: "0"}, {Name: "max_threads", Value: "2"}},
			},
		},
		{name: "rows in the body", method: "POST", target: "/?query=INSERT+INTO+t+(a)+FORMAT+Native", body: "\x01\x00\xffrows", want: chdb.Query{SQL: "INSERT INTO t (a)  FROM INFILE 'FILE' FORMAT Native", Format: "Null"}, rows: "\x01\x00\xffrows"},
		{name: "rows after the statement", method: "POST", target: "/", body: "INSERT INTO t FORMAT CSV\n1,'a'\n2", want: chdb.Query{SQL: "INSERT INTO t  FROM INFILE 'FILE' FORMAT CSV\n", Format: "Null"}, rows: "1,'a'\n2"},
		{name: "settings in the statement", method: "POST", target: "/?query=INSERT+INTO+t+SETTINGS+a=1+FORMAT+CSV", body: "1", want: chdb.Query{SQL: "INSERT INTO t  FROM INFILE 'FILE' SETTINGS a=1 FORMAT CSV", Format: "Null"}, rows: "1"},
		{name: "values", method: "POST", target: "/", body: "INSERT INTO t VALUES (1, 'FORMAT CSV')", want: chdb.Query{SQL: "INSERT INTO t VALUES (1, 'FORMAT CSV')", Format: "TabSeparated"}},
		{name: "insert select", method: "POST", target: "/", body: "INSERT INTO t SELECT 1 FORMAT Null", want: chdb.Query{SQL: "INSERT INTO t SELECT 1 FORMAT Null", Format: "Null"}},
		{name: "stateful", method: "POST", target: "/", body: "SET a = 1", want: chdb.Query{SQL: "SET a = 1", Format: "TabSeparated", KeepsState: true}},
		{name: "temporary table", method: "POST", target: "/", body: "CREATE TEMPORARY TABLE x (a Int8)", want: chdb.Query{SQL: "CREATE TEMPORARY TABLE x (a Int8)", Format: "TabSeparated", KeepsState: true}},
		{name: "sessions", method: "POST", target: "/?session_id=1", body: "SELECT 1", status: 501},
		{name: "a client's file", method: "POST", target: "/", body: "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", status: 501},
		{name: "into a file", method: "POST", target: "/", body: "SELECT 1 INTO OUTFILE 'x'", status: 501},
		{name: "a drop that never returns", method: "POST", target: "/", body: "DROP TABLE t SYNC", status: 501},
		{name: "unknown path", method: "GET", target: "/metrics", status: 404},
		{name: "unknown method", method: "DELETE", target: "/", status: 501},
		{name: "bad revision", method: "POST", target: "/?client_protocol_version=x", body: "SELECT 1", status: 400},
		{name: "unknown encoding", method: "POST", target: "/", header: "Content-Encoding: snappy", body: "SELECT 1", status: 501},
		{name: "broken gzip", method: "POST", target: "/", header: "Content-Encoding: gzip", body: "SELECT 1", status: 400},
		{name: "broken frames", method: "POST", target: "/?decompress=1&query=INSERT+INTO+t+FORMAT+Native", body: "no frame at all, but long enough for a header", status: 400},
		{name: "long statement", method: "POST", target: "/", body: "SELECT '" + strings.Repeat("x", 2000) + "'", status: 413},
		{name: "many rows", method: "POST", target: "/?query=INSERT+INTO+t+FORMAT+CSV", body: strings.Repeat("1\n", 3000), status: 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &engine{}
			header := http.Header{}
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				header.Set(name, value)
			}
			resp := ask(t, e, Options{MaxQueryBytes: 1000, MaxInsertBytes: 4000}, c.method, c.target, c.body, header)
			if c.status != 0 {
				assert.Equal(t, c.status, resp.StatusCode)
				assert.Empty(t, e.asked.SQL, "the engine is not asked")
				return
			}
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, c.want, e.asked)
			assert.Equal(t, c.rows, e.rows)
			assert.NotEmpty(t, resp.Header.Get("X-ClickHouse-Query-Id"))
		})
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]int{
		"Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)":      404,
		"Code: 62. DB::Exception: syntax. (SYNTAX_ERROR)":         400,
		"Code: 115. DB::Exception: setting. (UNKNOWN_SETTING)":    404,
		"Code: 252. DB::Exception: parts. (TOO_MANY_PARTS)":       500,
		"something without a code":                                500,
		"Code: 164. DB::Exception: readonly. (READONLY)":          500,
		"Code: 497. DB::Exception: denied. (ACCESS_DENIED)":       403,
		"Code: 99999999999999999999. DB::Exception: nonsense (X)": 500,
	} {
		resp := ask(t, &engine{err: &chdb.Error{Text: text}}, Options{}, "POST", "/", "SELECT 1", nil)
		assert.Equal(t, want, resp.StatusCode, text)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), text)
	}
}

// On a full disk nothing changes a definition, and everything else goes on.
func TestRoom(t *testing.T) {
	full := Options{Free: func() (uint64, error) { return room - 1, nil }}
	for sql, want := range map[string]int{
		"ALTER TABLE t ADD COLUMN c String":                 500,
		" /* why */ create TABLE t (c String) ENGINE = Log": 500,
		"RENAME TABLE a TO b":                               500,
		"ALTER TABLE t DROP PARTITION 202601":               200,
		"DROP TABLE t":                                      200,
		"SELECT 1":                                          200,
		"INSERT INTO t VALUES (1)":                          200,
	} {
		resp := ask(t, &engine{}, full, "POST", "/", sql, nil)
		assert.Equal(t, want, resp.StatusCode, sql)
		if want != 200 {
			assert.Equal(t, "243", resp.Header.Get("X-ClickHouse-Exception-Code"), sql)
			assert.Equal(t, 200, ask(t, &engine{}, Options{Free: func() (uint64, error) { return room, nil }}, "POST", "/", sql, nil).StatusCode, sql)
		}
	}
}

func TestAuthentication(t *testing.T) {
	opts := Options{User: "u", Password: "p"}
	basic := func(user, password string) http.Header {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.SetBasicAuth(user, password)
		return r.Header
	}
	for _, c := range []struct {
		name, target string
		header       http.Header
		want         int
	}{
		{"nobody", "/", nil, 403},
		{"basic", "/", basic("u", "p"), 200},
		{"wrong password", "/", basic("u", "q"), 403},
		{"wrong user", "/", basic("v", "p"), 403},
		{"headers", "/", http.Header{"X-Clickhouse-User": {"u"}, "X-Clickhouse-Key": {"p"}}, 200},
		{"parameters", "/?user=u&password=p", nil, 200},
		{"empty password", "/?user=u", nil, 403},
	} {
		e := &engine{}
		resp := ask(t, e, opts, "POST", c.target, "SELECT 1", c.header)
		assert.Equal(t, c.want, resp.StatusCode, c.name)
		if c.want != 200 {
			assert.Empty(t, e.asked.SQL, c.name)
			assert.Equal(t, "516", resp.Header.Get("X-ClickHouse-Exception-Code"), c.name)
		}
	}
	assert.Equal(t, 200, ask(t, &engine{}, opts, "GET", "/ping", "", nil).StatusCode, "health checks have no user")
}

// Every encoding that a request may have is undone, and every one that a client
// accepts is one that it can undo.
func TestEncodings(t *testing.T) {
	type codec struct {
		write func(io.Writer) (io.WriteCloser, error)
		read  func(io.Reader) (io.Reader, error)
	}
	codecs := map[string]codec{
		"gzip":    {func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"deflate": {func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
		"br":      {func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil }, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
		"zstd":    {func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }},
		"lz4":     {func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil }, func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	}
	codecs["raw deflate"] = codec{write: func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) }}
	const sql = "SELECT 1, 2, 3, 4, 5"
	for name, c := range codecs {
		t.Run(name, func(t *testing.T) {
			var packed bytes.Buffer
			z, err := c.write(&packed)
			require.NoError(t, err)
			_, err = io.WriteString(z, sql)
			require.NoError(t, err)
			require.NoError(t, z.Close())
			e := &engine{body: strings.Repeat("answer\n", 100)}
			encoding := strings.TrimPrefix(name, "raw ")
			resp := ask(t, e, Options{}, "POST", "/?enable_http_compression=1", packed.String(),
				http.Header{"Content-Encoding": {encoding}, "Accept-Encoding": {"identity, " + encoding + ";q=0.5"}})
			assert.Equal(t, sql, e.asked.SQL)
			if c.read == nil {
				return
			}
			assert.Equal(t, encoding, resp.Header.Get("Content-Encoding"))
			r, err := c.read(resp.Body)
			require.NoError(t, err)
			body, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, e.body, string(body))
		})
	}
}

func TestFraming(t *testing.T) {
	z := compress.NewWriter(compress.LevelZero, compress.LZ4)
	var body bytes.Buffer
	for _, part := range []string{"first ", "second"} {
		require.NoError(t, z.Compress([]byte(part)))
		body.Write(z.Data)
	}
	e := &engine{body: strings.Repeat("x", 3*maxFrame+17)}
	resp := ask(t, e, Options{}, "POST", "/?decompress=1&query=INSERT+INTO+t+FORMAT+Native", body.String(), nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "first second", e.rows)

	resp = ask(t, e, Options{}, "POST", "/?compress=1", "SELECT 1", nil)
	answer, err := io.ReadAll(&frames{from: compress.NewReader(resp.Body)})
	require.NoError(t, err)
	assert.Equal(t, e.body, string(answer))
}
