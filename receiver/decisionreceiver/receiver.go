package decisionreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/receiver/decisionreceiver/internal/metadata"
)

// decisionReceiver is an HTTP server in front of the governance extension.
type decisionReceiver struct {
	cfg  *Config
	set  receiver.Settings
	tel  *metadata.TelemetryBuilder
	next consumer.Traces

	gov    governance.Extension
	auth   extensionauth.Server // of operators; nil without one
	server *http.Server
	tasks  sync.WaitGroup

	address string // where it listens
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
	if r.gov, err = governance.Find(host, r.cfg.Governance); err != nil {
		return err
	}
	if id := r.cfg.Admin.Authenticator; id != nil {
		auth, ok := host.GetExtensions()[*id].(extensionauth.Server)
		if !ok {
			return fmt.Errorf("admin::authenticator: %s is no configured server authenticator", id)
		}
		r.auth = auth
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
	r.set.Logger.Info("decision receiver listens", zap.String("endpoint", r.address))
	r.tasks.Go(func() {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
	return nil
}

// Shutdown waits for the requests in flight.
func (r *decisionReceiver) Shutdown(ctx context.Context) error {
	defer r.tel.Shutdown()
	if r.server == nil {
		return nil
	}
	err := r.server.Shutdown(ctx)
	r.tasks.Wait()
	return err
}

// handler routes and counts.
func (r *decisionReceiver) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", r.status)
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /v1/halts":               r.listHalts,
		"POST /v1/halts":              r.setHalt,
		"POST /v1/halts/{id}/release": r.releaseHalt,
		"GET /v1/balances":            r.balances,
	} {
		mux.Handle(pattern, r.operators(handle))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, pattern := mux.Handler(req)
		counted := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		mux.ServeHTTP(counted, req)
		r.tel.ReceiverDecisionRequests.Add(req.Context(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("route", pattern), attribute.Int("code", counted.code))))
	})
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
