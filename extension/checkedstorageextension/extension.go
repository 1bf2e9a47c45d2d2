package checkedstorageextension

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/metadata"
)

// checked is a storage extension in front of another one.
type checked struct {
	cfg   *Config
	log   *zap.Logger
	tel   *metadata.TelemetryBuilder
	now   func() time.Time
	inner storage.Extension
	kept  atomic.Int64 // damaged values that were written to files
}

var (
	_ storage.Extension               = (*checked)(nil)
	_ extensioncapabilities.Dependent = (*checked)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*checked, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &checked{cfg: cfg, log: set.Logger, tel: tel, now: time.Now}, nil
}

// Dependencies has the storage start first; what stores here starts after this.
// The order under service::extensions means nothing to the collector.
func (e *checked) Dependencies() []component.ID { return []component.ID{e.cfg.Storage} }

// Start looks at every file while nobody has it open. What it finds is mended or
// set aside; only a disk that cannot be read keeps the collector down.
func (e *checked) Start(ctx context.Context, host component.Host) error {
	found, ok := host.GetExtensions()[e.cfg.Storage]
	if !ok {
		return fmt.Errorf("storage: %s: no such extension is configured under service::extensions", e.cfg.Storage)
	}
	if e.inner, ok = found.(storage.Extension); !ok {
		return fmt.Errorf("storage: %s is no storage extension", e.cfg.Storage)
	}
	files, err := databases(e.cfg.Directory)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	for _, file := range files {
		if err := e.look(ctx, file); err != nil {
			return fmt.Errorf("directory: %s: %w", file, err)
		}
	}
	return nil
}

// Shutdown ends telemetry; clients are closed by who has them.
func (e *checked) Shutdown(context.Context) error {
	e.tel.Shutdown()
	return nil
}

// GetClient returns a client whose values are checked.
func (e *checked) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if e.inner == nil {
		return nil, fmt.Errorf("%s asks for its storage before checked_storage has started: it must name it in its Dependencies", id)
	}
	inner, err := e.inner.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	there, err := databases(e.cfg.Directory)
	if err == nil && len(there) == 0 {
		err = fmt.Errorf("%s is not the directory of %s: it has no file of %s", e.cfg.Directory, e.cfg.Storage, id)
	}
	if err != nil {
		_ = inner.Close(ctx) // nothing was stored
		return nil, fmt.Errorf("directory: %w", err)
	}
	c := &client{Client: inner, ext: e, owner: kindName(kind) + " " + id.String(), lenient: kind == component.KindExporter}
	if err := c.begin(ctx); err != nil {
		_ = inner.Close(ctx) // the error that counts is there
		return nil, fmt.Errorf("%s: %w", filepath.Join(e.cfg.Directory, id.String()), err)
	}
	return c, nil
}

func kindName(k component.Kind) string { return strings.ToLower(k.String()) }
