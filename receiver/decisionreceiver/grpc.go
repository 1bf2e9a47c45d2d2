package decisionreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/decision/extauthz"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// rawCodec hands messages over as bytes: the one call that is served reads and
// writes them itself.
type rawCodec struct{}

var errCodec = errors.New("not a message of this server")

// Marshal implements encoding.CodecV2.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, errCodec
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return errCodec
	}
	*b = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2.
func (rawCodec) Name() string { return "proto" }

// startGRPC listens for Envoy where that is configured.
func (r *decisionReceiver) startGRPC(ctx context.Context, host component.Host) error {
	if !r.cfg.GRPC.HasValue() {
		return nil
	}
	cfg := r.cfg.GRPC.Get()
	server, err := cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings,
		configgrpc.WithGrpcServerOption(grpc.ForceServerCodecV2(rawCodec{})))
	if err != nil {
		return fmt.Errorf("grpc: %w", err)
	}
	for service, methods := range map[string]map[string]rawCall{
		extauthz.Service: {extauthz.Method: r.grpcCheck},
		extauthz.MCPService: {
			extauthz.MCPRequest: r.mcpCheck,
			extauthz.MCPResponse: func(context.Context, []byte) (*[]byte, error) {
				pass := extauthz.AppendMCPPass(nil) // what was allowed may be answered
				return &pass, nil
			},
		},
	} {
		desc := &grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil)}
		for name, call := range methods {
			desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: name, Handler: call.handler("/" + service + "/" + name)})
		}
		server.RegisterService(desc, struct{}{})
	}
	listener, err := cfg.NetAddr.Listen(ctx)
	if err != nil {
		return fmt.Errorf("grpc::endpoint: %w", err)
	}
	r.grpc, r.grpcAddress = server, listener.Addr().String()
	r.set.Logger.Info("decision receiver listens for Envoy", zap.String("endpoint", r.grpcAddress))
	r.tasks.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// rawCall answers a message with a message, as bytes.
type rawCall func(ctx context.Context, raw []byte) (*[]byte, error)

// handler is the call as grpc takes it.
func (c rawCall) handler(method string) grpc.MethodHandler {
	handle := func(ctx context.Context, req any) (any, error) { return c(ctx, *req.(*[]byte)) }
	return func(server any, ctx context.Context, read func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var raw []byte
		if err := read(&raw); err != nil {
			return nil, err
		}
		if intercept == nil {
			return handle(ctx, &raw)
		}
		return intercept(ctx, &raw, &grpc.UnaryServerInfo{Server: server, FullMethod: method}, handle)
	}
}

// mcpCheck answers agentgateway. What cannot be read is refused.
func (r *decisionReceiver) mcpCheck(ctx context.Context, raw []byte) (*[]byte, error) {
	refuse := func(code uint64, reason string) (*[]byte, error) {
		out := extauthz.AppendMCPError(nil, code, reason)
		return &out, nil
	}
	c := peerOf(ctx)
	if !r.limiter.allow(c.key(), r.engine.now()) {
		r.tel.ReceiverDecisionRateLimited.Add(ctx, 1)
		return refuse(extauthz.MCPExhausted, "too many requests")
	}
	call, err := extauthz.ParseMCP(raw)
	if err != nil {
		return refuse(extauthz.MCPInvalid, "no McpRequest")
	}
	pass := extauthz.AppendMCPPass(nil)
	if call.Passes() {
		return &pass, nil
	}
	batch := r.engine.newID(r.engine.now())
	var recs []*decision.Record
	for _, q := range call.Questions(extauthz.MCPOptions{Tenant: r.cfg.Tenant, AgentFrom: r.cfg.ExtMCP.AgentFrom, PrincipalFrom: r.cfg.ExtMCP.PrincipalFrom}) {
		q.Batch = batch
		q.Trace, q.Span = traceParent(call.Traceparent())
		recs = append(recs, r.engine.decide(q, c.by("ext_mcp")))
	}
	r.engine.record(ctx, recs...)
	for _, rec := range recs {
		if rec.Outcome.Answered == decision.Allow {
			continue
		}
		code := uint64(extauthz.MCPDenied)
		if rec.Outcome.Reason == decision.ReasonBudgetExceeded || rec.Outcome.Reason == policy.ReasonRateExceeded {
			code = extauthz.MCPExhausted
		}
		return refuse(code, reasonOf(rec, r.cfg.ExtMCP.Verbosity)+" (decision "+rec.ID.String()+")")
	}
	return &pass, nil
}

// grpcCheck answers a CheckRequest. What cannot be read is an error, which Envoy
// takes as its failure_mode_allow says.
func (r *decisionReceiver) grpcCheck(ctx context.Context, raw []byte) (*[]byte, error) {
	c := peerOf(ctx)
	if !r.limiter.allow(c.key(), r.engine.now()) {
		r.tel.ReceiverDecisionRateLimited.Add(ctx, 1)
		return nil, status.Error(codes.ResourceExhausted, "this caller sends too many requests")
	}
	check, err := extauthz.ParseCheck(raw, r.cfg.ExtAuthz.AgentHeader)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	rec := r.check(ctx, check, c)
	id := rec.ID.String()
	if rec.Outcome.Answered == decision.Allow {
		out := extauthz.AppendAllowed(nil, decisionHeader, id)
		return &out, nil
	}
	body, err := json.Marshal(refused{"denied", reasonOf(rec, r.cfg.ExtAuthz.Verbosity), id})
	if err != nil {
		return nil, status.Error(codes.Internal, "the answer could not be written")
	}
	out := extauthz.AppendDenied(nil, http.StatusForbidden, decisionHeader, id, body)
	return &out, nil
}

// peerOf is who calls over gRPC. It is the gateway; the agent is what the gateway
// says.
func peerOf(ctx context.Context) caller {
	var c caller
	if p, ok := peer.FromContext(ctx); ok {
		c.address = p.Addr.String()
		if host, _, err := net.SplitHostPort(c.address); err == nil {
			c.address = host
		}
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.VerifiedChains) > 0 {
			c.spiffe = spiffeOf(info.State.PeerCertificates[0])
		}
	}
	if auth := client.FromContext(ctx).Auth; auth != nil {
		c.subject, c.clientID = attribute1(auth, "sub", "subject"), attribute1(auth, "client_id", "azp")
	}
	return c
}
