package alertmanagerexporter

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// Config is the configuration of the alertmanager exporter.
type Config struct {
	// Endpoints are the base addresses of the Alertmanagers, without /api/v2. Each
	// is told everything; they should be of one cluster or notify different people.
	// Default http://127.0.0.1:9093 alone.
	Endpoints []string `mapstructure:"endpoints"`
	// HTTP is the client for all of them: TLS, authentication, headers, timeout of
	// one request (default 10s). Its endpoint stays empty.
	HTTP confighttp.ClientConfig `mapstructure:"http"`

	// MinSeverity is the mildest severity that raises an alert: warning, high or
	// critical. Default warning; info never alerts.
	MinSeverity string `mapstructure:"min_severity"`
	// Labels are templates by label name. A key given here replaces the default of
	// that name or adds to them; an empty template leaves the label out. Findings
	// whose labels are equal, severity aside, are one alert.
	Labels map[string]string `mapstructure:"labels"`
	// Annotations are further templates by annotation name, in the same way.
	Annotations map[string]string `mapstructure:"annotations"`
	// GeneratorURL is a template of the address of the evidence. Default none.
	GeneratorURL string `mapstructure:"generator_url"`

	// ResendInterval is how often a firing alert is posted again. Default 1m.
	ResendInterval time.Duration `mapstructure:"resend_interval"`
	// LapseIntervals is after how many of them an Alertmanager that hears nothing
	// more lets an alert lapse. Default 4.
	LapseIntervals int `mapstructure:"lapse_intervals"`
	// ResolveAfter is how long an alert fires after its last finding and its first
	// delivery, whichever is later. Default 1h.
	ResolveAfter time.Duration `mapstructure:"resolve_after"`
	// UntilResolved are finding types whose alerts wait for a resolution instead: a
	// type, or a prefix with * at its end. Default budget.*.
	UntilResolved []string `mapstructure:"until_resolved"`
	// GiveUpAfter is ResolveAfter for those types: a resolution that is lost must
	// not leave an alert for ever. Default 768h, a month and a day.
	GiveUpAfter time.Duration `mapstructure:"give_up_after"`
	// MinFiring is how long an alert stays firing after its first delivery, even if
	// it is resolved sooner. A value above Alertmanager's group_wait makes short
	// ones notify too. Default 0.
	MinFiring time.Duration `mapstructure:"min_firing"`

	// Storage is the storage extension that keeps the state across restarts.
	// Default none: the state is lost, and firing alerts lapse.
	Storage *component.ID `mapstructure:"storage"`

	Limits LimitsConfig `mapstructure:"limits"`

	// Retry says how long to wait after a failed post; posts are never given up. It
	// is used for writing the state, too, which is given up after
	// max_elapsed_time (30s) and is then the sender's to repeat.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue is off by default, so that a batch is acknowledged when its findings
	// are in the state and on the disk.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	_ struct{}
}

// LimitsConfig bounds memory, posts and texts.
type LimitsConfig struct {
	// Alerts is how many alerts are held, firing ones and resolutions not yet
	// delivered. Beyond it the oldest of the mildest go first. Default 10000.
	Alerts int `mapstructure:"alerts"`
	// Findings is how many finding ids are remembered to recognise repeats.
	// Default 100000.
	Findings int `mapstructure:"findings"`
	// PostAlerts is how many alerts one request holds at most. Default 500.
	PostAlerts int `mapstructure:"post_alerts"`
	// LabelBytes is the longest label value; longer ones end in a digest of the
	// whole. Default 256.
	LabelBytes int `mapstructure:"label_bytes"`
	// AnnotationBytes is the longest annotation and generator URL. Default 2048.
	AnnotationBytes int `mapstructure:"annotation_bytes"`

	_ struct{}
}

var (
	_ confmap.Validator = (*Config)(nil)
	_ confmap.Validator = (*LimitsConfig)(nil)
)

