package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/stack"
)

func numberOf(id pcommon.SpanID) uint64 { return binary.BigEndian.Uint64(id[:]) }

// rig is one stack under one scenario, with what was sent to it. Its methods are
// for one goroutine, but load.
type rig struct {
	*stack.Stack
	shape  shape
	out    *sender
	opts   options
	state  string
	mounts []string
	next   int   // the first trace that was not sent
	peak   int64 // bytes of the collector's own memory, over its lives
	mapped int64 // with the pages of its files
	// pid is the collector that is watched, sampled the peak of its own memory.
	pid, sampled atomic.Int64
	dead         []string // further dead-letter folders
	others       []*stack.Stack
}

// quick keeps a scenario from waiting for pauses that suit production, and lets
// chains settle while somebody watches.
var quick = []string{
	"exporters::clickhouse_audit::retry_on_failure::initial_interval: 200ms",
	"exporters::clickhouse_audit::retry_on_failure::max_interval: 1s",
	"extensions::governance::chains::settle: 3s",
	"processors::delegation::settle_interval: 1s",
	"exporters::clickhouse_audit::integrity::interval: 2s",
}

const budgets = `version: 1
budgets:
  - {id: all, scope: project, limit_usd: 1000000, period: lifetime, mode: shadow}
`

func newRig(opts options, sc *scenario) (*rig, error) {
	state, err := os.MkdirTemp(opts.work, sc.Name+"-")
	if err != nil {
		return nil, err
	}
	if state, err = filepath.Abs(state); err != nil {
		return nil, err
	}
	file := filepath.Join(state, "budgets.yaml")
	if err := os.WriteFile(file, []byte(budgets), 0o600); err != nil {
		return nil, err
	}
	r := &rig{shape: sc.Shape, out: newSender(), opts: opts, state: state}
	r.shape.Began = time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond)
	for dir, size := range sc.Mounts {
		if err := r.mount(dir, size); err != nil {
			return r, err
		}
	}
	r.Stack, err = stack.New(stack.Options{
		Bin: opts.bin, Config: opts.config, State: state,
		Env: append([]string{"SPANWARDEN_BUDGETS=" + file, "FAULT_STATE=" + state}, sc.Env...), Overrides: slices.Concat(quick, sc.Overrides),
	})
	return r, err
}

func at(s *stack.Stack) target { return target{http: s.OTLP(), grpc: s.OTLPGRPC()} }

// close stops everything and takes away what was made.
func (r *rig) close() {
	for _, s := range append(r.others, r.Stack) {
		if s != nil {
			_ = s.Stop() // a process that a scenario left stopped is killed
		}
	}
	r.out.close()
	r.unmount()
	if !r.opts.keep {
		_ = os.RemoveAll(r.state) // left over at worst
	}
}

// start starts both, or gives up after a minute.
func (r *rig) start(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := f(ctx)
	if r.Running() {
		r.pid.Store(int64(r.CollectorPID()))
	}
	return err
}

// kill ends the collector as a crash would, weighed first.
func (r *rig) kill() {
	r.weigh()
	r.KillCollector()
}

// weigh keeps the collector's peaks: of all that was resident, and of what is its
// own. The rest are pages of the queue's and the state's files, which the kernel
// takes back when it needs them.
func (r *rig) weigh() {
	pid := r.CollectorPID()
	r.mapped = max(r.mapped, memory(pid, "VmHWM:"))
	r.peak = max(r.peak, memory(pid, "RssAnon:"))
}

// watch weighs the collector, whichever runs, until stop is closed.
func (r *rig) watch(stop <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if pid := r.pid.Load(); pid > 0 {
				r.sampled.Store(max(r.sampled.Load(), memory(int(pid), "RssAnon:")))
			}
		}
	}
}

// memory is a line of a process's status in bytes; 0 where the process is gone.
func memory(pid int, line string) int64 {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for text := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(text, line); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64) // the kernel wrote it
			return kib << 10
		}
	}
	return 0
}

// send sends the next n traces, each of requests holding some of them, from some
// workers at once, and returns when all are accepted.
func (r *rig) send(ctx context.Context, n, some, workers int) error {
	from, to := r.next, r.next+n
	r.next = to
	var next atomic.Int64
	next.Store(int64(from))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				a := int(next.Add(int64(some))) - some
				if a >= to {
					return
				}
				if err := r.out.send(ctx, at(r.Stack), r.shape.request(a, min(a+some, to))); err != nil {
					cancel(fmt.Errorf("sending trace %d: %w", a, err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// load sends whole traces at a rate, each tick a request, until stop is closed,
// and returns when all of them are accepted. A request that is not accepted yet
// holds up no other.
func (r *rig) load(ctx context.Context, perSecond int, stop <-chan struct{}) (wait func() error) {
	const ticks = 10
	some := max(1, perSecond/ticks)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	slots := make(chan struct{}, 256) // requests that wait at once
	wg.Go(func() {
		tick := time.NewTicker(time.Second / ticks)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			slots <- struct{}{}
			a := r.next
			r.next += some
			wg.Go(func() {
				defer func() { <-slots }()
				if err := r.out.send(ctx, at(r.Stack), r.shape.request(a, a+some)); err != nil {
					mu.Lock()
					defer mu.Unlock()
					if first == nil {
						first = fmt.Errorf("sending trace %d: %w", a, err)
					}
				}
			})
		}
	})
	return func() error {
		wg.Wait()
		return first
	}
}

func (r *rig) conn() (driver.Conn, error) {
	opts, err := clickhouse.ParseDSN(r.DSN())
	if err != nil {
		return nil, err
	}
	opts.ReadTimeout = 5 * time.Minute
	return clickhouse.Open(opts)
}

// pause sleeps, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
