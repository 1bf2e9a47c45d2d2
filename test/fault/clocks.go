package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoClock says that no process can have a clock of its own here.
var errNoClock = errors.New("no process has a clock of its own here")

// clocks are jumps of the collector's own clock. Senders and the store keep theirs.
func clocks() []*scenario {
	jump := func(name, about string, jumps ...time.Duration) *scenario {
		return &scenario{
			Name: name, About: about,
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.under(ctx, 100, func() error {
					for _, by := range append(jumps, 0) {
						if err := pause(ctx, 3*time.Second); err != nil {
							return err
						}
						if err := setClock(r.CollectorPID(), by); err != nil {
							return fmt.Errorf("setting its clock by %s: %w", by, err)
						}
					}
					return pause(ctx, 3*time.Second)
				})
			},
		}
	}
	const day = 24 * time.Hour
	return []*scenario{
		jump("clock-ahead", "the collector's clock jumps an hour and a year ahead, and comes back", time.Hour, 365*day),
		jump("clock-back", "the collector's clock jumps an hour and a month back, and comes back", -time.Hour, -30*day),
	}
}
