package clickhouseauditexporter

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
)

// mockStore is a store as the collector's contract checker sees it: a receiver
// that hands every insert to the consumer, and answers as that does.
type mockStore struct {
	address string
	next    consumer.Traces
	server  *httptest.Server
}

func (m *mockStore) Start(context.Context, component.Host) error {
	l, err := net.Listen("tcp", m.address)
	if err != nil {
		return err
	}
	m.server = httptest.NewUnstartedServer(m)
	_ = m.server.Listener.Close() // ours takes its place
	m.server.Listener = l
	m.server.Start()
	return nil
}

func (m *mockStore) Shutdown(context.Context) error {
	m.server.Close()
	return nil
}

func (m *mockStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what a broken request answers is of no interest
	if strings.Contains(string(body), "displayName()") {
		_, _ = w.Write(hello())
		return
	}
	err := m.next.ConsumeTraces(r.Context(), ptrace.NewTraces())
	switch {
	case consumererror.IsPermanent(err):
		w.Header().Set("X-ClickHouse-Exception-Code", "16")
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		w.Header().Set("X-ClickHouse-Exception-Code", "252")
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// hello answers what the driver asks first, in format Native.
func hello() []byte {
	var name, version, zone proto.ColStr
	var revision proto.ColUInt32
	name.Append("mock")
	version.Append("26.5.1.1")
	revision.Append(54460)
	zone.Append("UTC")
	var buf proto.Buffer
	input := proto.Input{
		{Name: "displayName()", Data: &name},
		{Name: "version()", Data: &version},
		{Name: "revision()", Data: &revision},
		{Name: "timezone()", Data: &zone},
	}
	if err := (&proto.Block{Columns: len(input), Rows: 1}).EncodeBlock(&buf, 54460, input); err != nil {
		panic(err) // the columns above do not fit each other
	}
	return buf.Buf
}

func TestConsumeContract(t *testing.T) {
	address := freeAddress(t)
	cfg := createDefaultConfig().(*Config)
	cfg.Integrity.Enabled = false // the store is none
	cfg.DSN = configopaque.String("http://" + address)
	cfg.CreateSchema = false
	cfg.DeadLetter.Directory = t.TempDir()
	cfg.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
	cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Millisecond, time.Millisecond
	store := receiver.NewFactory(component.MustNewType("mock_store"), func() component.Config { return &struct{}{} },
		receiver.WithTraces(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Traces) (receiver.Traces, error) {
			return &mockStore{address: address, next: next}, nil
		}, component.StabilityLevelDevelopment))
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalTraces,
		ExporterFactory: NewFactory(), ExporterConfig: cfg,
		ReceiverFactory: store, ReceiverConfig: store.CreateDefaultConfig(),
	})
	require.Empty(t, instances.byConfig)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
