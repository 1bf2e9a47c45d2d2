package governanceextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/spanwarden/spanwarden/extension/governanceextension/internal/metadata"
)

// NewFactory returns the factory of the governance extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{
		ReloadInterval: 30 * time.Second,
		TickInterval:   5 * time.Second,
		MaxSkew:        time.Minute,
		Rebuild:        RebuildConfig{Since: 35 * 24 * time.Hour, Timeout: 10 * time.Minute},
		Chains:         ChainsConfig{Settle: time.Minute, MaxOpen: time.Hour, MinGrade: "correlated", SnapshotInterval: 30 * time.Second},
		Limits: LimitsConfig{
			Keys: 200_000, Actions: 1_000_000, Open: 100_000, Chains: 100_000, Spans: 4_000_000, Findings: 10_000, Series: 1_000,
		},
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(set, cfg.(*Config))
}
