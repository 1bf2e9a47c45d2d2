package checkedstorageextension

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/metadatatest"
	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/seal"
)

// below is a storage as file_storage is one: a database of bbolt for each client.
type below struct {
	component.StartFunc
	component.ShutdownFunc
	dir string
}

type belowClient struct{ db *bbolt.DB }

var bucket = []byte("default")

func (b *below) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	db, err := bbolt.Open(filepath.Join(b.dir, kindName(kind)+"_"+id.Type().String()+"_"+name), 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	return &belowClient{db}, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
}

func (c *belowClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	return op.Value, c.Batch(ctx, op)
}

func (c *belowClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *belowClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *belowClient) Close(context.Context) error { return c.db.Close() }

func (c *belowClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	return c.db.Update(func(tx *bbolt.Tx) error { return apply(tx.Bucket(bucket), ops) })
}

func apply(b *bbolt.Bucket, ops []*storage.Operation) (err error) {
	for _, op := range ops {
		switch {
		case op.Key == "panics":
			panic("a page that is none")
		case op.Type == storage.Get:
			op.Value = append([]byte(nil), b.Get([]byte(op.Key))...)
			if b.Get([]byte(op.Key)) == nil {
				op.Value = nil
			}
		case op.Type == storage.Set:
			err = errors.Join(err, b.Put([]byte(op.Key), op.Value))
		case op.Type == storage.Delete:
			err = errors.Join(err, b.Delete([]byte(op.Key)))
		}
	}
	return err
}

func (c *belowClient) Walk(_ context.Context, fn storage.WalkFunc) error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		var all []*storage.Operation
		b := tx.Bucket(bucket)
		cursor := b.Cursor()
		for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
			ops, err := fn(string(k), v)
			all = append(all, ops...)
			if errors.Is(err, storage.SkipAll) {
				break
			}
			if err != nil {
				return err
			}
		}
		return apply(b, all)
	})
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var (
	belowID = component.MustNewID("file_storage")
	queueOf = component.MustNewID("clickhouse_audit")
	stateOf = component.MustNewID("governance")
)

// run starts an extension on a directory.
func run(t *testing.T, dir string, tel *componenttest.Telemetry) *checked {
	t.Helper()
	set := metadatatest.NewSettings(tel)
	e, err := newExtension(set, &Config{Storage: belowID, Directory: dir})
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), host{belowID: &below{dir: dir}}))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e
}

func open(t *testing.T, e *checked, kind component.Kind, id component.ID, name string) storage.Client {
	t.Helper()
	c, err := e.GetClient(t.Context(), kind, id, name)
	require.NoError(t, err)
	return c
}

func TestDamagedFiles(t *testing.T) {
	garble := func(from, to int) func([]byte) []byte {
		return func(raw []byte) []byte { clear(raw[from:to]); return raw }
	}
	for name, c := range map[string]struct {
		kind   component.Kind
		id     component.ID
		spoil  func([]byte) []byte
		want   map[string]string // what a client then finds
		result string            // of the metric; empty where nothing was damaged
	}{
		"whole":                {component.KindExtension, stateOf, garble(0, 0), map[string]string{"a": "1", "b": "2"}, ""},
		"state":                {component.KindExtension, stateOf, garble(8192, 16384), map[string]string{"a": "", "b": ""}, "set_aside"},
		"state cut in half":    {component.KindExtension, stateOf, func(raw []byte) []byte { return raw[:6000] }, map[string]string{"a": "", "b": ""}, "set_aside"},
		"a queue":              {component.KindExporter, queueOf, garble(0, 8192), map[string]string{"0": "zero", "1": "one"}, "carried_over"},
		"a queue, one head":    {component.KindExporter, queueOf, garble(4096, 8192), map[string]string{"0": "zero", "1": "one"}, "carried_over"},
		"an exporter's alerts": {component.KindExporter, queueOf, garble(0, 8192), map[string]string{"a": "", "b": ""}, "set_aside"},
		"no database at all":   {component.KindExtension, stateOf, func([]byte) []byte { return []byte("hello") }, map[string]string{"a": "", "b": ""}, "set_aside"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ctx := t.TempDir(), t.Context()
			e := run(t, dir, componenttest.NewTelemetry())
			client := open(t, e, c.kind, c.id, "")
			if strings.HasPrefix(name, "a queue") {
				require.NoError(t, client.Batch(ctx, storage.SetOperation("7", []byte("zero")), storage.SetOperation("8", []byte("one"))))
			} else {
				require.NoError(t, client.Batch(ctx, storage.SetOperation("a", []byte("1")), storage.SetOperation("b", []byte("2"))))
			}
			require.NoError(t, client.Close(ctx))
			files, err := databases(dir)
			require.NoError(t, err)
			require.Len(t, files, 1)
			raw, err := os.ReadFile(files[0])
			require.NoError(t, err)
			raw = c.spoil(raw)
			require.NoError(t, os.WriteFile(files[0], raw, 0o600))

			tel := componenttest.NewTelemetry()
			again := open(t, run(t, dir, tel), c.kind, c.id, "")
			for key, want := range c.want {
				got, err := again.Get(ctx, key)
				require.NoError(t, err)
				assert.Equal(t, want, string(got), key)
			}
			require.NoError(t, again.Close(ctx))
			kept, err := filepath.Glob(files[0] + ".damaged-*")
			require.NoError(t, err)
			if c.result == "" {
				assert.Empty(t, kept)
				return
			}
			require.Len(t, kept, 1, "the damaged file is kept")
			was, err := os.ReadFile(kept[0])
			require.NoError(t, err)
			assert.Equal(t, raw, was, "as it was")
			metadatatest.AssertEqualExtensionCheckedStorageDamagedFiles(t, tel, []metricdata.DataPoint[int64]{
				{Value: 1, Attributes: attribute.NewSet(attribute.String("result", c.result))},
			}, metricdatatest.IgnoreTimestamp())
		})
	}
}

