package main

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// scenarios are all faults, in the order of the table.
func scenarios(opts options) []*scenario {
	return slices.Concat(outages(opts), disks(), damages(), clocks(), floods(opts))
}

// outages are processes that die, hang or starve.
func outages(opts options) []*scenario {
	return []*scenario{
		{
			Name: "store-down", Quick: true,
			About: "the store is gone under load for -down, then comes back",
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 100, func() error {
					if err := pause(ctx, time.Second); err != nil {
						return err
					}
					r.KillStore()
					if err := pause(ctx, opts.down); err != nil {
						return err
					}
					return r.start(ctx, r.StartStore)
				})
			},
		},
		{
			Name:  "store-hangs",
			About: "the store takes connections and answers nothing, for two timeouts",
			Overrides: []string{
				"exporters::clickhouse_audit::timeout::timeout: 3s",
			},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 100, func() error {
					return r.stopped(ctx, r.StorePID(), 7*time.Second)
				})
			},
		},
		{
			Name:  "store-killed",
			About: "the store is killed five times in the middle of inserts",
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error {
					for range 5 {
						if err := pause(ctx, 700*time.Millisecond); err != nil {
							return err
						}
						r.KillStore()
						if err := r.start(ctx, r.StartStore); err != nil {
							return err
						}
					}
					return nil
				})
			},
		},
		{
			Name:  "collector-killed",
			About: "the collector is killed five times under load",
			// A log that ends without its last words.
			Explained: []string{"silent"},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error {
					for range 5 {
						if err := pause(ctx, 700*time.Millisecond); err != nil {
							return err
						}
						r.kill()
						if err := r.start(ctx, r.StartCollector); err != nil {
							return err
						}
					}
					return nil
				})
			},
		},
		{
			Name:  "collector-starved",
			About: "the collector stands still for ten seconds, while senders wait",
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 100, func() error {
					return r.stopped(ctx, r.CollectorPID(), 10*time.Second)
				})
			},
		},
	}
}

// under does something while traces arrive at a rate, and a second longer.
func (r *rig) under(ctx context.Context, perSecond int, do func() error) error {
	stop := make(chan struct{})
	wait := r.load(ctx, perSecond, stop)
	err := do()
	if err == nil {
		err = pause(ctx, time.Second)
	}
	close(stop)
	if err != nil {
		return err
	}
	return wait()
}

// stopped lets a process stand still for a while.
func (r *rig) stopped(ctx context.Context, pid int, d time.Duration) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }() // it is there
	return pause(ctx, d)
}
