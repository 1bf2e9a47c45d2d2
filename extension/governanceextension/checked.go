package governanceextension

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// errDamaged says that what was read is not what was written.
var errDamaged = errors.New("the stored state is damaged")

// checkedClient adds a checksum to each value: a storage gives back what the disk
// says, and a balance with a wrong bit is a balance like any other.
type checkedClient struct{ storage.Client }

const sumLen = 4

func sealed(value []byte) []byte {
	out := make([]byte, 0, len(value)+sumLen)
	out = append(out, value...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(value))
}

func unsealed(key string, raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	n := len(raw) - sumLen
	if n < 0 || binary.BigEndian.Uint32(raw[n:]) != crc32.ChecksumIEEE(raw[:n]) {
		return nil, fmt.Errorf("%w: %s", errDamaged, key)
	}
	return raw[:n:n], nil
}

// Get returns nil where nothing is stored.
func (c checkedClient) Get(ctx context.Context, key string) ([]byte, error) {
	raw, err := c.Client.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return unsealed(key, raw)
}

// Batch takes Set and Delete.
func (c checkedClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	out := make([]*storage.Operation, len(ops))
	for i, op := range ops {
		out[i] = op
		if op.Type == storage.Set {
			out[i] = storage.SetOperation(op.Key, sealed(op.Value))
		}
	}
	return c.Client.Batch(ctx, out...)
}

// wipe removes everything.
func (c checkedClient) wipe(ctx context.Context) error {
	walker, ok := c.Client.(storage.Walker)
	if !ok {
		return errors.New("this storage cannot list what it holds")
	}
	return walker.Walk(ctx, func(key string, _ []byte) ([]*storage.Operation, error) {
		return []*storage.Operation{storage.DeleteOperation(key)}, nil
	})
}

// damagedKey is there once damage was met while the collector ran.
const damagedKey = "damaged"

// loadOrStartOver makes memory equal to the storage. Where that is damaged and the
// audit store knows what was spent, it starts over and counts again; else a
// person has to decide, and the collector does not start.
func (e *governor) loadOrStartOver(ctx context.Context) (found bool, err error) {
	client, ok := e.book.store.client.(checkedClient)
	if !ok {
		return e.load(ctx)
	}
	mark, err := client.Get(ctx, damagedKey)
	if err == nil && mark != nil {
		err = fmt.Errorf("%w: %s", errDamaged, mark)
	}
	if err == nil {
		found, err = e.load(ctx)
	}
	if err == nil {
		err = e.loadChains(ctx)
	}
	if !errors.Is(err, errDamaged) {
		return found, err
	}
	if e.cfg.Rebuild.DSN == "" {
		return found, fmt.Errorf("%w; set rebuild::dsn to count again from the audit store, or remove the file to begin with nothing", err)
	}
	e.log.Error("The ledger's state is damaged. It is given up, and what was spent is counted again from the audit store; "+
		"halts that a person ordered and open delegation chains are lost.", errField(err))
	e.tel.ExtensionGovernanceStateErrors.Add(ctx, 1)
	if err := client.wipe(ctx); err != nil {
		return found, fmt.Errorf("giving up damaged state: %w", err)
	}
	e.chains = newChains(e.cfg)
	if found, err = e.load(ctx); err != nil {
		return found, err
	}
	return found, e.loadChains(ctx)
}

// damaged is for damage that is met while the collector runs: spans are refused,
// and the next start starts over.
func (e *governor) damaged(ctx context.Context, err error) {
	if !errors.Is(err, errDamaged) || e.cfg.Rebuild.DSN == "" || e.gaveUp {
		return
	}
	if e.book.store.client.Set(ctx, damagedKey, []byte(err.Error())) == nil {
		e.gaveUp = true
		e.fatal(err)
	}
}
