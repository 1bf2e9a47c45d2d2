package main

import (
	"context"
	"time"
)

const mib = 1 << 20

// disks are file systems that fill up. In each the ballast is taken away after a
// while, as an operator makes room, and nothing may have been lost.
func disks() []*scenario {
	// Where the ledger's state is apart from the queue.
	apart := []string{
		"extensions::file_storage/state::directory: ${env:FAULT_STATE}/state",
		"extensions::checked_storage/state::storage: file_storage/state",
		"extensions::checked_storage/state::directory: ${env:FAULT_STATE}/state",
		"extensions::governance::storage: checked_storage/state",
		"processors::baseline::storage: checked_storage/state",
		"service::extensions: [file_storage, checked_storage, file_storage/state, checked_storage/state, health_check, governance]",
	}
	return []*scenario{
		{
			Name:   "queue-disk-full",
			About:  "no room for the sending queue and the state while the store is down",
			Mounts: map[string]int64{"queue": 64 * mib},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.StartCollector); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error {
					if err := r.full(ctx, "queue", mib/2, 5*time.Second); err != nil {
						return err
					}
					return r.start(ctx, r.StartStore)
				})
			},
		},
		{
			Name:      "state-disk-full",
			About:     "no room for spend, halts, chains and baselines",
			Mounts:    map[string]int64{"state": 64 * mib},
			Overrides: apart,
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error { return r.full(ctx, "state", mib/4, 5*time.Second) })
			},
		},
		{
			Name:   "journal-disk-full",
			About:  "no room for the journal of the audit log",
			Mounts: map[string]int64{"integrity": 16 * mib},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error { return r.full(ctx, "integrity", 0, 5*time.Second) })
			},
		},
		{
			Name:   "store-disk-full",
			About:  "no room in the store",
			Mounts: map[string]int64{"store": 256 * mib},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error { return r.full(ctx, "store", mib/4, 8*time.Second) })
			},
		},
		{
			Name:   "store-disk-new",
			About:  "no room in a store that has no tables yet",
			Mounts: map[string]int64{"store": 256 * mib},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.StartStore); err != nil {
					return err
				}
				if err := r.fill("store", mib/4); err != nil {
					return err
				}
				if err := r.start(ctx, r.StartCollector); err != nil {
					return err
				}
				return r.under(ctx, 200, func() error {
					if err := pause(ctx, 5*time.Second); err != nil {
						return err
					}
					return r.empty("store")
				})
			},
		},
	}
}

// full leaves a folder without room for a while.
func (r *rig) full(ctx context.Context, dir string, left int64, d time.Duration) error {
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	if err := r.fill(dir, left); err != nil {
		return err
	}
	if err := pause(ctx, d); err != nil {
		return err
	}
	return r.empty(dir)
}
