package boundaryprocessor

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/judge"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/pending"
	"github.com/spanwarden/spanwarden/processor/boundaryprocessor/internal/rates"
)

// Config is the configuration of the boundary processor.
type Config struct {
	// Governance is the governance extension that holds the registry. Without it
	// nothing can be judged, and every action is said to be not evaluated.
	Governance *component.ID `mapstructure:"governance"`
	// BeforeRegistry says what becomes of an action that began before the first
	// version of the registry was loaded: judge, the default, holds it against that
	// version and says so; not_evaluated does not.
	BeforeRegistry BeforeRegistry `mapstructure:"before_registry"`
	// Late is about actions whose agent becomes known after their span has left.
	Late LateConfig `mapstructure:"late"`
	// Decisions is about what the decision receiver answered, held against what was
	// done.
	Decisions DecisionsConfig `mapstructure:"decisions"`
	Limits    LimitsConfig    `mapstructure:"limits"`

	_ struct{}
}

// BeforeRegistry is what becomes of actions that are older than the registry.
type BeforeRegistry string

// The choices.
const (
	BeforeJudge        BeforeRegistry = "judge"
	BeforeNotEvaluated BeforeRegistry = "not_evaluated"
)

// LateConfig says how long is waited for whoever acted.
type LateConfig struct {
	// Grace is after which an action is judged by what its own span and process
	// say, if that names an entry. Default 1m.
	Grace time.Duration `mapstructure:"grace"`
	// Wait is after which an action is forgotten: it stays not evaluated, or as it
	// was judged last. Default 1h.
	Wait time.Duration `mapstructure:"wait"`

	_ struct{}
}

// DecisionsConfig says how decisions and actions are joined.
type DecisionsConfig struct {
	// DigestKey and DigestKeyID are those of the decision receiver's digest. Without
	// a key, the default, arguments are not compared.
	DigestKey   configopaque.String `mapstructure:"digest_key"`
	DigestKeyID string              `mapstructure:"digest_key_id"`
	// Watermark is how long an action waits for the decision about it. Default 1m.
	Watermark time.Duration `mapstructure:"watermark"`
	// Limit is how many decisions, and how many actions, are kept for an hour.
	// Default 100000.
	Limit int `mapstructure:"limit"`

	_ struct{}
}

// Validate names the keys and the values that cannot work.
func (d *DecisionsConfig) Validate() error {
	var errs []error
	if d.Watermark <= 0 {
		errs = append(errs, fmt.Errorf("watermark: must be positive, not %s", d.Watermark))
	}
	if d.Limit <= 0 {
		errs = append(errs, fmt.Errorf("limit: must be positive, not %d", d.Limit))
	}
	return errors.Join(errs...)
}

// LimitsConfig bounds memory. What exceeds a limit is counted, and the oldest
// goes first.
type LimitsConfig struct {
	// Pending is how many actions wait for whoever acted, and PendingBytes about
	// how much memory they take. Defaults 50000 and 67108864.
	Pending      int `mapstructure:"pending"`
	PendingBytes int `mapstructure:"pending_bytes"`
	// Rates is how many uses of rules with a rate are remembered, RatePerRule how
	// many of one rule: a rule with a greater max is never evaluated. Defaults
	// 500000 and 65536.
	Rates       int `mapstructure:"rates"`
	RatePerRule int `mapstructure:"rate_per_rule"`
	// Daily is how many causes are remembered that are told once a day. Default
	// 10000.
	Daily int `mapstructure:"daily"`
	// Agents is how many agents of the registry have metrics of their own. Default
	// 1000.
	Agents int `mapstructure:"agents"`
	// Spans and Responses are as in the genai processor, for when none stands in
	// front. Defaults 100000 and 200000.
	Spans     int `mapstructure:"spans"`
	Responses int `mapstructure:"responses"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*LateConfig)(nil)
	_ confmap.Validator = (*DecisionsConfig)(nil)
	_ confmap.Validator = (*LimitsConfig)(nil)
)

// Validate names the key and the value that cannot work.
func (c *Config) Validate() error {
	switch c.BeforeRegistry {
	case BeforeJudge, BeforeNotEvaluated:
		return nil
	default:
		return fmt.Errorf("before_registry: must be %s or %s, not %q", BeforeJudge, BeforeNotEvaluated, c.BeforeRegistry)
	}
}

// Validate names the keys and the values that cannot work.
func (l *LateConfig) Validate() error {
	var errs []error
	if l.Grace <= 0 {
		errs = append(errs, fmt.Errorf("grace: must be positive, not %s", l.Grace))
	}
	if l.Wait < l.Grace {
		errs = append(errs, fmt.Errorf("wait: must not be less than grace (%s), not %s", l.Grace, l.Wait))
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	for _, limit := range []struct {
		key string
		n   int
	}{
		{"pending", l.Pending},
		{"pending_bytes", l.PendingBytes},
		{"rates", l.Rates},
		{"rate_per_rule", l.RatePerRule},
		{"daily", l.Daily},
		{"agents", l.Agents},
		{"spans", l.Spans},
		{"responses", l.Responses},
	} {
		if limit.n <= 0 {
			errs = append(errs, fmt.Errorf("%s: must be positive, not %d", limit.key, limit.n))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) options() judge.Options {
	return judge.Options{Strict: c.BeforeRegistry == BeforeNotEvaluated}
}

func (c *Config) pending() pending.Limits {
	return pending.Limits{Items: c.Limits.Pending, Bytes: c.Limits.PendingBytes, Ripe: c.Late.Grace, TTL: c.Late.Wait}
}

func (l *LimitsConfig) rates() rates.Limits {
	return rates.Limits{PerKey: l.RatePerRule, Total: l.Rates}
}

func (l *LimitsConfig) memory() genai.Limits {
	return genai.Limits{Spans: l.Spans, Responses: l.Responses}
}
