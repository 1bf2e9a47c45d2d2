package replay

import (
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// vectorFile is what is needed of the delegation vectors of internal/chain: their
// spans and the registry. What they expect is the chain's own test.
type vectorFile struct {
	Catalog  []any                     `yaml:"catalog"`
	Registry map[string]map[string]any `yaml:"registry"`
	Vectors  []struct {
		ID    string `yaml:"id"`
		Spans []struct {
			Ref     string         `yaml:"ref"`
			TraceID string         `yaml:"trace_id"`
			SpanID  string         `yaml:"span_id"`
			Parent  string         `yaml:"parent_span_id"`
			State   string         `yaml:"trace_state"`
			Name    string         `yaml:"name"`
			Kind    string         `yaml:"kind"`
			Start   string         `yaml:"start"`
			End     string         `yaml:"end"`
			Attrs   map[string]any `yaml:"attributes"`
			Res     map[string]any `yaml:"resource"`
			Links   []struct {
				TraceID string         `yaml:"trace_id"`
				SpanID  string         `yaml:"span_id"`
				Attrs   map[string]any `yaml:"attributes"`
				Dropped uint32         `yaml:"dropped_attributes_count"`
			} `yaml:"links"`
			Dropped uint32 `yaml:"dropped_links_count"`
		} `yaml:"spans"`
	} `yaml:"vectors"`
}

// notStored names what a vector's spans bear and the store does not hold, "" where
// it holds all: a replay cannot say the same of those.
func (f *vectorFile) notStored(i int) string {
	if f.Vectors[i].ID == "dv06" {
		return "the kind of agents' spans in a cycle, of which no run is resolved"
	}
	for k := range f.Vectors[i].Spans {
		s := &f.Vectors[i].Spans[k]
		switch method, _ := s.Attrs["a2a.method.name"].(string); {
		case s.State != "":
			return "a trace state"
		case s.Attrs["spanwarden.chain.id"] != nil && len(s.Links) > 0:
			return "a chain's id, stated by who was asked"
		case s.Dropped > 0:
			return "a count of dropped links"
		case method != "" && strings.Contains(strings.ToLower(s.Kind), "client"):
			return "the kind of a span that sends an A2A message"
		case s.Attrs["spanwarden.delegation.id"] != nil && s.Attrs["gen_ai.operation.name"] == "execute_tool":
			return "a delegation claimed on a tool call"
		}
	}
	return ""
}

// spans returns those of one vector in traces of its own, so many hours later.
func (f *vectorFile) spans(t *testing.T, i int, to ptrace.Traces) {
	t.Helper()
	trace := func(text string) (id pcommon.TraceID) {
		_, err := hex.Decode(id[:], []byte(text))
		require.NoError(t, err)
		id[0] ^= byte(i + 1)
		return id
	}
	span := func(text string) (id pcommon.SpanID) {
		_, err := hex.Decode(id[:], []byte(text))
		require.NoError(t, err)
		return id
	}
	at := func(text string) pcommon.Timestamp {
		text = strings.Replace(text, ":60", ":59", 1)
		x, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return pcommon.NewTimestampFromTime(x.Add(time.Duration(i) * 3 * time.Hour))
	}
	for k := range f.Vectors[i].Spans {
		v := &f.Vectors[i].Spans[k]
		rs := to.ResourceSpans().AppendEmpty()
		require.NoError(t, rs.Resource().Attributes().FromRaw(v.Res))
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(trace(v.TraceID))
		s.SetSpanID(span(v.SpanID))
		if v.Parent != "" {
			s.SetParentSpanID(span(v.Parent))
		}
		s.SetName(v.Name)
		switch strings.ToLower(strings.TrimPrefix(v.Kind, "SPAN_KIND_")) {
		case "client":
			s.SetKind(ptrace.SpanKindClient)
		case "server":
			s.SetKind(ptrace.SpanKindServer)
		case "producer":
			s.SetKind(ptrace.SpanKindProducer)
		case "consumer":
			s.SetKind(ptrace.SpanKindConsumer)
		default:
			s.SetKind(ptrace.SpanKindInternal)
		}
		s.SetStartTimestamp(at(v.Start))
		s.SetEndTimestamp(at(v.End))
		require.NoError(t, s.Attributes().FromRaw(v.Attrs))
		for _, l := range v.Links {
			link := s.Links().AppendEmpty()
			link.SetTraceID(trace(l.TraceID))
			link.SetSpanID(span(l.SpanID))
			require.NoError(t, link.Attributes().FromRaw(l.Attrs))
		}
	}
}

// writeRegistry writes the vectors' registry as a folder of policy files.
func (f *vectorFile) writeRegistry(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, spec any) {
		raw, err := yaml.Marshal(map[string]any{
			"apiVersion": "spanwarden/v1alpha1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
		})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".yaml"), raw, 0o600))
	}
	for name, spec := range f.Registry {
		write(name, "AgentPermissions", spec)
	}
	if f.Catalog != nil {
		write("tools", "ToolCatalog", map[string]any{"tools": f.Catalog})
	}
	return dir
}

// The spans of the chain's vectors, one after another through the whole pipeline:
// each verdict about a delegation that live came to, a replay comes to, by id.
func TestVerdictsAboutDelegationAreReplayed(t *testing.T) {
	store := storetest.Start(t)
	files, err := filepath.Glob("../chain/testdata/*/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { replayVectors(t, file, store) })
	}
}

func replayVectors(t *testing.T, file string, store *storetest.Store) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var f vectorFile
	require.NoError(t, yaml.Unmarshal(raw, &f))
	t.Setenv("SPANWARDEN_REGISTRY", f.writeRegistry(t))
	t.Setenv("SPANWARDEN_BUDGETS", "")
	rules := func() *Rules {
		r, err := ReadConfig(t.Context(), "../../configs/spanwarden.yaml", nil, "", factories())
		require.NoError(t, err)
		return r
	}
	all := ptrace.NewTraces()
	skipped := map[string]int{}
	for i := range f.Vectors {
		if why := f.notStored(i); why != "" {
			skipped[why]++
			continue
		}
		f.spans(t, i, all)
	}
	t.Log(len(f.Vectors), "vectors; left out, as the store does not hold what they need:", skipped)
	first, last := time.Time{}, lastEnd(all)
	for _, td := range batches(all)[:1] {
		first = lastEnd(td)
	}
	since, until := first.Add(-time.Hour).Truncate(time.Hour), last.Add(3*time.Hour)
	conn := stored(t, store.Database(t), live(t, rules(), all, since, until))
	report, err := Run(t.Context(), NewStore(conn), rules(), Options{Since: since, Until: until})
	require.NoError(t, err)
	require.NoError(t, report.Text(testWriter{t}))
	types := map[string]bool{}
	for _, g := range report.Groups {
		if g.Findings > 0 {
			types[g.Type] = true
		}
	}
	t.Log(len(types), "types:", slices.Sorted(maps.Keys(types)))
	assert.Equal(t, report.OnRecord, report.Same)
	assert.Zero(t, report.New)
	assert.Zero(t, report.Gone)
}
