package decisionreceiver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the decision receiver.
type Config struct {
	// Governance is the governance extension that knows the answers. Required.
	Governance *component.ID `mapstructure:"governance"`
	// HTTP is the listener, with TLS and auth as everywhere in the collector.
	// Default endpoint 127.0.0.1:4320, bodies up to 1 MiB.
	HTTP confighttp.ServerConfig `mapstructure:"http"`
	// GRPC is the listener for Envoy's gRPC check and agentgateway's ExtMcp. Off unless the key is there;
	// default endpoint 127.0.0.1:4321.
	GRPC configoptional.Optional[configgrpc.ServerConfig] `mapstructure:"grpc"`
	// Admin guards the paths of operators, which can release halts.
	Admin AdminConfig `mapstructure:"admin"`
	// Evidence is required, the default: an answer leaves when its record has been
	// taken by the pipeline, and is a denial if it is not; or best_effort: the
	// answer leaves first, and what is lost is counted.
	Evidence Evidence `mapstructure:"evidence"`
	// EvidenceTimeout is how long an answer waits for the pipeline. Default 1s.
	EvidenceTimeout time.Duration `mapstructure:"evidence_timeout"`
	// ReservationTTL is how long an allowed action holds its call, or the cost its
	// asker expects, against budgets until its span is charged. 0 holds nothing.
	// Default 1m.
	ReservationTTL time.Duration `mapstructure:"reservation_ttl"`
	// Digest keys the digests of what was asked.
	Digest DigestConfig `mapstructure:"digest"`
	// RateLimit bounds each caller.
	RateLimit RateLimitConfig `mapstructure:"rate_limit"`
	Limits    LimitsConfig    `mapstructure:"limits"`
	// Tenant is whose scopes the paths without a tenant ask about. Default none.
	Tenant string `mapstructure:"tenant"`

	AuthZEN    AuthZENConfig    `mapstructure:"authzen"`
	ClaudeCode ClaudeCodeConfig `mapstructure:"claude_code"`
	ExtAuthz   ExtAuthzConfig   `mapstructure:"ext_authz"`
	ExtMCP     ExtMCPConfig     `mapstructure:"ext_mcp"`
	LiteLLM    LiteLLMConfig    `mapstructure:"litellm"`

	_ struct{}
}

// Evidence says when a decision is recorded.
type Evidence string

// The values of evidence.
const (
	EvidenceRequired   Evidence = "required"
	EvidenceBestEffort Evidence = "best_effort"
)

// Verbosity says how much a refusal tells: what reaches a model teaches an
// attacker.
type Verbosity string

// The values of verbosity: the reason's code, or the id of the rule too.
const (
	VerbosityCode Verbosity = "code"
	VerbosityRule Verbosity = "rule"
)

// OnError says what is answered where nothing could be decided.
type OnError string

// The values of on_error.
const (
	OnErrorDeny  OnError = "deny"
	OnErrorAllow OnError = "allow"
)

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

// DigestConfig is the key of input digests.
type DigestConfig struct {
	// Key is the secret. Empty, the default, means one made at start: digests of
	// different runs then cannot be compared, nor those of several collectors.
	Key configopaque.String `mapstructure:"key"`
	// KeyID names the key in every digest. Default "", for a single key.
	KeyID string `mapstructure:"key_id"`

	_ struct{}
}

// RateLimitConfig is a token bucket for each caller: an authenticated client, or
// an address.
type RateLimitConfig struct {
	// PerSecond is how many requests a second a caller may send. 0 is no limit.
	// Default 10000.
	PerSecond float64 `mapstructure:"per_second"`
	// Burst is how many at once. Default 20000.
	Burst int `mapstructure:"burst"`
	// Callers is how many callers are told apart; the others share one bucket.
	// Default 10000.
	Callers int `mapstructure:"callers"`

	_ struct{}
}

