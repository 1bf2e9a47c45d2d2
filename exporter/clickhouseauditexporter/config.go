package clickhouseauditexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/insert"
)

// Config is the configuration of the clickhouse_audit exporter.
type Config struct {
	// DSN says where the store is: http://host:8123, https://host:8443 or
	// clickhouse://host:9000 (native TCP), with user:password@ and ?setting=value
	// as needed. Several hosts are separated by commas; a batch always goes to the
	// same one, so that a retry is recognised. Default http://127.0.0.1:8123.
	DSN configopaque.String `mapstructure:"dsn"`
	// Username and Password replace those of the DSN where given.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// TLS is used with https:// and with clickhouse:// and ?secure=true.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// Database holds the tables. Default spanwarden.
	Database string `mapstructure:"database"`
	// Cluster makes the schema ON CLUSTER with Replicated tables. Default none.
	Cluster string `mapstructure:"cluster"`
	// CreateSchema migrates the schema before the first insert. Turn it off where
	// "spanwarden store migrate" does that. Default true.
	CreateSchema bool `mapstructure:"create_schema"`
	// Retention is how long rows are kept, a preset: soc2, eu_ai_act, 17a4b, 17a4a,
	// sox or none. It takes effect when a table is created. Default soc2.
	Retention string `mapstructure:"retention"`
	// Compression of inserts over HTTP: none, gzip or zstd. Default none.
	Compression string `mapstructure:"compression"`

	Content    ContentConfig    `mapstructure:"content"`
	DeadLetter DeadLetterConfig `mapstructure:"dead_letter"`
	Limits     LimitsConfig     `mapstructure:"limits"`
	Integrity  IntegrityConfig  `mapstructure:"integrity"`

	Timeout exporterhelper.TimeoutConfig                             `mapstructure:"timeout"`
	Retry   configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
	Queue   configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	_ struct{}
}

// ContentConfig says whether prompts, messages, tool arguments and results are
// stored.
type ContentConfig struct {
	// Enabled stores content, for 30 days, in a table of its own. Default false.
	Enabled bool `mapstructure:"enabled"`
	// Secret keys the salts of content digests: at least 16 characters, the same
	// on every collector. Required where content is enabled.
	Secret configopaque.String `mapstructure:"secret"`

	_ struct{}
}

// DeadLetterConfig says where batches go that the store will never take.
type DeadLetterConfig struct {
	// Directory is made when it is first needed. Default spanwarden-dead-letter in
	// the working directory.
	Directory string `mapstructure:"directory"`
	// MaxBytes bounds the file. When it is full, batches are retried instead.
	// Default 1 GiB.
	MaxBytes int64 `mapstructure:"max_bytes"`

	_ struct{}
}

// LimitsConfig bounds what one span may store and one insert may hold.
type LimitsConfig struct {
	// ValueBytes is the longest attribute value. Default 16384.
	ValueBytes int `mapstructure:"value_bytes"`
	// Attributes is how many attributes of a span, and of its resource, are kept
	// beside the columns. Default 256.
	Attributes int `mapstructure:"attributes"`
	// BlockRows is how many rows one insert holds, at most 1048449. Default 100000.
	BlockRows int `mapstructure:"block_rows"`

	_ struct{}
}

// IntegrityConfig says how rows are sealed, so that changing them later shows.
type IntegrityConfig struct {
	// Enabled seals every batch. Default true.
	Enabled bool `mapstructure:"enabled"`
	// Directory holds the journal: where this collector's log ends, and what is being
	// inserted. It must survive restarts. Several collectors may share it. Default
	// spanwarden-integrity in the working directory.
	Directory string `mapstructure:"directory"`
	// KeyFile holds the Ed25519 key that signs. It is made when it is not there.
	// Default: the file key in Directory.
	KeyFile string `mapstructure:"key_file"`
	// Interval is how often a heartbeat is written and a checkpoint is anchored.
	// Default 1m, at least 1s.
	Interval time.Duration `mapstructure:"interval"`
	// SelfMetrics is where this collector says what it received, refused and filtered.
	SelfMetrics SelfMetricsConfig `mapstructure:"self_metrics"`
	// Anchors are where checkpoints go besides the store.
	Anchors AnchorsConfig `mapstructure:"anchors"`

	_ struct{}
}

