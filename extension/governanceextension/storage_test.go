package governanceextension

import (
	"context"
	"errors"
	"maps"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// disk is a storage extension that survives its users, and fails when told to.
// As in file_storage, a Batch is stored whole or not at all.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu        sync.Mutex
	data      map[string][]byte
	failWrite bool
	failRead  bool
	batches   int
}

var errDisk = errors.New("the disk is broken")

func newDisk() *disk { return &disk{data: map[string][]byte{}} }

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return diskClient{d}, nil
}

func (d *disk) set(write, read bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failWrite, d.failRead = write, read
}

// copy is the disk as a crash at this moment leaves it.
func (d *disk) copy() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{data: maps.Clone(d.data)}
}

type diskClient struct{ d *disk }

func (c diskClient) Get(_ context.Context, key string) ([]byte, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.d.failRead {
		return nil, errDisk
	}
	return c.d.data[key], nil
}

func (c diskClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c diskClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c diskClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.d.failWrite {
		return errDisk
	}
	c.d.batches++
	for _, op := range ops {
		switch op.Type {
		case storage.Set:
			c.d.data[op.Key] = append([]byte(nil), op.Value...)
		case storage.Delete:
			delete(c.d.data, op.Key)
		case storage.Get:
			op.Value = c.d.data[op.Key]
		}
	}
	return nil
}

// Walk implements storage.Walker.
func (c diskClient) Walk(ctx context.Context, visit storage.WalkFunc) error {
	c.d.mu.Lock()
	var ops []*storage.Operation
	for key, value := range c.d.data {
		more, err := visit(key, value)
		if err != nil {
			c.d.mu.Unlock()
			return err
		}
		ops = append(ops, more...)
	}
	c.d.mu.Unlock()
	return c.Batch(ctx, ops...)
}

func (diskClient) Close(context.Context) error { return nil }
