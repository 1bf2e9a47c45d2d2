package findingsconnector

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/connector/findingsconnector/internal/extract"
)

// Config is the configuration of the findings connector.
type Config struct {
	// Limits bound what one span and one batch may say.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// LimitsConfig bounds the records made of one span and of one batch. Beyond a
// limit the mildest findings are left out first, and counted; they stay on their
// spans.
type LimitsConfig struct {
	// PerSpan is how many findings of one span become records. Default 1000.
	PerSpan int `mapstructure:"per_span"`
	// PerBatch is how many findings of one batch become records. Default 100000.
	PerBatch int `mapstructure:"per_batch"`

	_ struct{}
}

var _ confmap.Validator = (*LimitsConfig)(nil)

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	if l.PerSpan <= 0 {
		errs = append(errs, fmt.Errorf("per_span: must be positive, not %d", l.PerSpan))
	}
	if l.PerBatch <= 0 {
		errs = append(errs, fmt.Errorf("per_batch: must be positive, not %d", l.PerBatch))
	}
	return errors.Join(errs...)
}

func (l *LimitsConfig) kernel() extract.Limits {
	return extract.Limits{PerSpan: l.PerSpan, PerBatch: l.PerBatch}
}
