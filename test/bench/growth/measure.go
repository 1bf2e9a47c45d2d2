package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/test/bench/fleet"
	"github.com/spanwarden/spanwarden/test/bench/pipeline"
)

const perRequest = 512

// settle is longer than a measurement: sessions stay open, and what is owed to those
// that were opened before is not counted with the spans that are measured.
const settle = "30m"

// measure opens the sessions, and then sends ordinary spans through the components.
func measure(ctx context.Context, p point, spans int) (r result, err error) {
	// On a core of its own the collector would mark garbage for want of better work, and
	// that would count.
	runtime.GOMAXPROCS(1)
	dir, err := os.MkdirTemp("", "growth")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	services := max(1, p.Agents/2)
	registry, budgets, err := fleet.Policy(dir, services, p.Rules)
	if err != nil {
		return r, err
	}
	sink, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return nil })
	if err != nil {
		return r, err
	}
	pipe, err := pipeline.New(ctx, pipeline.Options{Registry: registry, Budgets: budgets, Settle: settle}, sink)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, pipe.Close(ctx)) }()
	r.Before = live()
	// An hour holds all of it, so that sessions are not idle for long.
	every := time.Hour * time.Duration(services) / time.Duration(p.Sessions+spans/8+1)
	f := fleet.New(fleet.Spec{Seed: 1, Services: services, Turns: 2, Start: time.Now().Add(-time.Hour), Every: max(every, time.Microsecond)})
	for left := p.Sessions; left > 0; left -= perRequest {
		if err := pipe.Consume(ctx, f.Sessions(min(left, perRequest))); err != nil {
			return r, err
		}
	}
	took, err := send(ctx, pipe, f, spans)
	r.Micros = float64(took.Microseconds()) / float64(spans)
	r.Heap = live()
	return r, err
}

// send returns the CPU time of all spans together. They are made in pieces, before
// the clock of each starts: so many that garbage collection has its share, however
// much there is to mark, and so few that they are no part of that themselves.
func send(ctx context.Context, pipe *pipeline.Pipeline, f *fleet.Fleet, spans int) (total time.Duration, err error) {
	const piece = 16 * perRequest
	requests := make([]ptrace.Traces, 0, piece/perRequest)
	runtime.GC() // what was opened is no part of it
	for ; spans > 0; spans -= piece {
		requests = requests[:0]
		for left := min(spans, piece); left > 0; left -= perRequest {
			requests = append(requests, f.Request(min(left, perRequest)))
		}
		before, err := cpu()
		if err != nil {
			return 0, err
		}
		for i, td := range requests {
			requests[i] = ptrace.Traces{}
			if err := pipe.Consume(ctx, td); err != nil {
				return 0, err
			}
		}
		after, err := cpu()
		if err != nil {
			return 0, err
		}
		total += after - before
	}
	return total, nil
}

// cpu is what this process took, user and system, garbage collection with it.
func cpu() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
