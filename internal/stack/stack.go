// Package stack runs the real binaries: the embedded audit store and the
// collector in front of it, each in its own process on loopback. The demo, the
// conformance run and the end-to-end tests share it.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Ports are the listening ports on 127.0.0.1. A zero port is replaced by a free
// one when the stack is made.
type Ports struct{ Store, OTLPHTTP, OTLPGRPC, Decision, DecisionGRPC, Health, Metrics, Alertmanager int }

// DefaultPorts are those that the documentation names.
var DefaultPorts = Ports{Store: 8123, OTLPHTTP: 4318, OTLPGRPC: 4317, Decision: 4320, DecisionGRPC: 4321, Health: 13133, Metrics: 8888, Alertmanager: 9093}

// Options say what to run and where.
type Options struct {
	Bin string // folder of the binaries, as `make build` leaves them
	// Gateway runs the gateway, which takes no decisions and knows no store, in
	// place of a collector.
	Gateway bool
	Config  string // collector configuration
	State   string // folder for the store, the queue, dead letters and logs
	Ports   Ports
	// Overlays are further configuration files, merged over Config in order.
	Overlays []string
	// Env is further environment of the collector, "NAME=value" each.
	Env []string
	// Overrides are further collector settings, "a::b: value" each.
	Overrides []string
}

// Stack is one store, one collector and, where asked for, one Alertmanager. Not safe for concurrent use.
type Stack struct {
	opts         Options
	store        *process
	collector    *process
	alertmanager *process
}

// New returns a stack that is not running yet.
func New(opts Options) (*Stack, error) {
	for _, port := range []*int{&opts.Ports.Store, &opts.Ports.OTLPHTTP, &opts.Ports.OTLPGRPC, &opts.Ports.Decision, &opts.Ports.DecisionGRPC, &opts.Ports.Health, &opts.Ports.Metrics, &opts.Ports.Alertmanager} {
		if *port != 0 {
			continue
		}
		free, err := freePort()
		if err != nil {
			return nil, err
		}
		*port = free
	}
	if err := os.MkdirAll(opts.State, 0o755); err != nil {
		return nil, fmt.Errorf("making the state folder: %w", err)
	}
	return &Stack{opts: opts}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }() // nothing was sent
	return l.Addr().(*net.TCPAddr).Port, nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// DSN is where the audit store answers.
func (s *Stack) DSN() string { return "http://" + local(s.opts.Ports.Store) + "/spanwarden" }

// OTLP is where the collector takes OTLP over HTTP.
func (s *Stack) OTLP() string { return "http://" + local(s.opts.Ports.OTLPHTTP) }

// StorePort is where the store listens, for a stack that shares it.
func (s *Stack) StorePort() int { return s.opts.Ports.Store }

// OTLPGRPC is the host and port where the collector takes OTLP over gRPC.
func (s *Stack) OTLPGRPC() string { return local(s.opts.Ports.OTLPGRPC) }

// Decision is where the collector answers operators and those who ask.
func (s *Stack) Decision() string { return "http://" + local(s.opts.Ports.Decision) }

// Metrics is where the collector tells Prometheus of itself.
func (s *Stack) Metrics() string { return "http://" + local(s.opts.Ports.Metrics) + "/metrics" }

// State is the folder of the store, the queue, dead letters and logs.
func (s *Stack) State() string { return s.opts.State }

// StartStore starts the embedded engine and waits until it answers.
func (s *Stack) StartStore(ctx context.Context) error {
	p, err := start(filepath.Join(s.opts.State, "store.log"), nil,
		filepath.Join(s.opts.Bin, "spanwarden"), "store", "serve",
		"--path", filepath.Join(s.opts.State, "store"), "--listen", local(s.opts.Ports.Store))
	if err != nil {
		return err
	}
	s.store = p
	return p.waitFor(ctx, "http://"+local(s.opts.Ports.Store)+"/ping")
}

// Configure gives the collector, when it is next started, another environment
// and other overrides.
func (s *Stack) Configure(env, overrides []string) { s.opts.Env, s.opts.Overrides = env, overrides }

// StartCollector starts the collector and waits until it is healthy.
func (s *Stack) StartCollector(ctx context.Context) error {
	overrides := append([]string{
		"extensions::health_check::endpoint: " + local(s.opts.Ports.Health),
		"receivers::otlp::protocols::http::endpoint: " + local(s.opts.Ports.OTLPHTTP),
		"receivers::otlp::protocols::grpc::endpoint: " + local(s.opts.Ports.OTLPGRPC),
		fmt.Sprintf("service::telemetry::metrics::readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]", s.opts.Ports.Metrics),
	}, s.opts.Overrides...)
	binary := "otelcol-spanwarden-gateway"
	if !s.opts.Gateway {
		binary = "otelcol-spanwarden"
		overrides = append([]string{
			"receivers::decision::http::endpoint: " + local(s.opts.Ports.Decision),
			"receivers::decision::grpc::endpoint: " + local(s.opts.Ports.DecisionGRPC),
			"exporters::clickhouse_audit::integrity::self_metrics::endpoint: http://" + local(s.opts.Ports.Metrics) + "/metrics",
		}, overrides...)
	}
	args := make([]string, 0, 2+2*len(s.opts.Overlays)+2*len(overrides))
	args = append(args, "--config", s.opts.Config)
	for _, file := range s.opts.Overlays {
		args = append(args, "--config", file)
	}
	for _, o := range overrides {
		args = append(args, "--config", "yaml:"+o)
	}
	env := append([]string{"SPANWARDEN_CLICKHOUSE_DSN=" + s.DSN(), "SPANWARDEN_STATE=" + s.opts.State, "SPANWARDEN_ALERTMANAGER=" + s.Alertmanager()}, s.opts.Env...)
	p, err := start(filepath.Join(s.opts.State, "collector.log"), env, filepath.Join(s.opts.Bin, binary), args...)
	if err != nil {
		return err
	}
	s.collector = p
	return p.waitFor(ctx, "http://"+local(s.opts.Ports.Health)+"/")
}

// Start starts both.
func (s *Stack) Start(ctx context.Context) error {
	if err := s.StartStore(ctx); err != nil {
		return err
	}
	return s.StartCollector(ctx)
}

// CollectorPID and StorePID name the running processes, for tests that starve
// them or weigh them.
func (s *Stack) CollectorPID() int { return s.collector.cmd.Process.Pid }

// Running tells whether a collector was started.
func (s *Stack) Running() bool { return s.collector != nil }

// StorePID is the process of the embedded engine.
func (s *Stack) StorePID() int { return s.store.cmd.Process.Pid }

// KillStore and KillCollector end a process as a crash would.
func (s *Stack) KillStore() { s.store.kill() }

// KillCollector ends the collector as a crash would.
func (s *Stack) KillCollector() { s.collector.kill() }

// StopCollector asks the collector to stop and waits until it has drained.
func (s *Stack) StopCollector() error { return s.collector.stop() }

// Stop stops all, the collector first, so that it can drain.
func (s *Stack) Stop() error {
	return errors.Join(s.collector.stop(), s.store.stop(), s.alertmanager.stop())
}

// Send posts one OTLP JSON request, as an agent's SDK does, and returns an error
// unless the collector accepted it.
func (s *Stack) Send(ctx context.Context, request []byte) error {
	return post(ctx, s.OTLP()+"/v1/traces", request)
}

// healthPoll is how often a starting process is asked.
const healthPoll = 50 * time.Millisecond

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing in it matters
	return resp.StatusCode == http.StatusOK
}