func TestDamagedValues(t *testing.T) {
	for name, c := range map[string]struct {
		kind  component.Kind
		id    component.ID
		raw   []byte
		fails bool
	}{
		"state":           {component.KindExtension, stateOf, append([]byte("2"), seal.Seal([]byte("1"))[1:]...), true},
		"without a seal":  {component.KindExtension, stateOf, []byte("1"), true},
		"a queue's batch": {component.KindExporter, queueOf, append([]byte("2"), seal.Seal([]byte("1"))[1:]...), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ctx, tel := t.TempDir(), t.Context(), componenttest.NewTelemetry()
			e := run(t, dir, tel)
			c2 := open(t, e, c.kind, c.id, "")
			require.NoError(t, c2.(*client).Client.Set(ctx, "a", c.raw))
			require.NoError(t, c2.Set(ctx, "b", []byte("whole")))
			a, b := storage.GetOperation("a"), storage.GetOperation("b")
			err := c2.Batch(ctx, a, b)
			assert.Equal(t, c.fails, errors.Is(err, seal.ErrDamaged), err)
			assert.Nil(t, a.Value)
			assert.Equal(t, "whole", string(b.Value))
			metadatatest.AssertEqualExtensionCheckedStorageDamagedValues(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
			kept, err := filepath.Glob(filepath.Join(dir, "*.damaged-value-*"))
			require.NoError(t, err)
			assert.Len(t, kept, 1)
			require.NoError(t, c2.Close(ctx))
		})
	}
}

// A file from before there were checksums is taken as it is.
func TestFromBefore(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	old, err := (&below{dir: dir}).GetClient(ctx, component.KindExtension, stateOf, "")
	require.NoError(t, err)
	require.NoError(t, old.Set(ctx, "a", []byte("old")))
	require.NoError(t, old.Close(ctx))
	c := open(t, run(t, dir, componenttest.NewTelemetry()), component.KindExtension, stateOf, "")
	require.NoError(t, c.Set(ctx, "b", []byte("new")))
	seen := map[string]string{}
	require.NoError(t, c.(storage.Walker).Walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		seen[key] = string(value)
		return []*storage.Operation{storage.SetOperation(key, append(value, '!'))}, nil
	}))
	assert.Equal(t, map[string]string{"a": "old", "b": "new"}, seen)
	for key, want := range map[string]string{"a": "old!", "b": "new!"} {
		got, err := c.Get(ctx, key)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	require.NoError(t, c.Close(ctx))
}

func TestPanicsAreErrors(t *testing.T) {
	tel := componenttest.NewTelemetry()
	c := open(t, run(t, t.TempDir(), tel), component.KindExporter, queueOf, "")
	_, err := c.Get(t.Context(), "panics")
	require.ErrorContains(t, err, "exporter clickhouse_audit")
	require.NoError(t, c.Set(t.Context(), "a", []byte("1")), "the next call works")
	require.NoError(t, c.Close(t.Context()))
	metadatatest.AssertEqualExtensionCheckedStoragePanics(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
}

// A file that somebody else has open is not looked at: it changes.
func TestInUse(t *testing.T) {
	dir := t.TempDir()
	c := open(t, run(t, dir, componenttest.NewTelemetry()), component.KindExtension, stateOf, "")
	files, err := databases(dir)
	require.NoError(t, err)
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 100), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	run(t, dir, componenttest.NewTelemetry())
	after, err := databases(dir)
	require.NoError(t, err)
	assert.Equal(t, files, after)
	require.NoError(t, c.Close(t.Context()))
}

func TestWrongConfigurations(t *testing.T) {
	assert.ErrorContains(t, (&Config{Storage: belowID}).Validate(), `directory: want the directory of the file_storage extension, not ""`)
	assert.ErrorContains(t, (&Config{Directory: "x"}).Validate(), "storage: want the id")

	set := metadatatest.NewSettings(componenttest.NewTelemetry())
	e, err := newExtension(set, &Config{Storage: belowID, Directory: t.TempDir()})
	require.NoError(t, err)
	assert.ErrorContains(t, e.Start(t.Context(), host{}), "storage: file_storage: no such extension")
	require.NoError(t, e.Start(t.Context(), host{belowID: &below{dir: t.TempDir()}}))
	_, err = e.GetClient(t.Context(), component.KindExtension, stateOf, "")
	assert.ErrorContains(t, err, "is not the directory of file_storage")
}
