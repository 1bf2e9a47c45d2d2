package clickhouseauditexporter

import (
	"context"
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// defaultTimeout bounds one push. An insert of a full block on a loaded server
// takes seconds.
const defaultTimeout = 30 * time.Second

// transport sends one block to one address. It may be called concurrently.
type transport interface {
	insert(ctx context.Context, addr, table string, block *audit.Encoded, settings map[string]string) error
	close()
}

// store is the audit store as the exporter sees it. mu guards what is learnt when
// the schema is first reached; inserts run without it.
type store struct {
	cfg      *Config
	opts     *clickhouse.Options
	database string
	sender   transport

	mu     sync.Mutex
	ready  bool
	legacy bool // a server before 26.2, which names its dedup setting differently
}

func openStore(ctx context.Context, host component.Host, set component.TelemetrySettings, cfg *Config) (*store, error) {
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
	if opts.Protocol == clickhouse.HTTP {
		s.sender = newHTTPSender(opts, cfg.Compression)
	} else {
		s.sender = newNativeSender(opts, set.Logger)
	}
	_ = host
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
	major, minor := version.Version.Major, version.Version.Minor
	s.legacy = major < 26 || (major == 26 && minor < 2)
	s.ready = true
	return nil
}

// forget makes the next push look at the schema again.
func (s *store) forget() {
	s.mu.Lock()
	s.ready = false
	s.mu.Unlock()
}

func (s *store) insert(ctx context.Context, block *audit.Encoded) error {
	table := "`" + s.database + "`.`" + block.Table + "`"
	if err := s.sender.insert(ctx, s.addressFor(block.Token), table, block, s.settings(block.Token)); err != nil {
		return fmt.Errorf("inserting into %s: %w", block.Table, err)
	}
	return nil
}

// addressFor chooses by content, so that a retry meets the same server and its
// memory of tokens.
func (s *store) addressFor(token string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(token))
	return s.opts.Addr[int(h.Sum32()%uint32(len(s.opts.Addr)))]
}

func (s *store) settings(token string) map[string]string {
	settings := map[string]string{}
	for k, v := range s.opts.Settings {
		settings[k] = fmt.Sprint(v)
	}
	settings["async_insert"] = "0"
	settings["insert_deduplication_token"] = token
	settings["deduplicate_blocks_in_dependent_materialized_views"] = "1"
	settings["max_partitions_per_insert_block"] = "1000"
	if s.legacy {
		settings["insert_deduplicate"] = "1"
	} else {
		settings["deduplicate_insert"] = "enable"
	}
	return settings
}