const minLabelBytes = 32

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// Validate names the keys and values that cannot work.
func (c *Config) Validate() error {
	errs := []error{c.validateEndpoints(), c.validateTemplates(), c.validateTimes()}
	if rank := finding.Severity(c.MinSeverity).Rank(); rank < finding.Warning.Rank() {
		errs = append(errs, fmt.Errorf("min_severity: want one of warning, high, critical, not %q", c.MinSeverity))
	}
	for _, t := range c.UntilResolved {
		if t == "" || strings.Contains(strings.TrimSuffix(t, "*"), "*") {
			errs = append(errs, fmt.Errorf("until_resolved: want a finding type, or a prefix and *, not %q", t))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateEndpoints() error {
	var errs []error
	if len(c.Endpoints) == 0 {
		errs = append(errs, errors.New("endpoints: at least one Alertmanager is needed"))
	}
	for i, e := range c.Endpoints {
		u, err := url.Parse(e)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("endpoints: number %d is no URL", i+1)) // err may quote a password
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			errs = append(errs, fmt.Errorf("endpoints: want http://host:port or https://host:port, not %q", u.Redacted()))
		case u.User != nil:
			errs = append(errs, fmt.Errorf("endpoints: %q holds a user; use http::auth or http::headers", u.Redacted()))
		case u.RawQuery != "" || u.Fragment != "":
			errs = append(errs, fmt.Errorf("endpoints: want a base address without ? and #, not %q", u.Redacted()))
		}
		if slices.Contains(c.Endpoints[:i], e) {
			errs = append(errs, fmt.Errorf("endpoints: number %d repeats another", i+1))
		}
	}
	if c.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("http::endpoint: must stay empty, the addresses stand in endpoints"))
	}
	if c.HTTP.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("http::timeout: must be positive, not %s: an Alertmanager that hangs must not stop the posts to it", c.HTTP.Timeout))
	}
	return errors.Join(errs...)
}

func (c *Config) validateTemplates() error {
	var errs []error
	check := func(section string, templates map[string]string) {
		for name, text := range templates {
			if !labelName.MatchString(name) {
				errs = append(errs, fmt.Errorf("%s: %q is no name of letters, digits and underscores", section, name))
			}
			if _, err := parseTemplate(text); err != nil {
				errs = append(errs, fmt.Errorf("%s::%s: %w", section, name, err))
			}
		}
	}
	check("labels", c.Labels)
	check("annotations", c.Annotations)
	if c.Labels[labelAlertname] == "" {
		errs = append(errs, errors.New("labels::alertname: must not be empty"))
	}
	return errors.Join(append(errs, c.validateGeneratorURL())...)
}

func (c *Config) validateGeneratorURL() error {
	if c.GeneratorURL == "" {
		return nil
	}
	t, err := parseTemplate(c.GeneratorURL)
	if err != nil {
		return fmt.Errorf("generator_url: %w", err)
	}
	u, err := url.Parse(t.render(func(string) string { return "x" }))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("generator_url: %q makes no http:// or https:// address", c.GeneratorURL)
	}
	return nil
}

func (c *Config) validateTimes() error {
	var errs []error
	if c.ResendInterval < time.Second {
		errs = append(errs, fmt.Errorf("resend_interval: must be at least 1s, not %s", c.ResendInterval))
	}
	if c.LapseIntervals < 2 {
		errs = append(errs, fmt.Errorf("lapse_intervals: must be at least 2, not %d, or one late post ends an alert", c.LapseIntervals))
	}
	if c.ResolveAfter <= 0 {
		errs = append(errs, fmt.Errorf("resolve_after: must be positive, not %s", c.ResolveAfter))
	}
	if c.GiveUpAfter < c.ResolveAfter {
		errs = append(errs, fmt.Errorf("give_up_after: must be at least resolve_after (%s), not %s", c.ResolveAfter, c.GiveUpAfter))
	}
	if c.MinFiring < 0 {
		errs = append(errs, fmt.Errorf("min_firing: must not be negative, not %s", c.MinFiring))
	}
	return errors.Join(errs...)
}

// Validate names the key and the value of every limit that cannot work.
func (l *LimitsConfig) Validate() error {
	var errs []error
	for _, limit := range []struct {
		name       string
		value, min int
	}{
		{"alerts", l.Alerts, 1},
		{"findings", l.Findings, 1},
		{"post_alerts", l.PostAlerts, 1},
		{"label_bytes", l.LabelBytes, minLabelBytes},
		{"annotation_bytes", l.AnnotationBytes, minLabelBytes},
	} {
		if limit.value < limit.min {
			errs = append(errs, fmt.Errorf("%s: must be at least %d, not %d", limit.name, limit.min, limit.value))
		}
	}
	return errors.Join(errs...)
}
