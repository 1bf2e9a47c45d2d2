package boundaryprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/metadata"
)

// NewFactory returns the factory of the boundary processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(metadata.Type, createDefaultConfig,
		processor.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		BeforeRegistry: BeforeJudge,
		Late:           LateConfig{Grace: time.Minute, Wait: time.Hour},
		Decisions:      DecisionsConfig{Watermark: time.Minute, Limit: 100_000},
		Limits: LimitsConfig{
			Pending: 50_000, PendingBytes: 64 << 20, Rates: 500_000, RatePerRule: 65_536,
			Daily: 10_000, Agents: 1_000, Spans: 100_000, Responses: 200_000,
		},
	}
}

func createTraces(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	return newProcessor(set, cfg.(*Config), next)
}
