// Package oplog is the log of the people who run the store: what they answer to
// findings, the holds they place, the rows they take out. What they write is sealed
// as a collector's rows are. A session is one call of the command line; it ends with
// a leaf that says so, and nobody waits for a heartbeat.
package oplog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
	"github.com/spanwarden/spanwarden/internal/audit/journal"
	"github.com/spanwarden/spanwarden/internal/audit/sealing"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Options say where the journal is and who is at work.
type Options struct {
	// Directory holds the key and, for each store, a journal.
	Directory string
	KeyFile   string // default: key in Directory
	By        string // who does it
	Command   string // what is done
	Build     string
	// Wait bounds how long another session with the store is waited for.
	Wait time.Duration
}

// Session is one call. It is not safe for concurrent use.
type Session struct {
	Public string // the key that signs
	NewKey bool   // it was made just now

	link sealing.Link
}

// role marks a log of people: nobody waits for its heartbeats.
const role = "operator"

// Open begins a session with the database that conn is connected to. Sessions with
// one store follow each other.
func Open(ctx context.Context, conn driver.Conn, store *clickhouse.Options, o Options) (s *Session, err error) {
	key := o.KeyFile
	if key == "" {
		key = filepath.Join(o.Directory, "key")
	}
	host, _ := os.Hostname() // a name is made up where there is none
	j, err := openJournal(ctx, &journal.Options{
		Directory: filepath.Join(o.Directory, storeName(store)), KeyFile: key, Host: "operator-" + host, Slots: 1,
		Detail: map[string]string{"role": role, "build": o.Build},
	}, o.Wait)
	if err != nil {
		return nil, fmt.Errorf("opening the operator's log: %w", err)
	}
	s = &Session{Public: j.Public, NewKey: j.NewKey}
	defer func() {
		if err != nil {
			s.link.Sender.Close()
			err = errors.Join(err, j.Close())
		}
	}()
	s.link = sealing.Link{Conn: conn, Journal: j, Sender: insert.New(store, store.Auth.Database, insert.None)}
	if version, err := conn.ServerVersion(); err == nil {
		s.link.Sender.ServerVersion(version.Version.Major, version.Version.Minor)
	}
	suffix, err := audit.ReadSuffix(ctx, conn)
	if err != nil {
		return nil, err
	}
	s.link.Table = func(name string) string { return name + suffix }
	return s, s.begin(ctx, &o)
}

// begin says who is at work, before anything is written: the log is open then, and a
// crash is no more than that.
func (s *Session) begin(ctx context.Context, o *Options) error {
	if _, err := s.link.Meet(ctx, time.Now()); err != nil {
		return fmt.Errorf("bringing the operator's log and the store together: %w", err)
	}
	detail, err := s.link.Peers(ctx)
	if err != nil {
		return err
	}
	maps.Copy(detail, map[string]string{"by": o.By, "command": o.Command})
	return s.Append(ctx, tlog.Heartbeat, detail)
}

// openJournal waits for another session to end.
func openJournal(ctx context.Context, o *journal.Options, wait time.Duration) (*journal.Journal, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		j, err := journal.Open(*o, time.Now())
		if !errors.Is(err, journal.ErrInUse) {
			return j, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; another call is at work since %s or longer", err, wait)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// storeName is the folder of a store's journal: one log never goes to two stores.
func storeName(o *clickhouse.Options) string {
	return strings.Trim(notInName.ReplaceAllString(strings.Join(o.Addr, "-")+"-"+o.Auth.Database, "-"), "-.")
}

// Insert stores what encode makes for the writer, and its leaf. The rows bear the
// time observed, in ns since 1970.
func (s *Session) Insert(ctx context.Context, observed int64, encode func(audit.Writer) (*audit.Encoded, error)) error {
	b, err := encode(s.link.Journal.Writer())
	if err != nil {
		return err
	}
	if err := s.link.Insert(ctx, b, observed, time.Now()); err != nil {
		return err
	}
	return s.link.Flush(ctx)
}

// Append adds a leaf that is no batch. The store has it when Append returns.
func (s *Session) Append(ctx context.Context, kind string, detail map[string]string) error {
	if err := s.link.Journal.Append(kind, detail, time.Now()); err != nil {
		return err
	}
	return s.link.Flush(ctx)
}

// endWithin bounds the last words.
const endWithin = 10 * time.Second

// Close ends the session. Where the store does not hear of it, the next one brings
// it.
func (s *Session) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	err := s.Append(ctx, tlog.Stop, nil)
	if err == nil {
		err = s.link.Checkpoint(ctx, time.Now())
	}
	if err != nil {
		err = fmt.Errorf("ending the operator's log, which the next call makes good: %w", err)
	}
	s.link.Sender.Close()
	return errors.Join(err, s.link.Journal.Close())
}
