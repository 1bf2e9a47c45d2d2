package governanceextension

import (
	"context"
	"encoding/json"
	"time"

	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/extension/governanceextension/internal/effective"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/governance/versions"
)

var (
	_ versions.Keeper                             = (*governor)(nil)
	_ versions.Recorder                           = (*governor)(nil)
	_ extensioncapabilities.ConfigSnapshotWatcher = (*governor)(nil)
)

// effectiveKey holds the collector's configuration as it was told last.
const effectiveKey = "collector"

// RecordVersion implements the interface of internal/governance/versions.
func (e *governor) RecordVersion(v *finding.Version) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e.mu.Lock()
	defer e.mu.Unlock()
	key := v.Kind + "\x00" + v.Component
	if v.Refused == "" {
		if e.told[key] == v.Version {
			return
		}
		e.told[key] = v.Version
	}
	if e.ready(ctx) != nil {
		return // spans are refused meanwhile, and the log says so
	}
	e.post([]finding.Finding{v.Finding(e.now())})
	_ = e.commit(ctx) // what stays queued is stored with the next charge
}

// NotifyConfigSnapshot puts the collector's effective configuration on record,
// without its secrets: it is what decides what the evidence is made of. The
// collector calls it before any pipeline starts.
func (e *governor) NotifyConfigSnapshot(ctx context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	conf := snapshot.Effective()
	if conf == nil {
		return nil
	}
	now, err := effective.Of(conf.ToStringMap())
	if err != nil {
		e.log.Warn("the collector's configuration cannot be put on record", zap.Error(err))
		return nil
	}
	e.digest.Store(&now.Digest)
	v := finding.Version{Kind: "collector", Component: "collector", Version: now.Digest, Content: now.Text}
	if before := e.toldBefore(ctx); before != nil {
		v.Previous = before.Digest
		if v.Keys = effective.Changed(before, now); len(v.Keys) > 0 {
			if raw, err := json.Marshal(effective.Diff(before, now)); err == nil {
				v.Diff = string(raw)
			}
		}
	}
	e.RecordVersion(&v)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.book.store.enabled() {
		e.book.store.queue(storage.SetOperation(effectiveKey, []byte(now.Text)))
		_ = e.commit(ctx)
	}
	return nil
}

// toldBefore is the configuration of the start before this one, nil where it is
// not known.
func (e *governor) toldBefore(ctx context.Context) *effective.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.book.store.enabled() {
		return nil
	}
	raw, err := e.book.store.client.Get(ctx, effectiveKey)
	if err != nil || raw == nil {
		return nil
	}
	before, err := effective.Parse(string(raw))
	if err != nil {
		return nil
	}
	return before
}

// ConfigDigest implements the interface of internal/governance/versions.
func (e *governor) ConfigDigest() string {
	if d := e.digest.Load(); d != nil {
		return *d
	}
	return ""
}
