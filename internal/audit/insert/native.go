package insert

import (
	"context"
	"sync"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// nativeSender speaks ClickHouse's native TCP protocol. mu guards the idle
// connections; a connection runs one insert at a time.
type nativeSender struct {
	opts *clickhouse.Options

	mu     sync.Mutex
	idle   map[string][]*ch.Client
	closed bool
}

// maxIdle bounds the idle connections to one address.
const maxIdle = 16

func newNativeSender(opts *clickhouse.Options) *nativeSender {
	return &nativeSender{opts: opts, idle: map[string][]*ch.Client{}}
}

func (n *nativeSender) insert(ctx context.Context, addr, table string, block *audit.Encoded, settings map[string]string) error {
	client, err := n.take(ctx, addr)
	if err != nil {
		return err
	}
	query := ch.Query{
		Body:  "INSERT INTO " + table + " " + block.Columns + " VALUES",
		Input: block.Input,
	}
	for k, v := range settings {
		query.Settings = append(query.Settings, ch.Setting{Key: k, Value: v})
	}
	err = client.Do(ctx, query)
	n.put(addr, client)
	return err
}

func (n *nativeSender) take(ctx context.Context, addr string) (*ch.Client, error) {
	n.mu.Lock()
	if free := n.idle[addr]; len(free) > 0 {
		client := free[len(free)-1]
		n.idle[addr] = free[:len(free)-1]
		n.mu.Unlock()
		return client, nil
	}
	n.mu.Unlock()
	return ch.Dial(ctx, ch.Options{
		Address: addr,
		User:    n.opts.Auth.Username, Password: n.opts.Auth.Password,
		TLS: n.opts.TLS, Compression: ch.CompressionLZ4,
		DialTimeout: n.opts.DialTimeout, ReadTimeout: ch.NoTimeout, // ctx bounds the whole
		ClientName: "spanwarden",
	})
}

// put keeps a connection that is still open: the client closes itself after an
// error that leaves the stream in doubt.
func (n *nativeSender) put(addr string, client *ch.Client) {
	if client.IsClosed() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.idle[addr]) >= maxIdle {
		_ = client.Close()
		return
	}
	n.idle[addr] = append(n.idle[addr], client)
}

func (n *nativeSender) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, free := range n.idle {
		for _, client := range free {
			_ = client.Close()
		}
	}
	clear(n.idle)
}
