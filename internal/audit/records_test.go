package audit

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// recordCase is one file of testdata/records: a log record, or an event of a
// settle span, and the columns of the rows it becomes.
type recordCase struct {
	Log        map[string]any               `yaml:"log"`
	Event      string                       `yaml:"event"`
	Attributes map[string]any               `yaml:"attributes"`
	At         *int64                       `yaml:"at"`   // seconds since 1970 instead of now
	Want       map[string]map[string]string `yaml:"want"` // by table and column
	Refused    string                       `yaml:"refused"`
}

// rows are the tables, with one row each, that a record became.
type tables map[string]map[string]string

func (r tables) read(t *testing.T, enc *Encoded) {
	t.Helper()
	row := map[string]string{}
	for name, col := range columnsOf(t, enc) {
		row[name] = cell(t, col, 0)
	}
	r[enc.Table] = row
}

func cell(t *testing.T, col proto.ColResult, i int) string {
	t.Helper()
	switch c := col.(type) {
	case *proto.ColLowCardinality[string]:
		return c.Row(i)
	case *proto.ColStr:
		return c.Row(i)
	case *proto.ColUInt8:
		return strconv.FormatUint(uint64(c.Row(i)), 10)
	case *proto.ColUInt64:
		return strconv.FormatUint(c.Row(i), 10)
	case *proto.ColDateTime64:
		return c.Row(i).UTC().Format(time.RFC3339Nano)
	case *proto.ColNullable[uint64]:
		if !c.Row(i).Set {
			return "-"
		}
		return strconv.FormatUint(c.Row(i).Value, 10)
	case *proto.ColNullable[time.Time]:
		if !c.Row(i).Set {
			return "-"
		}
		return c.Row(i).Value.UTC().Format(time.RFC3339Nano)
	case *proto.ColNullable[proto.Decimal128]:
		if !c.Row(i).Set {
			return "-"
		}
		return decimalText(c.Row(i).Value)
	case *proto.ColArr[string]:
		return fmt.Sprint(c.Row(i))
	case *proto.ColMap[string, string]:
		return fmt.Sprint(c.Row(i))
	default:
		return fmt.Sprintf("%T", col)
	}
}

// decimalText reads the 128 bits as another implementation would.
func decimalText(d proto.Decimal128) string {
	n := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(int64(d.High)), 64), new(big.Int).SetUint64(d.Low))
	text := new(big.Rat).SetFrac(n, big.NewInt(1e12)).FloatString(decimalPlaces)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// ts is the time of the record.
func (c *recordCase) ts() pcommon.Timestamp {
	if c.At != nil {
		return pcommon.Timestamp(*c.At * 1e9)
	}
	return pcommon.NewTimestampFromTime(now)
}

func (c *recordCase) encode(t *testing.T) (rows tables, refused error) {
	t.Helper()
	rows = tables{}
	emit := func(enc *Encoded) error {
		rows.read(t, enc)
		return nil
	}
	if c.Log != nil {
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "shop")
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetEventName(attr.FindingEvent)
		lr.SetTimestamp(c.ts())
		lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
		require.NoError(t, lr.Attributes().FromRaw(c.Log))
		_, err := NewLogEncoder(Limits{}).Encode(ld, now, emit, func(r *RefusedLog) { refused = r.Err })
		require.NoError(t, err)
		return rows, refused
	}
	td, s := settle()
	ev := s.Events().AppendEmpty()
	ev.SetName(c.Event)
	ev.SetTimestamp(c.ts())
	require.NoError(t, ev.Attributes().FromRaw(c.Attributes))
	e := NewEncoder(Limits{}, Content{})
	e.Refuse = func(r *RefusedSpan) { refused = r.Err }
	_, err := e.Encode(td, now, emit)
	require.NoError(t, err)
	return rows, refused
}

// settle returns a settle span without events.
func settle() (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName(attr.Scope)
	s := ss.Spans().AppendEmpty()
	s.SetName(attr.SettleSpan)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	return td, s
}

func TestRecords(t *testing.T) {
	files, err := filepath.Glob("testdata/records/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c recordCase
			dec := yaml.NewDecoder(bytes.NewReader(raw))
			dec.KnownFields(true)
			require.NoError(t, dec.Decode(&c))
			rows, refused := c.encode(t)
			if c.Refused != "" {
				require.ErrorContains(t, refused, c.Refused)
			} else {
				require.NoError(t, refused)
			}
			assert.ElementsMatch(t, slices.Collect(maps.Keys(c.Want)), slices.Collect(maps.Keys(rows)), "tables")
			for table, columns := range c.Want {
				for name, want := range columns {
					got, ok := rows[table][name]
					assert.True(t, ok, "no column %s", name)
					assert.Equal(t, want, got, name)
				}
			}
		})
	}
}

// A settle span is no action; what only calls itself one is.
func TestSettleSpansAreNoActions(t *testing.T) {
	carry := func(s ptrace.Span) { s.Events().AppendEmpty().SetName(attr.FindingEvent) }
	for name, test := range map[string]struct {
		change func(td ptrace.Traces, s ptrace.Span)
		rows   int
	}{
		"a settle span":            {func(_ ptrace.Traces, s ptrace.Span) { carry(s) }, 0},
		"one that carries nothing": {func(ptrace.Traces, ptrace.Span) {}, 1},
		"another's event":          {func(_ ptrace.Traces, s ptrace.Span) { s.Events().AppendEmpty().SetName("retry") }, 1},
		"a tool call of that name": {func(_ ptrace.Traces, s ptrace.Span) {
			carry(s)
			s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
			s.Attributes().PutStr("gen_ai.tool.name", "shell")
		}, 1},
		"another scope": {func(td ptrace.Traces, s ptrace.Span) {
			carry(s)
			td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("shop")
		}, 1},
		"another name": {func(_ ptrace.Traces, s ptrace.Span) {
			carry(s)
			s.SetName("settle")
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			td, s := settle()
			test.change(td, s)
			rows := 0
			stats, err := NewEncoder(Limits{}, Content{}).Encode(td, now, func(enc *Encoded) error {
				assert.Equal(t, "actions", enc.Table)
				rows += enc.Rows
				return nil
			})
			require.NoError(t, err)
			assert.Equal(t, test.rows, rows)
			assert.Equal(t, 1-test.rows, stats.Settled)
		})
	}
}

// An action keeps its row beside the records that ride on it.
func TestRecordsRideOnActions(t *testing.T) {
	td := chats(2)
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	ev := s.Events().AppendEmpty()
	ev.SetName(attr.DelegationRunEvent)
	ev.SetTimestamp(pcommon.NewTimestampFromTime(now))
	ev.Attributes().PutStr(attr.RunID, "t-s")
	e := NewEncoder(Limits{}, Content{})
	first := encode(t, e, td, now)
	assert.Len(t, first, 2, "actions and runs")
	assert.Equal(t, first, encode(t, e, td, now.Add(time.Hour)), "the token is of the content")
	ev.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Second)))
	again := encode(t, e, td, now)
	assert.Equal(t, first[0], again[0])
	assert.NotEqual(t, first[1], again[1], "made at another time")
}
