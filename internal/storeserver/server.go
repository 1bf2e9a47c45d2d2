package storeserver

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// Engine runs one statement. *chdb.Engine is one.
type Engine interface {
	Query(ctx context.Context, q chdb.Query) (*chdb.Result, error)
}

// Options are the server's choices. The zero value is usable.
type Options struct {
	// Database is used where a request names none. "" means "default".
	Database string
	// User and Password are asked for if User is set; else nobody is.
	User, Password string
	// Incoming is the folder for the rows of inserts while they are on their
	// way; "" means the system's temporary folder.
	Incoming string
	// MaxQueryBytes and MaxInsertBytes bound one request's statement and rows,
	// after decompression. 0 means 16 MiB and 1 GiB.
	MaxQueryBytes, MaxInsertBytes int64
	// Free says how many bytes of the store's disk are free; nil where nobody knows.
	Free func() (uint64, error)
}

// Server answers ClickHouse's HTTP interface. Safe for concurrent use.
type Server struct {
	engine Engine
	opts   Options
}

// New returns a handler around an engine.
func New(engine Engine, opts Options) *Server {
	if opts.MaxQueryBytes <= 0 {
		opts.MaxQueryBytes = 16 << 20
	}
	if opts.MaxInsertBytes <= 0 {
		opts.MaxInsertBytes = 1 << 30
	}
	return &Server{engine: engine, opts: opts}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", "spanwarden")
	w.Header().Set("X-ClickHouse-Timezone", "UTC")
	switch {
	case r.URL.Path == "/ping" || r.URL.Path == "/replicas_status":
		writeText(w, "Ok.\n")
	case r.URL.Path != "/" && r.URL.Path != "/query":
		fail(w, &chdb.Error{Text: "There is no handle " + r.URL.Path + "\nUse / or /ping for health checks, and POST queries, or send GET /?query=... for SQL queries.\n"}, http.StatusNotFound)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		fail(w, exception(codeNotImplemented, "HTTP method %s is not supported; use GET or POST", r.Method), 0)
	default:
		s.query(w, r)
	}
}

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("query_id")
	if id == "" {
		id = newQueryID()
	}
	w.Header().Set("X-ClickHouse-Query-Id", id)
	if err := s.authenticate(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
		fail(w, err, 0)
		return
	}
	c, err := s.read(r)
	if err != nil {
		fail(w, err, 0)
		return
	}
	defer c.close()
	if c.query.SQL == "" {
		writeText(w, "Ok.\n") // as ClickHouse answers a bare GET /
		return
	}
	result, err := s.engine.Query(r.Context(), c.query)
	if err != nil {
		fail(w, err, 0)
		return
	}
	w.Header().Set("X-ClickHouse-Format", c.query.Format)
	w.Header().Set("X-ClickHouse-Summary", summary(result, c.rowsBytes))
	w.Header().Set("Content-Type", contentType(c.query.Format))
	if err := c.write(w, result.Body); err != nil && !errors.Is(err, context.Canceled) {
		// The status has left; a cut answer is all that can still be said.
		panic(http.ErrAbortHandler)
	}
}

// summary tells what the library tells; it does not count written rows.
func summary(r *chdb.Result, written int64) string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_bytes":"%d","result_rows":"%d","result_bytes":"%d"}`,
		r.StorageRowsRead, r.BytesRead, written, r.RowsRead, len(r.Body))
}

func contentType(format string) string {
	switch format {
	case "JSON", "JSONCompact", "JSONStrings", "JSONColumnsWithMetadata":
		return "application/json; charset=UTF-8"
	case "JSONEachRow", "JSONLines", "NDJSON":
		return "application/x-ndjson; charset=UTF-8"
	case "CSV", "CSVWithNames":
		return "text/csv; charset=UTF-8; header=absent"
	case "TabSeparated", "TSV", "":
		return "text/tab-separated-values; charset=UTF-8"
	case "Native", "RowBinary", "Parquet", "Arrow":
		return "application/octet-stream"
	default:
		return "text/plain; charset=UTF-8"
	}
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = io.WriteString(w, text) // a client that has left cannot be told
}

// newQueryID returns a random UUID.
func newQueryID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// authenticate takes credentials from wherever ClickHouse's clients put them.
func (s *Server) authenticate(r *http.Request) error {
	if s.opts.User == "" {
		return nil
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	if user == "" {
		user, password = r.URL.Query().Get("user"), r.URL.Query().Get("password")
	}
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(s.opts.User))
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(s.opts.Password))
	if sameUser&samePassword == 1 {
		return nil
	}
	if user == "" {
		user = "default"
	}
	return exception(codeAuthenticationFailed, "%s: Authentication failed: password is incorrect, or there is no user with such name", user)
}

// fail writes an exception as ClickHouse does. status 0 means the one that
// belongs to the exception's code.
func fail(w http.ResponseWriter, err error, status int) {
	code := codeOf(err)
	if status == 0 {
		status = httpStatus(code)
	}
	if code != 0 {
		w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, err.Error()+"\n") // a client that has left cannot be told
}
