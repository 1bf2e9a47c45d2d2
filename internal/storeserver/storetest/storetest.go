// Package storetest gives tests the real embedded store, in a process of its own
// that they may kill.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spanwarden/spanwarden/internal/chdb"
)

// Store is a running store. Kill and Restart keep its address and its folder.
type Store struct {
	tb   testing.TB
	addr string
	path string
	args []string

	cmd    *exec.Cmd
	output *bytes.Buffer
	exited chan struct{}
}

// binary builds the command-line tool once per test process.
var binary = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/spanwarden/spanwarden").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	dir, err := os.MkdirTemp("", "spanwarden-storetest-")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "spanwarden")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/spanwarden")
	cmd.Dir = strings.TrimSpace(string(root))
	if log, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the store: %w: %s", err, log)
	}
	return out, nil
})

// Start starts a store on a free port and stops it when the test ends; flags are
// further flags of `spanwarden store serve`. A machine without the engine fails
// the test, unless SPANWARDEN_NO_ENGINE=1 says that it has none. With -short it is
// skipped.
func Start(tb testing.TB, flags ...string) *Store {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the engine")
	}
	if _, err := chdb.Installed(); err != nil {
		if os.Getenv("SPANWARDEN_NO_ENGINE") == "1" {
			tb.Skip("SPANWARDEN_NO_ENGINE=1: ", err)
		}
		tb.Fatal(err, " (or set SPANWARDEN_NO_ENGINE=1 to skip)")
	}
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Store{tb: tb, addr: l.Addr().String(), path: tb.TempDir(), args: flags}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	s.Restart()
	tb.Cleanup(s.stop)
	return s
}

// URL is the address of the HTTP interface.
func (s *Store) URL() string { return "http://" + s.addr }

// DSN is what clickhouse-go and the exporter take.
func (s *Store) DSN() string { return s.URL() + "/spanwarden" }

// Path is the folder of the store.
func (s *Store) Path() string { return s.path }

// Binary is the command-line tool, built once per test process.
func Binary(tb testing.TB) string {
	tb.Helper()
	exe, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	return exe
}

var databases atomic.Int64

// Database creates a database of the test's own and returns its DSN.
func (s *Store) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL(), strings.NewReader("CREATE DATABASE "+name))
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		tb.Fatal("creating a database: ", resp.Status)
	}
	return s.URL() + "/" + name
}

// Restart starts the store again and waits until it answers.
func (s *Store) Restart() {
	s.tb.Helper()
	exe := Binary(s.tb)
	s.output = &bytes.Buffer{}
	s.cmd = exec.Command(exe, append([]string{"store", "serve", "--path", s.path, "--listen", s.addr}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		_ = cmd.Wait() // how it ended stands in its output
		close(exited)
	}()
	if err := s.answers(); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Store) answers() error {
	deadline := time.After(time.Minute)
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("the store ended: %s", s.output)
		case <-deadline:
			return errors.New("the store did not answer within a minute")
		case <-time.After(20 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL()+"/ping", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			return nil
		}
	}
}

// Kill ends the store as a crash would (SIGKILL).
func (s *Store) Kill() {
	_ = s.cmd.Process.Kill() // fails only where it has ended already
	<-s.exited
}

func (s *Store) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails only where it has ended already
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		s.Kill()
		s.tb.Error("the store did not stop within 30 seconds")
	}
}
