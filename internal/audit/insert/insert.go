// Package insert sends encoded blocks to the audit store, over ClickHouse's HTTP
// interface or its native protocol. It holds connections and nothing else: no
// clock, no retries; what an error means is for the caller to judge.
package insert

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// The compressions of inserts over HTTP.
const (
	None = "none"
	Gzip = "gzip"
	Zstd = "zstd"
)

// Compressions returns the names that New takes.
func Compressions() []string { return []string{None, Gzip, Zstd} }

// transport sends one block to one address. It may be called concurrently.
type transport interface {
	insert(ctx context.Context, addr, table string, block *audit.Encoded, settings map[string]string) error
	close()
}

// Sender inserts blocks into the tables of one database. It may be used
// concurrently.
type Sender struct {
	opts      *clickhouse.Options
	database  string
	transport transport
	legacy    atomic.Bool // a server before 26.2, which names its dedup setting differently
}

// New returns a sender that connects when it is first used. Options are those of
// audit.ParseDSN; compression is one of Compressions and counts for HTTP only.
func New(opts *clickhouse.Options, database, compression string) *Sender {
	s := &Sender{opts: opts, database: database}
	if opts.Protocol == clickhouse.HTTP {
		s.transport = newHTTPSender(opts, compression)
	} else {
		s.transport = newNativeSender(opts)
	}
	return s
}

// ServerVersion tells the sender whom it speaks to. Without it a server of today
// is assumed.
func (s *Sender) ServerVersion(major, minor uint64) {
	s.legacy.Store(major < 26 || (major == 26 && minor < 2))
}

// Insert sends the block. The store takes a block with the same token once, so a
// retry after an unclear answer is safe. The error is a *StatusError, a
// *ch.Exception or what the network says.
func (s *Sender) Insert(ctx context.Context, block *audit.Encoded) error {
	table := "`" + s.database + "`.`" + block.Table + "`"
	if err := s.transport.insert(ctx, s.addressFor(block.Token), table, block, s.settings(block.Token)); err != nil {
		return fmt.Errorf("inserting into %s: %w", block.Table, err)
	}
	return nil
}

// Close closes idle connections.
func (s *Sender) Close() { s.transport.close() }

// addressFor chooses by content, so that a retry meets the same server and its
// memory of tokens.
func (s *Sender) addressFor(token string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(token))
	return s.opts.Addr[int(h.Sum32()%uint32(len(s.opts.Addr)))]
}

func (s *Sender) settings(token string) map[string]string {
	settings := map[string]string{}
	for k, v := range s.opts.Settings {
		settings[k] = fmt.Sprint(v)
	}
	maps.Copy(settings, map[string]string{
		"async_insert":               "0",
		"insert_deduplication_token": token,
		"deduplicate_blocks_in_dependent_materialized_views": "1",
		"max_partitions_per_insert_block":                    "1000",
	})
	if s.legacy.Load() {
		settings["insert_deduplicate"] = "1"
	} else {
		settings["deduplicate_insert"] = "enable"
	}
	return settings
}