// LimitsConfig bounds memory. What exceeds a limit is counted.
type LimitsConfig struct {
	// Queue is how many decisions wait to be recorded. Default 10000.
	Queue int `mapstructure:"queue"`
	// Group is how many decisions are recorded in one call at most. Default 512.
	Group int `mapstructure:"group"`
	// Decisions is how many records GET /v1/decisions/{id} still knows, Approvals
	// how many questions wait for a person, Grants how many delegations are kept,
	// Calls how many tool calls and sub-agents are remembered between hooks; the
	// oldest go first. Reservations is how many budgets' keys hold reservations; one
	// beyond that is judged by what was charged. Rules is how many rules with a rate are counted; a rule
	// beyond that is never allowed. Defaults 10000 each.
	Decisions int `mapstructure:"decisions"`
	Approvals int `mapstructure:"approvals"`
	Grants    int `mapstructure:"grants"`
	Calls     int `mapstructure:"calls"`
	Rules     int `mapstructure:"rules"`

	Reservations int `mapstructure:"reservations"`

	_ struct{}
}

// AuthZENConfig is about /access/v1 and the metadata document.
type AuthZENConfig struct {
	// BaseURL is the https address under which askers reach us, for the metadata
	// document. Empty, the default: the address asked, and no document without TLS.
	BaseURL string `mapstructure:"base_url"`
	// Tenants have paths of their own: /<tenant>/access/v1/…. Default none.
	Tenants []string `mapstructure:"tenants"`
	// MCPServer is put before the bare tool names of tools/call. Default none.
	MCPServer string `mapstructure:"mcp_server"`
	// Directory is a file of subjects and resources with stored properties. Empty,
	// the default, means that these cannot be searched.
	Directory string `mapstructure:"directory"`
	// Verbosity is code or rule. Default rule.
	Verbosity Verbosity `mapstructure:"verbosity"`

	_ struct{}
}

// ClaudeCodeConfig is about /v1/hooks/claude-code.
type ClaudeCodeConfig struct {
	// Agent is the name of a session's own agent. Default claude-code.
	Agent string `mapstructure:"agent"`
	// Principal is on whose behalf sessions act, as type:id. Default nobody known.
	Principal string `mapstructure:"principal"`
	// AnswerAllow answers an explicit allow, which skips the user's own permission
	// prompt. Default false.
	AnswerAllow bool `mapstructure:"answer_allow"`
	// OnError is deny or allow. Default deny.
	OnError OnError `mapstructure:"on_error"`
	// Verbosity is code or rule. Default code.
	Verbosity Verbosity `mapstructure:"verbosity"`
	// RecordArguments puts tool arguments on the spans of what was done. They may
	// hold anything. Default false.
	RecordArguments bool `mapstructure:"record_arguments"`

	_ struct{}
}

// ExtAuthzConfig is about /ext-authz/.
type ExtAuthzConfig struct {
	// TrustXFCC believes x-forwarded-client-cert: set it where only Envoy can reach
	// this listener and Envoy sanitises the header. Default false.
	TrustXFCC bool `mapstructure:"trust_xfcc"`
	// AgentHeader names the agent where no certificate does. Default
	// x-spanwarden-agent.
	AgentHeader string `mapstructure:"agent_header"`
	// Servers names MCP servers by host, as in mcp.bank.example: bank. A host that
	// is not named is its own name.
	Servers map[string]string `mapstructure:"servers"`
	// Verbosity is code or rule. Default code.
	Verbosity Verbosity `mapstructure:"verbosity"`

	_ struct{}
}

// ExtMCPConfig is about agentgateway's ExtMcp, on the gRPC listener.
type ExtMCPConfig struct {
	// AgentFrom and PrincipalFrom are the keys of the gateway's metadata that name
	// the agent and on whose behalf it acts. Defaults agent and principal.
	AgentFrom     string `mapstructure:"agent_from"`
	PrincipalFrom string `mapstructure:"principal_from"`
	// Verbosity is code or rule. Default code.
	Verbosity Verbosity `mapstructure:"verbosity"`

	_ struct{}
}

