package clickhouseauditexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/spanwarden/spanwarden/exporter/clickhouseauditexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
)

// NewFactory returns the factory of the clickhouse_audit exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability),
		exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createDefaultConfig() component.Config {
	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime = 0 // for ever: giving up would be a silent loss
	return &Config{
		DSN:          "http://127.0.0.1:8123",
		TLS:          configtls.NewDefaultClientConfig(),
		Database:     audit.DefaultDatabase,
		CreateSchema: true,
		Retention:    audit.DefaultRetention,
		Compression:  insert.None,
		DeadLetter:   DeadLetterConfig{Directory: "spanwarden-dead-letter", MaxBytes: 1 << 30},
		Limits:       LimitsConfig{ValueBytes: 16 << 10, Attributes: 256, BlockRows: 100_000},
		Integrity: IntegrityConfig{
			Enabled: true, Directory: "spanwarden-integrity", Interval: time.Minute, Anchors: defaultAnchors(),
			SelfMetrics: SelfMetricsConfig{Endpoint: "http://127.0.0.1:8888/metrics", Timeout: 2 * time.Second},
		},
		Timeout: exporterhelper.TimeoutConfig{Timeout: defaultTimeout},
		Retry:   retry,
		Queue:   configoptional.Some(defaultQueue()),
	}
}

// defaultAnchors are what sections say that are given: none is.
func defaultAnchors() AnchorsConfig {
	return AnchorsConfig{
		HTTP: configoptional.Default(anchorClient()),
		Git:  configoptional.Default(GitAnchorConfig{Branch: anchor.DefaultBranch, Every: 10 * time.Minute}),
		S3:   configoptional.Default(S3AnchorConfig{LockMode: "compliance", TLS: configtls.NewDefaultClientConfig()}),
	}
}

// defaultQueue gathers what agents send in small requests: an insert is a request,
// two entries of the journal, a leaf and a signature for each table, however many
// rows it has. Each consumer holds a batch and its blocks in memory.
func defaultQueue() exporterhelper.QueueBatchConfig {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.NumConsumers = 2
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: time.Second, Sizer: exporterhelper.RequestSizerTypeItems, MinSize: 5000,
	})
	return queue
}

// anchorClient does not wait for long: an anchor that is late is no reason to be
// late with the next.
func anchorClient() confighttp.ClientConfig {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 10 * time.Second
	return client
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	e, err := acquire(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	queue := xexporterhelper.WithQueueBatch(e.cfg.Queue, xexporterhelper.QueueBatchSettings{Encoding: newCodec()})
	exp, err := xexporterhelper.NewTracesRequest(ctx, set, newRequest, e.pushTraces, append(e.options(), queue)...)
	if err != nil {
		release(e)
		return nil, err
	}
	return readOnly{countedTraces{exp, e.books}}, nil
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, err := acquire(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	exp, err := exporterhelper.NewLogs(ctx, set, cfg, e.pushLogs, append(e.options(), exporterhelper.WithQueue(e.cfg.Queue))...)
	if err != nil {
		release(e)
		return nil, err
	}
	return countedLogs{exp, e.books}, nil
}

func (e *auditExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithTimeout(e.cfg.Timeout),
		exporterhelper.WithRetry(e.cfg.Retry),
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
	}
}
