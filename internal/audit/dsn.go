package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ParseDSN reads the address of the store without ever repeating its password in an
// error: http:// and https:// for the HTTP interface, clickhouse:// for the native
// protocol.
func ParseDSN(dsn string) (*clickhouse.Options, error) {
	scheme, _, ok := strings.Cut(dsn, "://")
	if !ok || !slices.Contains([]string{"http", "https", "clickhouse"}, scheme) {
		return nil, fmt.Errorf("dsn: want http://, https:// or clickhouse:// and a host, not %q", redact(dsn))
	}
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("dsn: %q cannot be read; want http://user:password@host:8123 or the like", redact(dsn))
	}
	for _, addr := range opts.Addr {
		if addr == "" || strings.HasPrefix(addr, ":") {
			return nil, fmt.Errorf("dsn: no host in %q", redact(dsn))
		}
	}
	if len(opts.Addr) == 0 {
		return nil, fmt.Errorf("dsn: no host in %q", redact(dsn))
	}
	return opts, nil
}

// redact hides everything before the last @ and all parameters.
func redact(dsn string) string {
	dsn, _, _ = strings.Cut(dsn, "?")
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		scheme, rest = "", dsn
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "***" + rest[i:]
	}
	if !ok {
		return rest
	}
	return scheme + "://" + rest
}

// ReadSuffix is what names of tables end with where the whole of them is read: "_all"
// in a cluster, of the database that conn is connected to.
func ReadSuffix(ctx context.Context, conn driver.Conn) (string, error) {
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'ledger_batches_all'").Scan(&n)
	if err != nil || n == 0 {
		return "", err
	}
	return "_all", nil
}
