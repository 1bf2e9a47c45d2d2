package decisionreceiver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/spanwarden/spanwarden/internal/decision/authzen"
	"github.com/spanwarden/spanwarden/internal/governance/policies"
	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

// decisionReceiver is an HTTP server in front of the governance extension.
type decisionReceiver struct {
	cfg  *Config
	set  receiver.Settings
	tel  *metadata.TelemetryBuilder
	next consumer.Traces

	gov       policies.Registry
	auth      extensionauth.Server // of operators; nil without one
	directory *authzen.Directory   // nil without one
	engine    *engine
	evidence  *evidence
	limiter   *limiter
	hooks     *hooks
	instance  string
	server    *http.Server
	grpc      *grpc.Server // nil without one
	tasks     sync.WaitGroup

	address, grpcAddress string // where it listens
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Traces) (*decisionReceiver, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &decisionReceiver{cfg: cfg, set: set, tel: tel, next: next}, nil
}

// Start listens. It returns only when the port is taken or the server answers.
func (r *decisionReceiver) Start(ctx context.Context, host component.Host) (err error) {
	if err = r.prepare(host); err != nil {
		return err
	}
	r.server, err = r.cfg.HTTP.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, r.handler())
	if err != nil {
		return err
	}
	listener, err := r.cfg.HTTP.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("http::endpoint: %w", err)
	}
	r.address = listener.Addr().String()
	r.evidence.start()
	r.set.Logger.Info("decision receiver listens", zap.String("endpoint", r.address), zap.String("evidence", string(r.cfg.Evidence)))
	if r.cfg.Digest.Key == "" {
		r.set.Logger.Info("digest::key is not set: digests of what was asked can be compared within this run only")
	}
	if err := r.startGRPC(ctx, host); err != nil {
		return errors.Join(err, listener.Close(), r.evidence.stop(ctx))
	}
	r.tasks.Go(func() {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// prepare finds what is needed and makes the engine.
func (r *decisionReceiver) prepare(host component.Host) (err error) {
	if r.gov, err = policies.Find(host, r.cfg.Governance); err != nil {
		return err
	}
	if id := r.cfg.Admin.Authenticator; id != nil {
		auth, ok := host.GetExtensions()[*id].(extensionauth.Server)
		if !ok {
			return fmt.Errorf("admin::authenticator: %s is no configured server authenticator", id)
		}
		r.auth = auth
	}
	if path := r.cfg.AuthZEN.Directory; path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("authzen::directory: %w", err)
		}
		if r.directory, err = authzen.ParseDirectory(path, data); err != nil {
			return fmt.Errorf("authzen::directory: %w", err)
		}
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	r.instance = hex.EncodeToString(random[:])
	version := r.set.BuildInfo.Version
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: r.set.ID, ReceiverCreateSettings: r.set})
	if err != nil {
		return err
	}
	r.evidence = newEvidence(r.cfg, r.next, version, r.instance, r.tel, report, r.set.Logger)
	r.engine = newEngine(r.cfg, r.gov, version, r.evidence, r.tel)
	r.limiter = newLimiter(&r.cfg.RateLimit)
	r.hooks = newHooks(r.cfg, r.engine)
	return r.observe()
}

func (r *decisionReceiver) observe() error {
	return errors.Join(
		r.tel.RegisterReceiverDecisionQueueCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(len(r.evidence.queue)))
			return nil
		}),
		r.tel.RegisterReceiverDecisionForgottenCallback(func(_ context.Context, o metric.Int64Observer) error {
			observe := func(store string, n int64) {
				o.Observe(n, metric.WithAttributeSet(attribute.NewSet(attribute.String("store", store))))
			}
			observe("decisions", r.evidence.recent.forgotten())
			r.engine.mu.Lock()
			approvals := r.engine.approvals.Forgotten()
			r.engine.mu.Unlock()
			r.engine.granting.Lock()
			grants := r.engine.grants.Forgotten()
			r.engine.granting.Unlock()
			observe("approvals", int64(approvals))
			observe("grants", int64(grants))
			observe("calls", r.hooks.forgotten())
			return nil
		}))
}

// Shutdown waits for the requests in flight, then records what waits.
func (r *decisionReceiver) Shutdown(ctx context.Context) error {
	defer r.tel.Shutdown()
	if r.server == nil {
		return nil
	}
	err := r.server.Shutdown(ctx)
	if r.grpc != nil {
		r.grpc.GracefulStop()
	}
	r.tasks.Wait()
	return errors.Join(err, r.evidence.stop(ctx))
}

// handler routes, limits and counts.
func (r *decisionReceiver) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range r.askers() {
		mux.HandleFunc(pattern, handle)
	}
	mux.HandleFunc("GET /v1/status", r.status)
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /v1/halts":                    r.listHalts,
		"POST /v1/halts":                   r.setHalt,
		"POST /v1/halts/{id}/release":      r.releaseHalt,
		"DELETE /v1/halts/{id}":            r.deleteHalt,
		"GET /v1/balances":                 r.balances,
		"GET /v1/decisions/{id}":           r.decision,
		"POST /v1/decisions/{id}/approve":  r.approve,
		"GET /v1/delegations/{id}":         r.delegation,
		"POST /v1/delegations/{id}/revoke": r.revoke,
		"GET /v1/chains/{id}":              r.chain,
	} {
		mux.Handle(pattern, r.operators(handle))
	}
	mux.Handle("POST /v1/delegations", r.agents(r.delegate))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, pattern := mux.Handler(req)
		counted := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		if id := req.Header.Get("X-Request-ID"); id != "" && len(id) <= maxRequestID {
			w.Header().Set("X-Request-ID", id)
		}
		mux.ServeHTTP(counted, req)
		r.tel.ReceiverDecisionRequests.Add(req.Context(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("route", pattern), attribute.Int("code", counted.code))))
	})
}

// maxRequestID bounds what is echoed.
const maxRequestID = 256

// askers are the paths of those who ask for decisions.
func (r *decisionReceiver) askers() map[string]http.HandlerFunc {
	m := map[string]http.HandlerFunc{
		"POST /v1/hooks/claude-code":             r.claudeCode,
		"/ext-authz/":                            r.extAuthz,
		"POST /beta/litellm_basic_guardrail_api": r.liteLLM,
		"GET /.well-known/authzen-configuration": r.metadata(""),
	}
	r.authzenPaths(m, "")
	for _, t := range r.cfg.AuthZEN.Tenants {
		r.authzenPaths(m, t)
		m["GET /.well-known/authzen-configuration/"+t] = r.metadata(t)
	}
	return m
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}