// SelfMetricsConfig says where the second counter is, which ties what was received to
// what was stored.
type SelfMetricsConfig struct {
	// Endpoint is the Prometheus endpoint of this collector, as service::telemetry
	// has it. "" asks nobody: what was received is not known then. Default
	// http://127.0.0.1:8888/metrics.
	Endpoint string `mapstructure:"endpoint"`
	// Timeout of one reading. Default 2s.
	Timeout time.Duration `mapstructure:"timeout"`
	// Receivers and Processors are those of the pipelines that lead to this exporter.
	// Default all of the collector.
	Receivers  []string `mapstructure:"receivers"`
	Processors []string `mapstructure:"processors"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*IntegrityConfig)(nil)
	_ confmap.Validator = (*SelfMetricsConfig)(nil)
	_ confmap.Validator = (*ContentConfig)(nil)
	_ confmap.Validator = (*DeadLetterConfig)(nil)
	_ confmap.Validator = (*LimitsConfig)(nil)
)

// Validate names the keys and values that cannot work.
func (c *Config) Validate() error {
	_, err := audit.ParseDSN(string(c.DSN))
	schema := c.schema()
	errs := []error{err, schema.Validate()}
	if !slices.Contains(insert.Compressions(), c.Compression) {
		errs = append(errs, fmt.Errorf("compression: want one of %s, not %q", strings.Join(insert.Compressions(), ", "), c.Compression))
	}
	return errors.Join(errs...)
}

// Validate asks for a secret where content is stored.
func (c *ContentConfig) Validate() error {
	if c.Enabled && len(c.Secret) < minSecret {
		return fmt.Errorf("secret: must have at least %d characters where content is enabled, not %d", minSecret, len(c.Secret))
	}
	return nil
}

const minSecret = 16

// Validate names the key and the value of what cannot work.
func (d *DeadLetterConfig) Validate() error {
	var errs []error
	if d.Directory == "" {
		errs = append(errs, errors.New(`directory: must not be ""`))
	}
	if d.MaxBytes <= 0 {
		errs = append(errs, fmt.Errorf("max_bytes: must be positive, not %d", d.MaxBytes))
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of what cannot work.
func (c *IntegrityConfig) Validate() error {
	var errs []error
	if c.Enabled && c.Directory == "" {
		errs = append(errs, errors.New(`directory: must not be ""`))
	}
	if c.Enabled && c.Interval < time.Second {
		errs = append(errs, fmt.Errorf("interval: must be at least 1s, not %s", c.Interval))
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of what cannot work.
func (c *SelfMetricsConfig) Validate() error {
	var errs []error
	if c.Endpoint != "" && !strings.HasPrefix(c.Endpoint, "http://") && !strings.HasPrefix(c.Endpoint, "https://") {
		errs = append(errs, fmt.Errorf("endpoint: want http:// or https:// and a host, not %q", c.Endpoint))
	}
	if c.Endpoint != "" && c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: must be positive, not %s", c.Timeout))
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	if l.ValueBytes <= 0 {
		errs = append(errs, fmt.Errorf("value_bytes: must be positive, not %d", l.ValueBytes))
	}
	if l.Attributes <= 0 {
		errs = append(errs, fmt.Errorf("attributes: must be positive, not %d", l.Attributes))
	}
	if l.BlockRows <= 0 || l.BlockRows > audit.MaxBlockRows {
		errs = append(errs, fmt.Errorf("block_rows: must be between 1 and %d, not %d", audit.MaxBlockRows, l.BlockRows))
	}
	return errors.Join(errs...)
}

func (c *Config) schema() audit.Options {
	return audit.Options{Database: c.Database, Cluster: c.Cluster, Retention: c.Retention}
}
