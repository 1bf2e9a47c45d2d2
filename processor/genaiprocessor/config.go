package genaiprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/genai"
)

// Config is the configuration of the genai processor.
type Config struct {
	// Limits bound what is remembered between batches.
	Limits LimitsConfig `mapstructure:"limits"`
	// Accounting says how emitters count tokens that the built-in table does not
	// know. The first rule that matches decides; what the numbers of a span prove
	// comes before any rule.
	Accounting []AccountingConfig `mapstructure:"accounting"`
	// TrustIncoming believes spanwarden.* attributes and events that arrive: for a
	// collector that only other spanwarden collectors can reach. Default false:
	// agents could otherwise state their own reading, price or verdict.
	TrustIncoming bool `mapstructure:"trust_incoming"`
	// DigestKey keys the digests of system instructions and of tools on offer, so that
	// nobody who knows only a digest can test guesses. All collectors need the same
	// one, and a new one looks like a change of every agent. Empty, the default, means
	// plain SHA-256.
	DigestKey configopaque.String `mapstructure:"digest_key"`
	// RoutingKey writes spanwarden.routing.key on each span, for a gateway that
	// sends each session to one collector: the session, or the trace where none is
	// known. Default false.
	RoutingKey bool `mapstructure:"routing_key"`

	_ struct{}
}

// Ways to count, as they are written in the configuration.
const (
	inclusive = "inclusive"
	exclusive = "exclusive"
)

// AccountingConfig is one rule. Scope, service and provider must all match; one
// of scope and service is required.
type AccountingConfig struct {
	// Scope is a prefix of the instrumentation scope's name.
	Scope string `mapstructure:"scope"`
	// Service is a service.name.
	Service string `mapstructure:"service"`
	// Provider is a canonical provider such as anthropic; empty means every one.
	Provider string `mapstructure:"provider"`
	// Cache says whether cache reads and writes stand in the input count
	// (inclusive) or beside it (exclusive). Required.
	Cache string `mapstructure:"cache"`
	// Reasoning says the same of reasoning and the output count. Default inclusive.
	Reasoning string `mapstructure:"reasoning"`

	_ struct{}
}

// Validate names the key and the value that cannot work.
func (a *AccountingConfig) Validate() error {
	var errs []error
	if a.Scope == "" && a.Service == "" {
		errs = append(errs, errors.New("scope, service: one of them must say whose counts are meant"))
	}
	if a.Cache != inclusive && a.Cache != exclusive {
		errs = append(errs, fmt.Errorf("cache: must be %s or %s, not %q", inclusive, exclusive, a.Cache))
	}
	if a.Reasoning != "" && a.Reasoning != inclusive && a.Reasoning != exclusive {
		errs = append(errs, fmt.Errorf("reasoning: must be %s or %s, not %q", inclusive, exclusive, a.Reasoning))
	}
	return errors.Join(errs...)
}

func (c *Config) options() genai.Options {
	opts := genai.Options{IgnoreCanonical: !c.TrustIncoming}
	for _, a := range c.Accounting {
		opts.Accounting = append(opts.Accounting, genai.AccountingRule{
			Scope: a.Scope, Service: a.Service, Provider: a.Provider,
			Exclusive: a.Cache == exclusive, ReasoningExclusive: a.Reasoning == exclusive,
		})
	}
	return opts
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

var (
	_ confmap.Validator = (*LimitsConfig)(nil)
	_ confmap.Validator = (*AccountingConfig)(nil)
)

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
