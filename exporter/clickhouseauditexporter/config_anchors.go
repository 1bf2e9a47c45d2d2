package clickhouseauditexporter

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// AnchorsConfig names places that nobody who can change the store can change.
type AnchorsConfig struct {
	// Directory gets one file a log, to which signed checkpoints are appended. Default
	// none.
	Directory string `mapstructure:"directory"`
	// HTTP gets signed checkpoints by POST. What it answers must be 2xx. Default none.
	HTTP configoptional.Optional[confighttp.ClientConfig] `mapstructure:"http"`
	// Git gets signed checkpoints as commits. Default none.
	Git configoptional.Optional[GitAnchorConfig] `mapstructure:"git"`
	// S3 gets signed checkpoints as objects. Default none.
	S3 configoptional.Optional[S3AnchorConfig] `mapstructure:"s3"`
	// Witnesses cosign checkpoints before they go anywhere. Default none, at most 16.
	Witnesses []WitnessConfig `mapstructure:"witnesses"`

	_ struct{}
}

// GitAnchorConfig says where commits are pushed. The program git must be installed;
// its configuration has the credentials.
type GitAnchorConfig struct {
	// Remote is whatever git pushes to. Required.
	Remote string `mapstructure:"remote"`
	// Branch comes in front of the writer's name: each writer has its own. Protect
	// BRANCH/* against being forced. Default spanwarden-anchors.
	Branch string `mapstructure:"branch"`
	// Every is the least time between two commits; 0 is every checkpoint. Default 10m.
	Every time.Duration `mapstructure:"every"`

	_ struct{}
}

// S3AnchorConfig says where objects are put. Paths begin with the bucket.
type S3AnchorConfig struct {
	// Endpoint is https://host[:port]. Default Amazon's in the region.
	Endpoint string `mapstructure:"endpoint"`
	// Region signs requests. Default us-east-1.
	Region string `mapstructure:"region"`
	// Bucket must be there already. Required.
	Bucket string `mapstructure:"bucket"`
	// Prefix comes in front of the names of objects. Default none.
	Prefix string `mapstructure:"prefix"`
	// AccessKeyID, SecretAccessKey and SessionToken sign requests. Default the
	// environment's AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
	AccessKeyID     string              `mapstructure:"access_key_id"`
	SecretAccessKey configopaque.String `mapstructure:"secret_access_key"`
	SessionToken    configopaque.String `mapstructure:"session_token"`
	// Retain locks each object for so long; the bucket must have object lock. Default
	// 0, which leaves that to the bucket.
	Retain time.Duration `mapstructure:"retain"`
	// LockMode is compliance, which nobody can lift, or governance. Default compliance.
	LockMode string `mapstructure:"lock_mode"`
	// Every is the least time between two objects; 0 is every checkpoint. Default 0.
	Every time.Duration `mapstructure:"every"`
	// TLS is used with https://.
	TLS configtls.ClientConfig `mapstructure:"tls"`

	_ struct{}
}

// WitnessConfig names a witness as C2SP's tlog-witness has it.
type WitnessConfig struct {
	// Endpoint is in front of /add-checkpoint. Required.
	Endpoint string `mapstructure:"endpoint"`
	// Key is its public key, name+hash+base64. Required.
	Key string `mapstructure:"key"`
	// TLS is used with https://.
	TLS configtls.ClientConfig `mapstructure:"tls"`

	_ struct{}
}

var (
	_ confmap.Validator = (*AnchorsConfig)(nil)
	_ confmap.Validator = (*GitAnchorConfig)(nil)
	_ confmap.Validator = (*S3AnchorConfig)(nil)
	_ confmap.Validator = (*WitnessConfig)(nil)
)

// maxWitnesses bounds what a checkpoint waits for.
const maxWitnesses = 16

// Validate asks for an address where checkpoints are posted.
func (c *AnchorsConfig) Validate() error {
	if len(c.Witnesses) > maxWitnesses {
		return fmt.Errorf("witnesses: at most %d, not %d", maxWitnesses, len(c.Witnesses))
	}
	if h := c.HTTP.Get(); h != nil {
		return address("http::endpoint", h.Endpoint)
	}
	return nil
}

func address(key, value string) error {
	if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s: want http:// or https:// and a host, not %q", key, value)
	}
	return nil
}

// branchName is what is surely a name to git.
var branchName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*)*$`)

// Validate names the key and the value of what cannot work.
func (c *GitAnchorConfig) Validate() error {
	var errs []error
	if c.Remote == "" || strings.HasPrefix(c.Remote, "-") {
		errs = append(errs, fmt.Errorf("remote: want what git pushes to, not %q", c.Remote))
	}
	if !branchName.MatchString(c.Branch) {
		errs = append(errs, fmt.Errorf("branch: want letters, digits and _-/, not %q", c.Branch))
	}
	return errors.Join(append(errs, notNegative("every", c.Every))...)
}

func notNegative(key string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%s: must not be negative, not %s", key, d)
	}
	return nil
}

// Validate names the key and the value of what cannot work.
func (c *S3AnchorConfig) Validate() error {
	errs := []error{notNegative("every", c.Every), notNegative("retain", c.Retain)}
	if c.Endpoint != "" {
		errs = append(errs, address("endpoint", c.Endpoint))
	}
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?#") {
		errs = append(errs, fmt.Errorf("bucket: want the name of a bucket, not %q", c.Bucket))
	}
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		errs = append(errs, errors.New("access_key_id, secret_access_key: want both or none"))
	}
	if c.lockMode() != anchor.Compliance && c.lockMode() != anchor.Governance {
		errs = append(errs, fmt.Errorf("lock_mode: want compliance or governance, not %q", c.LockMode))
	}
	return errors.Join(errs...)
}

func (c *S3AnchorConfig) lockMode() string { return strings.ToUpper(c.LockMode) }

// Validate names the key and the value of what cannot work.
func (c *WitnessConfig) Validate() error {
	_, err := tlog.NewWitness(c.Key)
	if err != nil {
		err = fmt.Errorf("key: %w", err)
	}
	return errors.Join(address("endpoint", c.Endpoint), err)
}
