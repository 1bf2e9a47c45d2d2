package storeserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// call is one request, read and ready to run. close removes what it left on disk.
type call struct {
	query     chdb.Query
	reply     reply
	incoming  string // file of the rows of an insert, "" if none
	rowsBytes int64
}

func (c *call) close() {
	if c.incoming != "" {
		_ = os.Remove(c.incoming) // the folder is emptied at the next start
	}
}

func (c *call) write(w http.ResponseWriter, body []byte) error { return c.reply.write(w, body) }

// Parameters of the URL that are not settings of the query.
var ownParameters = []string{
	"query", "database", "default_format", "compress", "decompress", "client_protocol_version", "user", "password",
	"quota_key", "query_id", "buffer_size", "wait_end_of_query", "enable_http_compression", "http_zlib_compression_level",
	"http_native_compression_disable_checksumming_on_decompress", "role", "stacktrace", "send_progress_in_http_headers",
	"http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close", "close_session", "client_time_zone",
}

// read turns an HTTP request into a query.
func (s *Server) read(r *http.Request) (*call, error) {
	values := r.URL.Query()
	if values.Get("session_id") != "" {
		return nil, exception(codeNotImplemented, "Sessions (session_id) are not supported by the embedded store; send settings with each query")
	}
	c := &call{}
	c.query.Database = first(values.Get("database"), r.Header.Get("X-ClickHouse-Database"), s.opts.Database)
	c.query.ReadOnly = r.Method != http.MethodPost
	if err := c.parameters(values); err != nil {
		return nil, err
	}
	if err := c.reply.choose(r, values); err != nil {
		return nil, err
	}
	body, err := requestBody(r, values)
	if err != nil {
		return nil, err
	}
	if err := s.statement(c, values, body, r); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// parameters sorts the URL's parameters into query parameters and settings.
func (c *call) parameters(values url.Values) error {
	for _, name := range sortedKeys(values) {
		if slices.Contains(ownParameters, name) {
			continue
		}
		value := values.Get(name)
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			c.query.Params = append(c.query.Params, chdb.Param{Name: param, Value: value})
			continue
		}
		if name == "readonly" && c.query.ReadOnly {
			continue // a GET is read-only already, and stays it
		}
		c.query.Settings = append(c.query.Settings, chdb.Setting{Name: name, Value: value})
	}
	if v := values.Get("client_protocol_version"); v != "" {
		revision, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return exception(codeBadArguments, "client_protocol_version must be a number, not %q", v)
		}
		c.reply.revision = revision
	}
	return nil
}

func sortedKeys(values url.Values) []string {
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// statement reads the SQL text, which stands in the URL, in the body or begins
// in the one and goes on in the other, and puts the rows of an insert on disk.
func (s *Server) statement(c *call, values url.Values, body io.Reader, r *http.Request) error {
	sql := values.Get("query")
	st := parse(sql)
	if st.insertEnd < 0 {
		// Rows may follow a statement in the body, so only its beginning is
		// certain to be text: read as much as a statement may have.
		text, err := readAtMost(body, s.opts.MaxQueryBytes)
		whole := err == nil
		if err != nil && !errors.Is(err, errTooLong) {
			return requestError(err)
		}
		if sql != "" && len(text) > 0 {
			sql += "\n"
		}
		sql += string(text)
		st = parse(sql)
		if !whole && st.insertEnd < 0 {
			return exception(codeQueryTooLarge, "The statement has more than %d bytes", s.opts.MaxQueryBytes)
		}
	}
	if st.localFile {
		return exception(codeNotImplemented, "INFILE and OUTFILE belong to a client; send the rows in the request")
	}
	if st.waitsForDrop {
		return exception(codeNotImplemented, "DROP ... SYNC never returns in the embedded engine; leave SYNC out")
	}
	if err := s.roomFor(st.verb, sql); err != nil {
		return err
	}
	c.query.KeepsState = st.stateful
	c.query.Format = first(st.format, values.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), "TabSeparated")
	if st.insertEnd < 0 {
		c.query.SQL = sql
		c.reply.native = c.query.Format == "Native"
		return nil
	}
	n, file, err := s.spool(io.MultiReader(strings.NewReader(sql[st.dataAt:]), body))
	if err != nil {
		return requestError(err)
	}
	c.incoming, c.rowsBytes = file, n
	// The engine's parser would cut binary rows in the text, so it reads a file.
	c.query.SQL = sql[:st.insertEnd] + " FROM INFILE " + chdb.QuoteString(file) + " " + sql[st.insertEnd:st.dataAt]
	c.query.Format = "Null"
	return nil
}

var errTooLong = errors.New("too long")

// readAtMost reads everything, or one byte more than limit and errTooLong.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return text, errTooLong
	}
	return text, nil
}

// requestError words what went wrong while the request was read.
func requestError(err error) error {
	if _, worded := errors.AsType[*chdb.Error](err); worded {
		return err
	}
	return exception(codeCannotDecompress, "Cannot read the request: %v", err)
}

// spool writes the rows of an insert to a file.
func (s *Server) spool(rows io.Reader) (n int64, path string, err error) {
	f, err := os.CreateTemp(s.opts.Incoming, "insert-*")
	if err != nil {
		return 0, "", fmt.Errorf("making room for the rows: %w", err)
	}
	n, err = io.Copy(f, io.LimitReader(rows, s.opts.MaxInsertBytes+1))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil && n > s.opts.MaxInsertBytes {
		err = exception(codeTooManyBytes, "The rows of one insert have more than %d bytes", s.opts.MaxInsertBytes)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the folder is emptied at the next start
		return 0, "", err
	}
	return n, f.Name(), nil
}
