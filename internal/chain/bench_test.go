package chain_test

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/policyrights"
	"github.com/spanwarden/spanwarden/internal/policy"
)

const registry = `
front:
  owner: "user:o@acme.example"
  principals: {required: true, direct: true, allow: ["user:*"]}
  allow:
    - {id: read, tool: "{get,list}_invoice*", operations: [read], args: {id: {type: string}}}
  delegation: {to: [reader], scope: [read], max_depth: 3, max_ttl: 1h}
reader:
  owner: "user:o@acme.example"
  principals: {required: true, direct: false}
  allow:
    - {id: read, tool: "get_invoice", operations: [read], args: {id: {type: string}}}
  delegation: {to: [reader], scope: [read], max_depth: 3, max_ttl: 1h}
`

const catalog = `[{tool: "get_invoice", operation: read}]`

func rights(tb testing.TB) chain.Rights {
	tb.Helper()
	var agents map[string]yaml.Node
	require.NoError(tb, yaml.Unmarshal([]byte(registry), &agents))
	var tools yaml.Node
	require.NoError(tb, yaml.Unmarshal([]byte(catalog), &tools))
	r, err := policy.LoadSpecs("bench", agents, *tools.Content[0])
	require.NoError(tb, err)
	return policyrights.New(policy.NewHistory(1).Add(time.Unix(0, 0), r))
}

const minute = int64(time.Minute)

func ids(n uint64, trace, span byte) (r chain.Ref) {
	binary.BigEndian.PutUint64(r.Trace[:], n*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(r.Trace[8:], n)
	r.Trace[0] = trace
	binary.BigEndian.PutUint64(r.Span[:], n<<8)
	r.Span[7] = span
	return r
}

// spansOf appends the spans of chain n: a root with work, a tool call and a
// request in one trace; what it asks for, with work and two tool calls, in
// another. They arrive in two visits, the inner trace first.
func spansOf(out []chain.Record, n uint64, visit int) []chain.Record {
	at := int64(1_000_000 + n)
	root, ask, sub := ids(n, 1, 1), ids(n, 1, 2), ids(n, 2, 1)
	act := func(r, p chain.Ref) chain.Record {
		return chain.Record{Ref: r, Parent: p.Span, Role: chain.Acts, Start: at + 5, End: at + 6, Act: &chain.Act{Tool: "get_invoice", Args: `{"id":"INV-1000"}`}}
	}
	work := func(r, p chain.Ref) chain.Record {
		return chain.Record{Ref: r, Parent: p.Span, Role: chain.Work, Start: at, End: at + 5}
	}
	id := "dlg-" + root.String()[20:32]
	if visit == 0 {
		return append(out,
			work(ids(n, 2, 2), sub), work(ids(n, 2, 3), sub), act(ids(n, 2, 4), sub), act(ids(n, 2, 5), sub),
			chain.Record{
				Ref: sub, Role: chain.Opens, Start: at + 2, End: at + 7, Agent: "reader", Run: &chain.Opening{DelegationID: id},
				Links: []chain.Link{{To: ask, Type: chain.Delegate, DelegationID: id, Delegator: "front", Scope: []string{"read"}}},
			})
	}
	return append(out,
		work(ids(n, 1, 3), root), work(ids(n, 1, 4), root), act(ids(n, 1, 5), root),
		chain.Record{Ref: ask, Parent: root.Span, Role: chain.Asks, Start: at + 1, End: at + 8, Agent: "reader"},
		chain.Record{
			Ref: root, Role: chain.Opens, Start: at, End: at + 9, Agent: "front", Session: id,
			Run: &chain.Opening{Stated: chain.Principal{Type: "user", ID: "alice@acme.example", Grade: chain.Declared}},
		})
}

const spansPerChain = 10

// cpu is the processor time that the process has used: on a machine shared with
// others the wall clock says little.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSpans measures spans taken and judged while about 100,000 chains are
// open: an operation is one span. For every chain that begins one settles, and
// one that settled is forgotten.
func BenchmarkSpans(b *testing.B) {
	const open = 100_000
	const batch = 50 // chains
	e := chain.New(chain.Options{Retain: time.Second, Limits: chain.Limit{OpenChains: 2 * open}}, rights(b))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	now, next := minute, uint64(0)
	var buf []chain.Record
	step := func() {
		buf = buf[:0]
		for k := next; k < next+batch; k++ {
			buf = spansOf(buf, k, 0)
			if k >= batch {
				buf = spansOf(buf, k-batch, 1)
			}
		}
		e.Add(now, buf...)
		e.Flush(now)
		next += batch
		now += minute / open * batch
	}
	for next < open+open/20 {
		step()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	chains, _, _ := e.Sizes()
	require.InDelta(b, open, chains, open/100)
	b.ReportAllocs()
	start := cpu()
	b.ResetTimer()
	for done := 0; done < b.N; done += batch * spansPerChain {
		step()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB/100k-chains")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(float64(b.N)/(cpu()-start).Seconds(), "spans/cpu-s")
}