// LiteLLMConfig is about /beta/litellm_basic_guardrail_api.
type LiteLLMConfig struct {
	// AgentFrom is the member of request_data that names the agent. Default
	// user_api_key_alias.
	AgentFrom string `mapstructure:"agent_from"`
	// Verbosity is code or rule. Default code.
	Verbosity Verbosity `mapstructure:"verbosity"`

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
	errs = append(errs,
		oneOf("evidence", c.Evidence, EvidenceRequired, EvidenceBestEffort),
		oneOf("authzen::verbosity", c.AuthZEN.Verbosity, VerbosityCode, VerbosityRule),
		oneOf("claude_code::verbosity", c.ClaudeCode.Verbosity, VerbosityCode, VerbosityRule),
		oneOf("ext_authz::verbosity", c.ExtAuthz.Verbosity, VerbosityCode, VerbosityRule),
		oneOf("ext_mcp::verbosity", c.ExtMCP.Verbosity, VerbosityCode, VerbosityRule),
		oneOf("litellm::verbosity", c.LiteLLM.Verbosity, VerbosityCode, VerbosityRule),
		oneOf("claude_code::on_error", c.ClaudeCode.OnError, OnErrorDeny, OnErrorAllow),
		c.Limits.validate(), c.RateLimit.validate(), c.AuthZEN.validate())
	if c.EvidenceTimeout <= 0 {
		errs = append(errs, fmt.Errorf("evidence_timeout: must be positive, not %s", c.EvidenceTimeout))
	}
	if c.ReservationTTL < 0 {
		errs = append(errs, fmt.Errorf("reservation_ttl: must not be negative, not %s", c.ReservationTTL))
	}
	if c.ClaudeCode.Agent == "" {
		errs = append(errs, errors.New("claude_code::agent: is empty"))
	}
	if p := c.ClaudeCode.Principal; p != "" {
		if kind, id, ok := strings.Cut(p, ":"); !ok || kind == "" || id == "" {
			errs = append(errs, fmt.Errorf("claude_code::principal: want type:id, not %q", p))
		}
	}
	return errors.Join(errs...)
}

func oneOf[T ~string](key string, v T, want ...T) error {
	if slices.Contains(want, v) {
		return nil
	}
	return fmt.Errorf("%s: want %s or %s, not %q", key, want[0], want[1], v)
}

func (l *LimitsConfig) validate() error {
	var errs []error
	for _, x := range []struct {
		key string
		n   int
	}{
		{"queue", l.Queue},
		{"group", l.Group},
		{"decisions", l.Decisions},
		{"approvals", l.Approvals},
		{"grants", l.Grants},
		{"calls", l.Calls},
		{"rules", l.Rules},
		{"reservations", l.Reservations},
	} {
		if x.n <= 0 {
			errs = append(errs, fmt.Errorf("limits::%s: must be positive, not %d", x.key, x.n))
		}
	}
	return errors.Join(errs...)
}

func (l *RateLimitConfig) validate() error {
	switch {
	case l.PerSecond < 0:
		return fmt.Errorf("rate_limit::per_second: must not be negative, not %g", l.PerSecond)
	case l.PerSecond > 0 && l.Burst <= 0:
		return fmt.Errorf("rate_limit::burst: must be positive, not %d", l.Burst)
	case l.Callers <= 0:
		return fmt.Errorf("rate_limit::callers: must be positive, not %d", l.Callers)
	}
	return nil
}

func (a *AuthZENConfig) validate() error {
	var errs []error
	if a.BaseURL != "" {
		u, err := url.Parse(a.BaseURL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(a.BaseURL, "/") {
			errs = append(errs, fmt.Errorf("authzen::base_url: want https://host[:port][/path] without query, fragment and final slash, not %q", a.BaseURL))
		}
	}
	for _, t := range a.Tenants {
		if t == "" || t == "access" || t == "v1" || url.PathEscape(t) != t || strings.ContainsAny(t, "{}$") {
			errs = append(errs, fmt.Errorf("authzen::tenants: %q cannot be part of a path", t))
		}
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
