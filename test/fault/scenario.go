package main

import (
	"context"
	"errors"
	"time"
)

// scenario is one fault. Run does its worst and leaves both processes running;
// the judge does the rest.
type scenario struct {
	Name  string
	About string
	Quick bool // belongs to the subset that every change runs
	Shape shape
	// Mounts are folders of the state that get a file system of their own, of so
	// many bytes.
	Mounts map[string]int64
	// Overrides and Env are the collector's.
	Overrides, Env []string
	// PeakMiB is the most resident memory the collector may have had; 0 is
	// defaultPeak.
	PeakMiB int64
	// Explained are what verify may say: what the fault really did to the evidence.
	Explained []string
	// NoChains says why chains are not compared; NoRecount leaves out the recount
	// from the store.
	NoChains string
	// Loss is what may be lost: what the fault destroyed and nothing else has. Nothing,
	// the zero, is what every other fault may destroy.
	Loss      loss
	NoRecount bool
	Run       func(ctx context.Context, r *rig) error
}

// loss is what the collector says that it lost.
type loss int

const (
	// counted is at most as many batches as its metrics count, each of perRequest spans.
	counted loss = iota + 1
	// uncounted is said to be unknown.
	uncounted
)

// defaultPeak is the memory limiter's own limit, which stops taking spans there,
// and as much again as the collector needs to come down from it.
const defaultPeak = 2048 + 256

func (s *scenario) peak() int64 {
	if s.PeakMiB > 0 {
		return s.PeakMiB << 20
	}
	return defaultPeak << 20
}

// play runs one scenario from an empty folder to closed books.
func (s *scenario) play(ctx context.Context, opts options) (res result) {
	began := time.Now()
	res = result{Name: s.Name, Spend: notAsked, Chains: notAsked, Verify: notAsked}
	r, err := newRig(opts, s)
	defer func() { res.Took = time.Since(began).Round(100 * time.Millisecond) }()
	if r != nil {
		defer r.close()
	}
	if err == errNoMount { //nolint:errorlint // our own, as it is
		res.Skipped = err.Error()
		return res
	}
	if err != nil {
		res.fault("%v", err)
		return res
	}
	stop := make(chan struct{})
	defer close(stop)
	go r.watch(stop)
	err = s.Run(ctx, r)
	if errors.Is(err, errNoClock) {
		res.Skipped = err.Error()
		return res
	}
	if err != nil {
		res.fault("%v", err)
		return res
	}
	r.judge(ctx, s, &res)
	return res
}
