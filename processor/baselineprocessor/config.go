package baselineprocessor

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
)

// Config is the configuration of the baseline processor.
type Config struct {
	// Storage is the storage extension that keeps the baselines over a restart.
	// Without it, the default, every start begins anew.
	Storage *component.ID `mapstructure:"storage"`
	// SnapshotInterval is how often they are saved. Default 1m.
	SnapshotInterval time.Duration `mapstructure:"snapshot_interval"`
	// ContentKey is the secret under which values are hashed, 32 hex digits. Empty,
	// the default, means one made at the first start and kept in Storage beside the
	// snapshot, or, without Storage, one for this run.
	ContentKey configopaque.String `mapstructure:"content_key"`
	// SessionTTL is how long a session may be silent before it is over. Default 30m.
	SessionTTL time.Duration `mapstructure:"session_ttl"`
	// CoolDown is how long an incident must not repeat before it is over. Default
	// 15m.
	CoolDown time.Duration `mapstructure:"cool_down"`
	// KnownSessions and KnownDays are the quarantine: in how many sessions, and on
	// how many days (1 or 2), a value has to be seen before it counts as known.
	// Default 3 and 2.
	KnownSessions int `mapstructure:"known_sessions"`
	KnownDays     int `mapstructure:"known_days"`
	// NoAnchor turns the frozen baseline off, against which slow drift is held.
	// Default false.
	NoAnchor bool `mapstructure:"no_anchor"`
	// Tuning is for all projects that Projects does not name, and for what those
	// leave out.
	Tuning TuningConfig `mapstructure:"tuning"`
	// Projects are tuned by the id of the project.
	Projects map[string]TuningConfig `mapstructure:"projects"`
	// Limits bound the memory.
	Limits LimitsConfig `mapstructure:"limits"`

	_ struct{}
}

// TuningConfig is what may differ from project to project. What is left out is as
// in the general tuning.
type TuningConfig struct {
	// WarningsPerDay is the budget of warnings; critical ones are exempt. Default 5.
	WarningsPerDay *float64 `mapstructure:"warnings_per_day"`
	// Probability is below which a call or a session is unusual. Default 0.0001.
	Probability *float64 `mapstructure:"probability"`
	// Ratio is how many times the usual high (about the 95th of a hundred) a call or
	// session must have, too. Default 3.
	Ratio *float64 `mapstructure:"ratio"`
	// Loops and Novelty turn those tests off. Default true.
	Loops   *bool `mapstructure:"loops"`
	Novelty *bool `mapstructure:"novelty"`
	// Mute are types of findings that are not made: rate, cost, tokens, latency,
	// errors, loop, novelty, drift. Default none.
	Mute []string `mapstructure:"mute"`

	_ struct{}
}

