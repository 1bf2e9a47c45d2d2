package delegationprocessor

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the delegation processor.
type Config struct {
	// Governance is the governance extension that owns the chains. Required.
	Governance *component.ID `mapstructure:"governance"`
	// SettleInterval is how often what time alone proves is looked for. Default 5s.
	SettleInterval time.Duration `mapstructure:"settle_interval"`
	Limits         LimitsConfig  `mapstructure:"limits"`

	_ struct{}
}

// LimitsConfig bounds memory. The oldest goes first, and is counted.
type LimitsConfig struct {
	// Links is how many links are read of a span. Default 128.
	Links int `mapstructure:"links"`
	// Unresolved is how many actions wait for their run to become known. Default
	// 100000.
	Unresolved int `mapstructure:"unresolved"`
	// Pending is how many records wait for a pipeline that refuses. Default 100000.
	Pending int `mapstructure:"pending"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)

	errNoGovernance = errors.New("governance: name the governance extension, such as `governance: governance`")
)

// Validate names the key and the value of what cannot work.
func (c *Config) Validate() error {
	var errs []error
	if c.Governance == nil {
		errs = append(errs, errNoGovernance)
	}
	if c.SettleInterval <= 0 {
		errs = append(errs, fmt.Errorf("settle_interval: must be positive, not %s", c.SettleInterval))
	}
	for _, l := range []struct {
		key   string
		value int
	}{{"links", c.Limits.Links}, {"unresolved", c.Limits.Unresolved}, {"pending", c.Limits.Pending}} {
		if l.value <= 0 {
			errs = append(errs, fmt.Errorf("limits::%s: must be positive, not %d", l.key, l.value))
		}
	}
	return errors.Join(errs...)
}
