package decisionreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

const (
	// maxBody bounds a request, in bytes.
	maxBody = 1 << 20
	// A client that takes longer for its headers or its body is cut off.
	readHeaderTimeout, readTimeout = 5 * time.Second, 10 * time.Second
	defaultLimit                   = 10_000
)

// NewFactory returns the factory of the decision receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithTraces(createTraces, metadata.TracesStability))
}

func createDefaultConfig() component.Config {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = "127.0.0.1:4320"
	http.MaxRequestBodySize = maxBody
	http.ReadHeaderTimeout, http.ReadTimeout = readHeaderTimeout, readTimeout
	grpc := configgrpc.NewDefaultServerConfig()
	grpc.NetAddr.Endpoint = "127.0.0.1:4321"
	grpc.MaxRecvMsgSizeMiB = 2 // a body of 1 MiB and what is around it
	return &Config{
		HTTP: http, GRPC: configoptional.Default(grpc), Evidence: EvidenceRequired, EvidenceTimeout: time.Second, ReservationTTL: time.Minute,
		RateLimit: RateLimitConfig{PerSecond: 10_000, Burst: 20_000, Callers: defaultLimit},
		Limits: LimitsConfig{
			Queue: defaultLimit, Group: 512, Decisions: defaultLimit, Approvals: defaultLimit, Grants: defaultLimit,
			Calls: defaultLimit, Rules: defaultLimit, Reservations: defaultLimit,
		},
		AuthZEN:    AuthZENConfig{Verbosity: VerbosityRule},
		ClaudeCode: ClaudeCodeConfig{Agent: "claude-code", OnError: OnErrorDeny, Verbosity: VerbosityCode},
		ExtAuthz:   ExtAuthzConfig{AgentHeader: "x-spanwarden-agent", Verbosity: VerbosityCode},
		ExtMCP:     ExtMCPConfig{AgentFrom: "agent", PrincipalFrom: "principal", Verbosity: VerbosityCode},
		LiteLLM:    LiteLLMConfig{AgentFrom: "user_api_key_alias", Verbosity: VerbosityCode},
	}
}

func createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	return newReceiver(set, cfg.(*Config), next)
}