// LimitsConfig bounds the memory.
type LimitsConfig struct {
	// Keys is how many baselines of projects, agents, tools and arguments are kept.
	// Default 50000, which is some 20 to 30 MB.
	Keys int `mapstructure:"keys"`
	// Sessions is how many live sessions are followed. Default 5000, 25 MB at most.
	Sessions int `mapstructure:"sessions"`
	// Incidents is how many may last at a time. Default 10000.
	Incidents int `mapstructure:"incidents"`
	// Actions is how many ids are remembered to count each action once. Default
	// 200000.
	Actions int `mapstructure:"actions"`
	// Waiting is how many actions wait for the span that tells which agent acted.
	// Default 4096.
	Waiting int `mapstructure:"waiting"`
	// Spans is how many spans are remembered to find ancestors. Default 100000.
	Spans int `mapstructure:"spans"`
	// Responses is how many response ids are remembered to recognise a second
	// report of a call. Default 200000.
	Responses int `mapstructure:"responses"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*TuningConfig)(nil)
	_ confmap.Validator = (*LimitsConfig)(nil)
)

// Validate names the key and the value of everything that cannot work. It never
// repeats the content key.
func (c *Config) Validate() error {
	var errs []error
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"snapshot_interval", c.SnapshotInterval}, {"session_ttl", c.SessionTTL}, {"cool_down", c.CoolDown}} {
		if d.v < time.Second {
			errs = append(errs, fmt.Errorf("%s: must be at least 1s, not %s", d.key, d.v))
		}
	}
	if c.KnownSessions < 1 || c.KnownSessions > 255 {
		errs = append(errs, fmt.Errorf("known_sessions: must be from 1 to 255, not %d", c.KnownSessions))
	}
	if c.KnownDays < 1 || c.KnownDays > 2 {
		errs = append(errs, fmt.Errorf("known_days: must be 1 or 2, not %d", c.KnownDays))
	}
	if c.ContentKey != "" {
		if _, err := contentKey(string(c.ContentKey)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func contentKey(text string) (key [16]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("content_key: must be 32 hex digits, has %d characters", len(text))
	}
	return [16]byte(raw), nil
}

// Validate names the key and the value of everything that cannot work.
func (t *TuningConfig) Validate() error {
	var errs []error
	bad := func(key string, v *float64, lo, hi float64) {
		if v != nil && (math.IsNaN(*v) || *v < lo || *v > hi) {
			errs = append(errs, fmt.Errorf("%s: must be from %v to %v, not %v", key, lo, hi, *v))
		}
	}
	bad("warnings_per_day", t.WarningsPerDay, 0, 1e6)
	bad("probability", t.Probability, 1e-12, .5)
	bad("ratio", t.Ratio, 1, 1e6)
	for _, m := range t.Mute {
		if !slices.Contains(engine.Types(), engine.Type(m)) {
			errs = append(errs, fmt.Errorf("mute: %q is none of %v", m, engine.Types()))
		}
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	for _, v := range []struct {
		key string
		n   int
	}{
		{"keys", l.Keys},
		{"sessions", l.Sessions},
		{"incidents", l.Incidents},
		{"actions", l.Actions},
		{"waiting", l.Waiting},
		{"spans", l.Spans},
		{"responses", l.Responses},
	} {
		if v.n <= 0 {
			errs = append(errs, fmt.Errorf("%s: must be positive, not %d", v.key, v.n))
		}
	}
	return errors.Join(errs...)
}

func (l *LimitsConfig) memory() genai.Limits {
	return genai.Limits{Spans: l.Spans, Responses: l.Responses, Waiting: l.Waiting}
}

// options are the engine's, but for the content key.
func (c *Config) options() engine.Options {
	opt := engine.Defaults()
	opt.Limits = engine.Limits{Keys: c.Limits.Keys, Sessions: c.Limits.Sessions, Incidents: c.Limits.Incidents, Actions: c.Limits.Actions}
	opt.SessionTTL, opt.CoolDown = c.SessionTTL, c.CoolDown
	opt.Novelty.KnownSessions, opt.Novelty.KnownDays = c.KnownSessions, c.KnownDays
	opt.Drift.NoAnchor = c.NoAnchor
	opt.Default = c.Tuning.over(opt.Default)
	opt.Projects = make(map[string]engine.Tuning, len(c.Projects))
	for id := range c.Projects {
		t := c.Projects[id]
		opt.Projects[id] = t.over(opt.Default)
	}
	return opt
}

// over lays what is set over a tuning.
func (t *TuningConfig) over(base engine.Tuning) engine.Tuning {
	set := func(to *float64, v *float64) {
		if v != nil {
			*to = *v
		}
	}
	set(&base.Budget.PerDay, t.WarningsPerDay)
	set(&base.P, t.Probability)
	set(&base.Ratio, t.Ratio)
	if t.Loops != nil {
		base.Loops = *t.Loops
	}
	if t.Novelty != nil {
		base.Novelty = *t.Novelty
	}
	if t.Mute != nil {
		base.Muted = map[engine.Type]bool{}
		for _, m := range t.Mute {
			base.Muted[engine.Type(m)] = true
		}
	}
	return base
}
