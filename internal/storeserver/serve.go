package storeserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// ServeOptions say what to serve and where.
type ServeOptions struct {
	Library string // path of the engine, from chdb.Install
	Path    string // folder of the store; one process at a time
	Listen  string // host:port
	// Database is created if it is missing, and used where a request names none.
	Database       string
	User, Password string
	CertFile       string // with KeyFile: TLS
	KeyFile        string
	Connections    int    // queries at once, for writers and for readers each
	MaxMemory      uint64 // bytes one query may use; 0 means no bound
	// Ready is told once requests are answered.
	Ready func(address, engineVersion string)
}

// maxResultBytes bounds an answer, which is held in memory until it is sent.
const maxResultBytes = 1 << 30

// drain is how long running queries may take when the server is told to stop.
const drain = 20 * time.Second

// lastWait is how long the engine waits for a query that outlived the drain.
const lastWait = 2 * time.Second

// Serve runs the engine behind ClickHouse's HTTP interface until ctx ends.
func Serve(ctx context.Context, opts ServeOptions) (err error) {
	path, err := filepath.Abs(opts.Path)
	if err != nil {
		return fmt.Errorf("--path %s: %w", opts.Path, err)
	}
	unlock, err := lockFolder(path)
	if err != nil {
		return err
	}
	defer unlock()
	incoming, err := emptyFolder(filepath.Join(path, "incoming"))
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", opts.Listen, err)
	}
	defer func() { _ = listener.Close() }() // closed by the server in the good case
	engine, version, err := openEngine(ctx, &opts, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeEngine(ctx, engine)) }()
	handler := New(engine, Options{
		Database: opts.Database, User: opts.User, Password: opts.Password, Incoming: incoming,
		Free: func() (uint64, error) { return freeBytes(path) },
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	if opts.Ready != nil {
		opts.Ready(listener.Addr().String(), version)
	}
	return runServer(ctx, server, listener, &opts)
}

// closeEngine waits for running queries a little longer; they cannot be stopped,
// and what was acknowledged is safe without them.
func closeEngine(ctx context.Context, engine *chdb.Engine) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
	defer cancel()
	return engine.Close(closing)
}

func runServer(ctx context.Context, server *http.Server, listener net.Listener, opts *ServeOptions) error {
	failed := make(chan error, 1)
	go func() {
		if opts.CertFile != "" || opts.KeyFile != "" {
			failed <- server.ServeTLS(listener, opts.CertFile, opts.KeyFile)
			return
		}
		failed <- server.Serve(listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := server.Shutdown(stopping)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// openEngine boots the engine and makes sure of the database.
func openEngine(ctx context.Context, opts *ServeOptions, path string) (*chdb.Engine, string, error) {
	base := []chdb.Setting{
		{Name: "max_result_bytes", Value: strconv.Itoa(maxResultBytes)},
		{Name: "result_overflow_mode", Value: "throw"},
	}
	if opts.MaxMemory > 0 {
		base = append(base, chdb.Setting{Name: "max_memory_usage", Value: strconv.FormatUint(opts.MaxMemory, 10)})
	}
	engine, err := chdb.Open(chdb.Options{
		Library: opts.Library, Path: filepath.Join(path, "engine"), Connections: opts.Connections, Base: base,
	})
	if err != nil {
		return nil, "", err
	}
	version, err := engine.Query(ctx, chdb.Query{SQL: "SELECT version()", Format: "TabSeparatedRaw"})
	if err == nil && opts.Database != "" {
		_, err = engine.Query(ctx, chdb.Query{SQL: "CREATE DATABASE IF NOT EXISTS " + chdb.QuoteName(opts.Database) + " ENGINE = Atomic", Format: "Null"})
	}
	if err != nil {
		_ = closeEngine(ctx, engine) // the first error is the one to show
		return nil, "", fmt.Errorf("starting the engine on %s: %w", path, err)
	}
	return engine, string(trimLine(version.Body)), nil
}

func trimLine(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// emptyFolder makes a folder and removes what an earlier crash left in it.
func emptyFolder(path string) (string, error) {
	if err := errors.Join(os.RemoveAll(path), os.MkdirAll(path, 0o700)); err != nil {
		return "", fmt.Errorf("preparing the folder for incoming rows: %w", err)
	}
	return path, nil
}

// ErrInUse means that another process serves the same folder.
var ErrInUse = errors.New("another process serves this folder")

// lockFolder holds a folder for this process; the lock ends with the process,
// however that ends.
func lockFolder(path string) (unlock func(), err error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("making the store's folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the store's folder: %w", err)
	}
	if err := flock(f); err != nil {
		_ = f.Close() // the first error is the one to show
		return nil, fmt.Errorf("%w: %s (%w)", ErrInUse, path, err)
	}
	return func() { _ = f.Close() }, nil
}
