package clickhouseauditexporter

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
)

// defaultTimeout bounds one push. An insert of a full block on a loaded server
// takes seconds.
const defaultTimeout = 30 * time.Second

// store is the audit store as the exporter sees it. mu guards what is learnt when
// the schema is first reached; inserts run without it.
type store struct {
	cfg      *Config
	opts     *clickhouse.Options
	database string
	sender   *insert.Sender

	mu    sync.Mutex
	ready bool
}

func openStore(ctx context.Context, cfg *Config) (*store, error) {
	opts, err := audit.ParseDSN(string(cfg.DSN))
	if err != nil {
		return nil, err
	}
	s := &store{cfg: cfg, opts: opts, database: databaseOf(cfg, opts)}
	if cfg.Username != "" {
		opts.Auth.Username = cfg.Username
	}
	if cfg.Password != "" {
		opts.Auth.Password = string(cfg.Password)
	}
	opts.Auth.Database = "default" // ours may not exist yet
	if opts.TLS != nil {
		conf, err := cfg.TLS.LoadTLSConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if conf == nil {
			conf = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		// ?skip_verify=true in the DSN is a choice of the operator as well.
		conf.InsecureSkipVerify = conf.InsecureSkipVerify || opts.TLS.InsecureSkipVerify
		opts.TLS = conf
	}
	s.sender = insert.New(opts, s.database, cfg.Compression)
	return s, nil
}

// databaseOf takes the DSN's database where the key is left at its default.
func databaseOf(cfg *Config, opts *clickhouse.Options) string {
	if db := opts.Auth.Database; cfg.Database == audit.DefaultDatabase && db != "" && db != "default" {
		return db
	}
	return cfg.Database
}

// prepare reaches the server once: it learns the version and, where asked to,
// migrates the schema. It is cheap once that has succeeded.
func (s *store) prepare(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	conn, err := clickhouse.Open(s.opts)
	if err != nil {
		return fmt.Errorf("connecting to the store: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	version, err := conn.ServerVersion()
	if err != nil {
		return fmt.Errorf("connecting to the store: %w", err)
	}
	if s.cfg.CreateSchema {
		schema := s.cfg.schema()
		schema.Database = s.database
		if _, err := audit.Migrate(ctx, conn, schema); err != nil {
			return err
		}
	}
	s.sender.ServerVersion(version.Version.Major, version.Version.Minor)
	s.ready = true
	return nil
}

// forget makes the next push look at the schema again.
func (s *store) forget() {
	s.mu.Lock()
	s.ready = false
	s.mu.Unlock()
}
