package baselineprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/metadata"
)

// NewFactory returns the factory of the baseline processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	opt := engine.Defaults()
	return &Config{
		SessionTTL: opt.SessionTTL, CoolDown: opt.CoolDown, SnapshotInterval: time.Minute,
		Limits: LimitsConfig{
			Keys: opt.Limits.Keys, Sessions: opt.Limits.Sessions, Incidents: opt.Limits.Incidents, Actions: opt.Limits.Actions,
			Waiting: 4_096, Spans: 100_000, Responses: 200_000,
		},
		KnownSessions: opt.Novelty.KnownSessions, KnownDays: opt.Novelty.KnownDays,
	}
}

func createTraces(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	return newProcessor(set, cfg.(*Config), next)
}
