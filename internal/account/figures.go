package account

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Signal is what a collector counts of spans, or of log records.
type Signal struct {
	Accepted uint64 // by receivers, whose pipeline took them
	Refused  uint64 // by receivers, because the pipeline did not: the sender was told
	Removed  uint64 // went into a processor and did not come out
	Added    uint64 // came out of one and did not go in
	Limited  uint64 // of Removed, those that the memory limiter turned away
	GaveUp   uint64 // by the exporter, after its retries
}

// Figures are what a collector says of itself.
type Figures struct {
	Instance       string // service.instance.id
	Spans, Records Signal
	// QueueSize and QueueCapacity are of the exporter's queues together, in what the
	// queue counts (requests, where nobody chose otherwise). Nil where there is none.
	QueueSize, QueueCapacity *uint64
}

// Scope says which components lead to the exporter. Nil lists are all there are.
type Scope struct {
	Exporter              string // id, as clickhouse_audit/2
	Receivers, Processors []string
}

func (s *Scope) has(list []string, id string) bool { return list == nil || slices.Contains(list, id) }

// ErrNoCollector means that what was read is not what a collector says of itself.
var ErrNoCollector = errors.New("no metrics of a collector")

// Read reads the answer of a collector's Prometheus endpoint. Readers bound it.
func Read(r io.Reader, s *Scope) (Figures, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Figures{}, fmt.Errorf("reading the collector's metrics: %w", err)
	}
	var f Figures
	for name, family := range families {
		if name == "target_info" {
			f.Instance = instance(family)
		}
	}
	if f.Instance == "" {
		return f, ErrNoCollector
	}
	flows := map[[2]string]*inOut{} // by processor and signal
	for name, family := range families {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "otelcol_"), "_total")
		for _, m := range family.GetMetric() {
			f.add(name, m, s, flows)
		}
	}
	for key, flow := range flows {
		sig := &f.Spans
		if key[1] == "logs" {
			sig = &f.Records
		}
		sig.Removed += flow.in - min(flow.in, flow.out)
		sig.Added += flow.out - min(flow.in, flow.out)
	}
	return f, nil
}

type inOut struct{ in, out uint64 }

func instance(family *dto.MetricFamily) string {
	for _, m := range family.GetMetric() {
		if id := label(m, "service_instance_id"); id != "" {
			return id
		}
	}
	return ""
}

// add takes over one series.
func (f *Figures) add(name string, m *dto.Metric, s *Scope, flows map[[2]string]*inOut) {
	n := number(m)
	kind, _, _ := strings.Cut(name, "_")
	switch kind {
	case "receiver":
		if s.has(s.Receivers, label(m, "receiver")) {
			f.received(name, n)
		}
	case "processor":
		if s.has(s.Processors, label(m, "processor")) {
			f.processed(name, n, m, flows)
		}
	case "exporter":
		if label(m, "exporter") == s.Exporter {
			f.exported(name, n, m)
		}
	}
}

func (f *Figures) received(name string, n uint64) {
	switch name {
	case "receiver_accepted_spans":
		f.Spans.Accepted += n
	case "receiver_refused_spans", "receiver_failed_spans":
		f.Spans.Refused += n
	case "receiver_accepted_log_records":
		f.Records.Accepted += n
	case "receiver_refused_log_records", "receiver_failed_log_records":
		f.Records.Refused += n
	}
}

func (f *Figures) processed(name string, n uint64, m *dto.Metric, flows map[[2]string]*inOut) {
	switch name {
	case "processor_incoming_items", "processor_outgoing_items":
		signal := label(m, "otel_signal")
		if signal != "traces" && signal != "logs" {
			return
		}
		key := [2]string{label(m, "processor"), signal}
		if flows[key] == nil {
			flows[key] = new(inOut)
		}
		if name == "processor_incoming_items" {
			flows[key].in += n
		} else {
			flows[key].out += n
		}
	case "processor_memory_limiter_refused_spans":
		f.Spans.Limited += n
	case "processor_memory_limiter_refused_log_records":
		f.Records.Limited += n
	}
}

// shutdown is the helper's word for a request that goes back to the queue because
// the collector ends.
const shutdown = "Shutdown"

func (f *Figures) exported(name string, n uint64, m *dto.Metric) {
	switch name {
	case "exporter_send_failed_spans":
		if label(m, "error_type") != shutdown {
			f.Spans.GaveUp += n
		}
	case "exporter_send_failed_log_records":
		if label(m, "error_type") != shutdown {
			f.Records.GaveUp += n
		}
	case "exporter_queue_size":
		f.QueueSize = sum(f.QueueSize, n)
	case "exporter_queue_capacity":
		f.QueueCapacity = sum(f.QueueCapacity, n)
	}
}

func sum(total *uint64, n uint64) *uint64 {
	if total != nil {
		n += *total
	}
	return &n
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// number is the value of a counter or gauge; what cannot be a count is 0.
func number(m *dto.Metric) uint64 {
	v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
	if !(v > 0) || v >= math.MaxInt64 {
		return 0
	}
	return uint64(v)
}
