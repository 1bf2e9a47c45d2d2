package costprocessor

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/genai"
)

// Config is the configuration of the cost processor.
type Config struct {
	// Prices is a file of overrides, aliases and contracts that is laid over the
	// embedded price book. Empty, the default, means the embedded book alone.
	Prices string `mapstructure:"prices"`
	// ReloadInterval is how often the file is looked at for changes; 0 turns
	// reloading off. Default 30s.
	ReloadInterval time.Duration `mapstructure:"reload_interval"`
	// Governance is the governance extension that keeps spend, budgets and halts.
	// Without it, the default, calls are priced and nothing is charged.
	Governance *component.ID `mapstructure:"governance"`
	// Limits bound what is remembered between batches where no genai processor
	// stands in front.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// LimitsConfig bounds the memory between batches, as in the genai processor.
type LimitsConfig struct {
	// Spans is how many spans are remembered to find ancestors. Default 100000.
	Spans int `mapstructure:"spans"`
	// Responses is how many response ids are remembered to recognise a second
	// report of a call. Default 200000.
	Responses int `mapstructure:"responses"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*LimitsConfig)(nil)
)

// Validate names the key and the value that cannot work. The price file itself
// is read at start, so that a config can be checked on a machine without it.
func (c *Config) Validate() error {
	if c.ReloadInterval < 0 {
		return fmt.Errorf("reload_interval: must not be negative, not %s", c.ReloadInterval)
	}
	return nil
}

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	if l.Spans <= 0 {
		errs = append(errs, fmt.Errorf("spans: must be positive, not %d", l.Spans))
	}
	if l.Responses <= 0 {
		errs = append(errs, fmt.Errorf("responses: must be positive, not %d", l.Responses))
	}
	return errors.Join(errs...)
}

func (l *LimitsConfig) memory() genai.Limits {
	return genai.Limits{Spans: l.Spans, Responses: l.Responses}
}
