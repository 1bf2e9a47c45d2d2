package governanceextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/shard"
)

// Config is the configuration of the governance extension.
type Config struct {
	// Storage is the storage extension that keeps the state. Without it a restart
	// forgets what was spent, and says so.
	Storage *component.ID `mapstructure:"storage"`
	// Budgets is the budget file. Empty, the default, means no budgets: spend is
	// kept all the same.
	Budgets string `mapstructure:"budgets"`
	// Registry is a folder with the agent registry, *.yaml at any depth, or one
	// file. Empty, the default, means that no agent is registered anywhere.
	Registry string `mapstructure:"registry"`
	// ReloadInterval is how often the policy files are looked at for changes; 0
	// turns reloading off. Default 30s.
	ReloadInterval time.Duration `mapstructure:"reload_interval"`
	// TickInterval is how often what time alone ends is looked for: periods that
	// are over, projections that fell. Default 5s.
	TickInterval time.Duration `mapstructure:"tick_interval"`
	// MaxSkew is how far in the future a span may end. One that ends later is
	// taken to end that far ahead. Default 1m.
	MaxSkew time.Duration `mapstructure:"max_skew"`
	// Rebuild is the audit store from which spend is counted again when the state
	// is gone.
	Rebuild RebuildConfig `mapstructure:"rebuild"`
	// Chains says when delegation chains are judged, for the delegation processor.
	Chains ChainsConfig `mapstructure:"chains"`
	Limits LimitsConfig `mapstructure:"limits"`
	// Shard says which sessions are this collector's, where a gateway shares them
	// out. Without it all are.
	Shard ShardConfig `mapstructure:"shard"`

	_ struct{}
}

// ShardConfig names the collectors behind a gateway.
type ShardConfig struct {
	// Collectors are all of them, as the gateway's loadbalancing exporter names
	// them in resolver::static::hostnames.
	Collectors []string `mapstructure:"collectors"`
	// Self is this one. Required with collectors.
	Self string `mapstructure:"self"`

	_ struct{}
}

func (s *ShardConfig) validate() error {
	if len(s.Collectors) == 0 && s.Self == "" {
		return nil
	}
	ring, err := shard.New(s.Collectors)
	if err != nil {
		return fmt.Errorf("shard::collectors: %w", err)
	}
	if !ring.Has(s.Self) {
		return fmt.Errorf("shard::self: want one of %s, not %q", strings.Join(s.Collectors, ", "), s.Self)
	}
	return nil
}

// ChainsConfig says when a delegation chain is settled and what carries authority.
type ChainsConfig struct {
	// Settle is how long a chain is idle before its verdict is final. Default 60s.
	Settle time.Duration `mapstructure:"settle"`
	// MaxOpen is the longest a chain stays open. Default 1h.
	MaxOpen time.Duration `mapstructure:"max_open"`
	// MinGrade is the weakest evidence that may carry authority: verified,
	// declared, structural or correlated. Default correlated.
	MinGrade string `mapstructure:"min_grade"`
	// SnapshotInterval is how often chains are stored. Default 30s.
	SnapshotInterval time.Duration `mapstructure:"snapshot_interval"`

	_ struct{}
}

// RebuildConfig names the audit store.
type RebuildConfig struct {
	// DSN is the audit store, as the clickhouse_audit exporter takes it. Empty, the
	// default, means that lost state is not rebuilt.
	DSN configopaque.String `mapstructure:"dsn"`
	// TLS is used with https:// and with clickhouse:// and ?secure=true, as the
	// exporter's is.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// Since is how far back is counted. Default 840h (35 days): a month's budgets.
	Since time.Duration `mapstructure:"since"`
	// Timeout bounds the whole. Default 10m.
	Timeout time.Duration `mapstructure:"timeout"`

	_ struct{}
}

// LimitsConfig bounds memory. What exceeds a limit is counted, and the oldest
// goes first.
type LimitsConfig struct {
	// Keys is how many keys (sessions, agents, …) live in memory; idle ones go to
	// storage. Default 200000.
	Keys int `mapstructure:"keys"`
	// Actions is how many action ids are remembered, for 24 h, to charge each
	// once. Default 1000000.
	Actions int `mapstructure:"actions"`
	// Open is how many charges wait for an agent, a session or ancestors that were
	// unknown when they came. Default 100000.
	Open int `mapstructure:"open"`
	// Chains is how many delegation chains are open at once, and Spans how many
	// spans are held for them. Defaults 100000 and 4000000.
	Chains int `mapstructure:"chains"`
	Spans  int `mapstructure:"spans"`
	// Findings is how many findings wait for a pipeline, and how many are kept to
	// answer a retry alike. Default 10000.
	Findings int `mapstructure:"findings"`
	// Series is how many budgets and keys are exported as metrics. Default 1000.
	Series int `mapstructure:"series"`

	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

// Validate names each key and value that cannot work. The budget file is read at
// start, so that a config can be checked on a machine without it.
func (c *Config) Validate() error {
	var errs []error
	notNegative := func(key string, d time.Duration) {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s: must not be negative, not %s", key, d))
		}
	}
	positive := func(key string, n int) {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("limits::%s: must be positive, not %d", key, n))
		}
	}
	notNegative("reload_interval", c.ReloadInterval)
	notNegative("max_skew", c.MaxSkew)
	if c.TickInterval <= 0 {
		errs = append(errs, fmt.Errorf("tick_interval: must be positive, not %s", c.TickInterval))
	}
	positive("keys", c.Limits.Keys)
	positive("actions", c.Limits.Actions)
	positive("open", c.Limits.Open)
	positive("chains", c.Limits.Chains)
	positive("spans", c.Limits.Spans)
	positive("findings", c.Limits.Findings)
	positive("series", c.Limits.Series)
	errs = append(errs, c.Rebuild.validate(), c.Chains.validate(), c.Shard.validate())
	return errors.Join(errs...)
}

func (c *ChainsConfig) validate() error {
	var errs []error
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"settle", c.Settle}, {"max_open", c.MaxOpen}, {"snapshot_interval", c.SnapshotInterval}} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("chains::%s: must be positive, not %s", d.key, d.value))
		}
	}
	if grades := []string{"verified", "declared", "structural", "correlated"}; !slices.Contains(grades, c.MinGrade) {
		errs = append(errs, fmt.Errorf("chains::min_grade: want one of %s, not %q", strings.Join(grades, ", "), c.MinGrade))
	}
	return errors.Join(errs...)
}

func (r *RebuildConfig) validate() error {
	if r.DSN == "" {
		return nil
	}
	switch _, err := audit.ParseDSN(string(r.DSN)); {
	case err != nil:
		return fmt.Errorf("rebuild::%w", err)
	case r.Since <= 0:
		return fmt.Errorf("rebuild::since: must be positive, not %s", r.Since)
	case r.Timeout <= 0:
		return fmt.Errorf("rebuild::timeout: must be positive, not %s", r.Timeout)
	}
	return nil
}
