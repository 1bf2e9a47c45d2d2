package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// side is a collector to measure.
type side struct {
	name, about string
	binary      string // "" is ours
	// args and env of the collector.
	args func(*options, *place) []string
	// database and table hold the spans, one for each id; "" where none are stored.
	database, table, id string
}

// place is where one run happens.
type place struct {
	dir                                string
	store, otlp, grpc, health, metrics int
	decision, decisionGRPC             int
	registry, budgets                  string
}

func sides() []*side {
	ours := func(more ...string) func(*options, *place) []string {
		return func(o *options, p *place) []string { return append(ourArgs(o, p), more...) }
	}
	return []*side{
		{name: "floor", about: "OTLP receiver, nothing behind it", binary: "peer/otelcol-peer", args: config("floor.yaml")},
		{
			name: "peer", about: "OTLP receiver, contrib clickhouse exporter", binary: "peer/otelcol-peer", args: config("peer.yaml"),
			database: "default", table: "otel_traces", id: "SpanId",
		},
		{
			name: "ours", about: "configs/spanwarden.yaml, with registry and budgets", args: ours(),
			database: "spanwarden", table: "actions", id: "action_id",
		},
		{
			name: "ours-memory", about: "the same with the sending queue in memory, as the peer has it",
			args:     ours("--config", "yaml:exporters::clickhouse_audit::sending_queue::storage: null"),
			database: "spanwarden", table: "actions", id: "action_id",
		},
		{
			name: "ours-content", about: "ours, keeping message content",
			args:     ours("--config", "yaml:exporters::clickhouse_audit::content: {enabled: true, secret: a-secret-of-the-benchmark}"),
			database: "spanwarden", table: "actions", id: "action_id",
		},
		{
			name: "ours-unsealed", about: "ours, without the signed ledger",
			args:     ours("--config", "yaml:exporters::clickhouse_audit::integrity::enabled: false"),
			database: "spanwarden", table: "actions", id: "action_id",
		},
	}
}

func sideNames() (names []string) {
	for _, s := range sides() {
		names = append(names, s.name)
	}
	return names
}

func sideNamed(name string) *side {
	for _, s := range sides() {
		if s.name == name {
			return s
		}
	}
	return nil
}

func config(file string) func(*options, *place) []string {
	return func(o *options, _ *place) []string { return []string{"--config", filepath.Join(o.configs, file)} }
}

// ourArgs are the shipped configuration on the ports of this run.
func ourArgs(o *options, p *place) []string {
	args := []string{"--config", o.ours}
	local := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	for _, set := range []string{
		"extensions::health_check::endpoint: " + local(p.health),
		"receivers::otlp::protocols::http::endpoint: " + local(p.otlp),
		"receivers::otlp::protocols::grpc::endpoint: " + local(p.grpc),
		"receivers::decision::http::endpoint: " + local(p.decision),
		"receivers::decision::grpc::endpoint: " + local(p.decisionGRPC),
		fmt.Sprintf("service::telemetry::metrics::readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]", p.metrics),
	} {
		args = append(args, "--config", "yaml:"+set)
	}
	for set := range strings.SplitSeq(o.set, ";") {
		if set != "" {
			args = append(args, "--config", "yaml:"+strings.TrimSpace(set))
		}
	}
	return args
}

// env is the environment of every side.
func (p *place) env() []string {
	n := strconv.Itoa
	return []string{
		"BENCH_HEALTH=" + n(p.health), "BENCH_OTLP=" + n(p.otlp), "BENCH_STORE=" + n(p.store),
		"SPANWARDEN_CLICKHOUSE_DSN=http://127.0.0.1:" + n(p.store) + "/spanwarden",
		"SPANWARDEN_STATE=" + p.dir, "SPANWARDEN_REGISTRY=" + p.registry, "SPANWARDEN_BUDGETS=" + p.budgets,
		"SPANWARDEN_ALERTMANAGER=http://127.0.0.1:9", // nobody is there
	}
}
