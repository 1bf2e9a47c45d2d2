package genaiprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/genai"
)

// Config is the configuration of the genai processor.
type Config struct {
	// Limits bound what is remembered between batches.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// LimitsConfig bounds the memory between batches. A span's ancestors and a model
// call's other reports may arrive in another batch; what falls out of these
// bounds is counted and read without their help.
type LimitsConfig struct {
	// Spans is how many spans are remembered to find ancestors, about 300 bytes
	// each. Default 100000.
	Spans int `mapstructure:"spans"`
	// Responses is how many response ids are remembered to recognise a second
	// report of a call, about 100 bytes each. Default 200000.
	Responses int `mapstructure:"responses"`

	_ struct{}
}

var _ confmap.Validator = (*LimitsConfig)(nil)

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
