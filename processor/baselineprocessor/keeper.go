package baselineprocessor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/novelty"
)

// Keys of what is stored. The content key is made once and kept apart from the
// snapshot, which is worth nothing without it.
const (
	storedSnapshot = "snapshot"
	storedKey      = "content_key"
)

// keeper is the way to the storage extension.
type keeper struct {
	storage *component.ID
	id      component.ID
	client  storage.Client // nil without one
}

func newKeeper(cfg *Config, id component.ID) *keeper { return &keeper{storage: cfg.Storage, id: id} }

func (k *keeper) open(ctx context.Context, host component.Host) (err error) {
	if k.storage == nil {
		return nil
	}
	e, ok := host.GetExtensions()[*k.storage]
	if !ok {
		return fmt.Errorf("storage: %s: no such extension is configured under service::extensions", k.storage)
	}
	s, ok := e.(storage.Extension)
	if !ok {
		return fmt.Errorf("storage: %s: this extension is no storage", k.storage)
	}
	if k.client, err = s.GetClient(ctx, component.KindProcessor, k.id, ""); err != nil {
		return fmt.Errorf("storage: %s: %w", k.storage, err)
	}
	return nil
}

func (k *keeper) close(ctx context.Context) error {
	if k.client == nil {
		return nil
	}
	c := k.client
	k.client = nil
	return c.Close(ctx)
}

// contentKey returns the stored key, made now if there is none.
func (k *keeper) contentKey(ctx context.Context) (key [16]byte, err error) {
	raw, err := k.client.Get(ctx, storedKey)
	switch {
	case err != nil:
		return key, fmt.Errorf("reading the content key: %w", err)
	case len(raw) == len(key):
		return [16]byte(raw), nil
	case raw != nil:
		return key, fmt.Errorf("the stored content key has %d bytes, not %d", len(raw), len(key))
	}
	_, _ = rand.Read(key[:])
	if err := k.client.Set(ctx, storedKey, key[:]); err != nil {
		return key, fmt.Errorf("storing the content key: %w", err)
	}
	return key, nil
}

// restore opens the storage and reads what was saved there. Baselines that cannot
// be read are begun anew: they are learned again, and agents must not stop for it.
func (p *baselineProcessor) restore(ctx context.Context, host component.Host) error {
	if err := p.keep.open(ctx, host); err != nil || p.keep.client == nil {
		return err
	}
	if p.cfg.ContentKey == "" {
		key, err := p.keep.contentKey(ctx)
		if err != nil {
			return errors.Join(err, p.keep.close(ctx))
		}
		opt := p.cfg.options()
		opt.Key = novelty.KeyFrom(key)
		p.engine = engine.New(opt)
	}
	raw, err := p.keep.client.Get(ctx, storedSnapshot)
	if err != nil {
		return errors.Join(fmt.Errorf("reading the baselines: %w", err), p.keep.close(ctx))
	}
	if raw == nil {
		return nil
	}
	if err := p.engine.Restore(raw); err != nil {
		p.count.snapshot(ctx, outcomeRefused)
		p.log.Warn("the stored baselines cannot be used; learning begins anew", zap.Error(err))
		return nil
	}
	p.count.snapshot(ctx, outcomeRestored)
	p.spanTime, p.wallTime = p.engine.Now(), time.Now()
	return nil
}

// save writes the baselines down. What fails is logged and tried again at the
// next time.
func (p *baselineProcessor) save(ctx context.Context) {
	if p.keep.client == nil {
		return
	}
	p.mu.Lock()
	raw := p.engine.Snapshot(nil)
	p.mu.Unlock()
	if err := p.keep.client.Set(ctx, storedSnapshot, raw); err != nil {
		p.count.snapshot(ctx, outcomeFailed)
		p.log.Error("the baselines could not be saved", zap.Error(err))
		return
	}
	p.count.snapshot(ctx, outcomeSaved)
}
