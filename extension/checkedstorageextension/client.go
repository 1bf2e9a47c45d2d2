package checkedstorageextension

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/seal"
)

// mostKept bounds the damaged values that are kept as files.
const mostKept = 100

// client seals what is written and opens what is read. It may be used as the
// client below it is.
type client struct {
	storage.Client
	ext   *checked
	owner string
	// all is whether every value has a checksum: the file began with them.
	all bool
	// lenient is for exporters: their entries stand for themselves, and a damaged one
	// is as if it were not there. A queue asks for several at once and would drop all
	// of them on an error. Whoever else asks gets the error.
	lenient bool
}

var (
	_ storage.Client = (*client)(nil)
	_ storage.Walker = (*client)(nil)
)

// begin finds out whether all values are sealed; a new storage is one whose are.
func (c *client) begin(ctx context.Context) error {
	var raw []byte
	if err := c.guard(func() (err error) { raw, err = c.Client.Get(ctx, seal.Mark); return err }); err != nil {
		return err
	}
	walker, ok := c.Client.(storage.Walker)
	if raw != nil || !ok {
		c.all = raw != nil
		return nil
	}
	empty := true
	err := c.guard(func() error {
		return walker.Walk(ctx, func(string, []byte) ([]*storage.Operation, error) {
			empty = false
			return nil, storage.SkipAll
		})
	})
	if err != nil || !empty {
		return err
	}
	c.all = true
	return c.guard(func() error { return c.Client.Set(ctx, seal.Mark, seal.Seal(nil)) })
}

// guard makes an error of a panic: bbolt's answer to a page that is no page. It
// gives up the transaction first, so that the next call may work.
func (c *client) guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.ext.tel.ExtensionCheckedStoragePanics.Add(context.Background(), 1)
			c.ext.log.Error("The file of a component is damaged. A restart of the collector sets it aside.",
				zap.String("of", c.owner), zap.Any("panic", r), zap.Stack("stack"))
			err = fmt.Errorf("the storage of %s is damaged; a restart sets it aside: %v", c.owner, r)
		}
	}()
	return do()
}

// Get returns nil where nothing is stored.
func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

// Set stores a value.
func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete removes a value.
func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch does all operations or none.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	below := sealed(ops)
	if err := c.guard(func() error { return c.Client.Batch(ctx, below...) }); err != nil {
		return err
	}
	var errs []error
	for i, op := range ops {
		if op.Type != storage.Get {
			continue
		}
		value, err := seal.Open(below[i].Value, c.all)
		if err != nil {
			err = c.damaged(ctx, op.Key, below[i].Value)
		}
		op.Value = value
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sealed returns the operations as they go below.
func sealed(ops []*storage.Operation) []*storage.Operation {
	out := make([]*storage.Operation, len(ops))
	for i, op := range ops {
		switch op.Type {
		case storage.Set:
			out[i] = storage.SetOperation(op.Key, seal.Seal(op.Value))
		case storage.Get:
			out[i] = storage.GetOperation(op.Key)
		default:
			out[i] = op
		}
	}
	return out
}

// Walk visits every value that is not damaged.
func (c *client) Walk(ctx context.Context, fn storage.WalkFunc) error {
	walker, ok := c.Client.(storage.Walker)
	if !ok {
		return fmt.Errorf("the storage of %s cannot list what it holds", c.owner)
	}
	return c.guard(func() error {
		return walker.Walk(ctx, func(key string, raw []byte) ([]*storage.Operation, error) {
			if key == seal.Mark {
				return nil, nil
			}
			value, err := seal.Open(raw, c.all)
			if err != nil {
				value = nil // whoever walks wants the keys most; Get says what is wrong
			}
			ops, err := fn(key, value)
			return sealed(ops), err
		})
	})
}

// damaged puts a value on record; the error is nil where the owner goes on without.
func (c *client) damaged(ctx context.Context, key string, raw []byte) error {
	c.ext.tel.ExtensionCheckedStorageDamagedValues.Add(ctx, 1)
	log := c.ext.log.With(zap.String("of", c.owner), zap.String("key", key), zap.Int("bytes", len(raw)))
	if n := c.ext.kept.Add(1); n <= mostKept {
		file := filepath.Join(c.ext.cfg.Directory, fmt.Sprintf("%x.damaged-value-%s-%d", key, c.ext.now().UTC().Format(timeForm), n))
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			log.Error("A damaged value could not be kept.", zap.Error(err))
		}
		log = log.With(zap.String("kept_as", file))
	}
	if c.lenient {
		log.Error("A DAMAGED ENTRY: what was stored is not what was written. It IS LOST: if it is a batch of the queue, its spans are not in the audit store.")
		return nil
	}
	log.Error("A DAMAGED VALUE: what was stored is not what was written.")
	return fmt.Errorf("%w: %s of %s", seal.ErrDamaged, key, c.owner)
}
