// Package versions is the seam between components that run under a configuration
// and the extension that keeps on record which one.
package versions

import (
	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// Keeper keeps on record which configuration is in force, so that a rule that
// found nothing can be told from one that was not there.
type Keeper interface {
	// RecordVersion puts the version on record, once for each time that it comes into
	// force while the extension runs. It does not wait for a pipeline.
	RecordVersion(v *finding.Version)
}

// Recorder knows how the collector is configured.
type Recorder interface {
	// ConfigDigest names the effective configuration, without its secrets; "" is not
	// known.
	ConfigDigest() string
}

// Tell tells the version to whoever of the host's extensions keeps versions.
func Tell(host component.Host, v *finding.Version) {
	for _, ext := range host.GetExtensions() {
		if keeper, ok := ext.(Keeper); ok {
			keeper.RecordVersion(v)
		}
	}
}

// ConfigDigest asks the host's extensions for the digest of the collector's
// configuration; "" where none knows it.
func ConfigDigest(host component.Host) string {
	for _, ext := range host.GetExtensions() {
		if r, ok := ext.(Recorder); ok {
			if digest := r.ConfigDigest(); digest != "" {
				return digest
			}
		}
	}
	return ""
}
