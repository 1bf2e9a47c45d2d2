package chdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// Setting is a ClickHouse setting by name; the value is text.
type Setting struct{ Name, Value string }

// Options say how to open an engine.
type Options struct {
	// Library is the path of libchdb, from Install or Installed.
	Library string
	// Path is the storage directory. One engine per process, one process per path.
	Path string
	// Connections bounds the queries that run at once, for writers and for
	// readers each; 0 means 4.
	Connections int
	// Base are settings every query starts from.
	Base []Setting
}

// Query is one statement and what belongs to it alone.
type Query struct {
	SQL, Format, Database string
	Params                []Param
	Settings              []Setting
	// ReadOnly runs it with readonly=2, as ClickHouse does for GET.
	ReadOnly bool
	// KeepsState says that the statement changes its connection (SET, USE,
	// a temporary table); the connection is thrown away afterwards.
	KeepsState bool
}

// Engine runs queries in this process. It is safe for concurrent use.
type Engine struct {
	lib    *library
	opts   Options
	base   map[string]string
	keep   *handle // never used for queries: closing the last connection stops the engine
	mu     sync.Mutex
	closed bool         // guarded by mu
	idle   [2][]*handle // by ReadOnly
	slot   [2]chan struct{}
}

// Open boots the engine on a path.
func Open(opts Options) (*Engine, error) {
	if opts.Connections <= 0 {
		opts.Connections = 4
	}
	lib, err := loadLibrary(opts.Library)
	if err != nil {
		return nil, err
	}
	e := &Engine{lib: lib, opts: opts, base: map[string]string{}}
	for _, s := range opts.Base {
		e.base[s.Name] = s.Value
	}
	for i := range e.slot {
		e.slot[i] = make(chan struct{}, opts.Connections)
	}
	if e.keep, err = e.dial(false); err != nil {
		return nil, err
	}
	return e, nil
}

// ErrClosed means that the engine was asked after its end.
var ErrClosed = errors.New("the engine is closed")

// Close waits for the running queries, until ctx ends, and shuts the engine down.
// A query that goes on for longer cannot be stopped: it ends with the process,
// and the error says so. Closing twice is harmless.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if closed {
		return nil
	}
	for _, slot := range e.slot {
		for range e.opts.Connections {
			select {
			case slot <- struct{}{}: // never given back: no query may begin
			case <-ctx.Done():
				return fmt.Errorf("closing the engine while a query runs: %w", ctx.Err())
			}
		}
	}
	for _, list := range e.idle {
		for _, c := range list {
			e.lib.closeConn(c)
		}
	}
	e.lib.closeConn(e.keep)
	return nil
}

// open reports whether queries may begin.
func (e *Engine) open() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.closed
}

func (e *Engine) dial(readOnly bool) (*handle, error) {
	args := [][]byte{cstring("spanwarden"), cstring("--path=" + e.opts.Path)}
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]*byte, len(args)+1)
	for i := range args {
		pin.Pin(&args[i][0])
		argv[i] = &args[i][0]
	}
	conn := e.lib.connect(int32(len(args)), &argv[0])
	if conn == nil || *conn == 0 {
		return nil, fmt.Errorf("opening the engine on %s failed", e.opts.Path)
	}
	settings := append([]Setting(nil), e.opts.Base...)
	if readOnly {
		settings = append(settings, Setting{"readonly", "2"})
	}
	if err := e.set(conn, settings); err != nil {
		e.lib.closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// Query runs one statement. A failure of the engine is an *Error. The context
// bounds the wait for a connection only.
func (e *Engine) Query(ctx context.Context, q Query) (*Result, error) {
	kind := 0
	if q.ReadOnly {
		kind = 1
	}
	if !e.open() {
		return nil, ErrClosed
	}
	select {
	case e.slot[kind] <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a free connection: %w", ctx.Err())
	}
	defer func() { <-e.slot[kind] }()
	conn, err := e.take(kind)
	if err != nil {
		return nil, err
	}
	clean := false
	defer func() { e.give(kind, conn, clean && !q.KeepsState) }()
	if q.Database != "" {
		if _, err := e.lib.run(conn, "USE "+QuoteName(q.Database), "Null", nil); err != nil {
			return nil, err
		}
	}
	if err := e.set(conn, q.Settings); err != nil {
		return nil, err
	}
	res, err := e.lib.run(conn, q.SQL, q.Format, q.Params)
	clean = e.reset(conn, q.Settings) == nil
	return res, err
}

func (e *Engine) take(kind int) (*handle, error) {
	e.mu.Lock()
	if n := len(e.idle[kind]); n > 0 {
		conn := e.idle[kind][n-1]
		e.idle[kind] = e.idle[kind][:n-1]
		e.mu.Unlock()
		return conn, nil
	}
	e.mu.Unlock()
	return e.dial(kind == 1)
}

func (e *Engine) give(kind int, conn *handle, clean bool) {
	if !clean {
		e.lib.closeConn(conn)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle[kind] = append(e.idle[kind], conn)
}

// set applies settings to a connection in one statement.
func (e *Engine) set(conn *handle, settings []Setting) error {
	if len(settings) == 0 {
		return nil
	}
	parts := make([]string, len(settings))
	for i, s := range settings {
		if !isName(s.Name) {
			return &Error{Text: fmt.Sprintf("Code: 115. DB::Exception: Unknown setting '%s'. (UNKNOWN_SETTING)", s.Name)}
		}
		parts[i] = s.Name + " = " + QuoteString(s.Value)
	}
	_, err := e.lib.run(conn, "SET "+strings.Join(parts, ", "), "Null", nil)
	return err
}

// reset puts settings back to the base, or to the engine's own defaults.
func (e *Engine) reset(conn *handle, settings []Setting) error {
	errs := make([]error, 0, len(settings))
	for _, s := range settings {
		sql := "SET " + s.Name + " = DEFAULT"
		if v, ok := e.base[s.Name]; ok {
			sql = "SET " + s.Name + " = " + QuoteString(v)
		}
		_, err := e.lib.run(conn, sql, "Null", nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

var escaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// QuoteString writes s as a string literal of ClickHouse.
func QuoteString(s string) string { return "'" + escaper.Replace(s) + "'" }

// QuoteName writes s as an identifier of ClickHouse.
func QuoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
