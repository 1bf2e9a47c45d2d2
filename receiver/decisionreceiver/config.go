package decisionreceiver

import (
	"errors"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the decision receiver.
type Config struct {
	// Governance is the governance extension that knows the answers. Required.
	Governance *component.ID `mapstructure:"governance"`
	// HTTP is the listener, with TLS and auth as everywhere in the collector.
	// Default endpoint 127.0.0.1:4320, bodies up to 1 MiB.
	HTTP confighttp.ServerConfig `mapstructure:"http"`
	// Admin guards the paths of operators, which can release halts.
	Admin AdminConfig `mapstructure:"admin"`

	_ struct{}
}

// AdminConfig says who may use the operators' paths. Neither key set, they refuse
// everybody.
type AdminConfig struct {
	// Authenticator is an extension that authenticates operators, such as
	// basicauth or oidc. It is asked beside the listener's own auth.
	Authenticator *component.ID `mapstructure:"authenticator"`
	// UnauthenticatedLoopback lets anybody on this machine in. It needs a listener
	// on a loopback address. Default false.
	UnauthenticatedLoopback bool `mapstructure:"unauthenticated_loopback"`

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
	if c.Admin.UnauthenticatedLoopback && !loopback(c.HTTP.NetAddr.Endpoint) {
		errs = append(errs, fmt.Errorf("admin::unauthenticated_loopback: http::endpoint is %q, which is not on a loopback address; use admin::authenticator", c.HTTP.NetAddr.Endpoint))
	}
	return errors.Join(errs...)
}

func loopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
