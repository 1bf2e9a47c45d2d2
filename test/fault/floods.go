package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// floods are more, larger and stranger spans than anybody asked for.
func floods(opts options) []*scenario {
	return []*scenario{
		{
			Name: "poison-batch", Quick: true,
			About: "one span in fifty is one that the store will never take",
			Shape: shape{Edit: func(n int, span ptrace.Span) {
				if n%10 == 0 && strings.HasPrefix(span.Name(), "execute_tool") {
					span.SetName("execute_tool poison")
				}
			}},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				if err := r.send(ctx, 1, 1, 1); err != nil {
					return err
				}
				return poison(ctx, r)
			},
		},
		{
			Name:  "overload",
			About: "a store that is hardly there, senders that send all they can for -flood",
			Overrides: []string{
				"exporters::clickhouse_audit::sending_queue::queue_size: 50",
				"exporters::clickhouse_audit::sending_queue::num_consumers: 1",
			},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.flood(ctx, opts.flood)
			},
		},
		{
			Name:  "million-agents",
			About: "-agents distinct agents, each with a trace, a session and a model call of its own",
			Shape: shape{Agents: opts.agents, Alone: true},
			// As the configuration says. Without it Go lets garbage grow as large as what is
			// in use, faster than the memory limiter looks: 2,880 MiB of 2,304.
			Env:      []string{"GOMEMLIMIT=1500MiB"},
			NoChains: "more than the engine keeps open at once: it settles the oldest early",
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				if err := r.send(ctx, opts.agents, 1000, 4); err != nil {
					return err
				}
				return r.allAgents(ctx, opts.agents)
			},
		},
		{
			Name:  "huge-attributes",
			About: "attributes of 10 MB",
			Shape: shape{Calls: 1, Pad: 10_000_000},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.send(ctx, 20, 1, 4)
			},
		},
		{
			Name:  "huge-trace",
			About: "100,000 spans in one trace",
			Shape: shape{Calls: 100_000},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				r.next = 1
				const some = 5000
				for from := 0; from < r.shape.spans(); from += some {
					part := r.shape.part(0, from, min(from+some, r.shape.spans()))
					if err := r.out.send(ctx, at(r.Stack), part); err != nil {
						return err
					}
				}
				return nil
			},
		},
		{
			Name:  "clocks-off",
			About: "senders in 1970, in 2299, a month behind and two days ahead",
			Shape: shape{Edit: wrongClock},
			Run: func(ctx context.Context, r *rig) error {
				if err := r.start(ctx, r.Start); err != nil {
					return err
				}
				return r.send(ctx, 400, 10, 4)
			},
		},
	}
}

// allAgents asks the store whether it has each of them by name.
func (r *rig) allAgents(ctx context.Context, want int) error {
	if _, err := r.settle(ctx); err != nil {
		return err
	}
	conn, err := r.conn()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // only read
	var got uint64
	if err := conn.QueryRow(ctx, "SELECT uniqExact(agent_name) FROM "+ours).Scan(&got); err != nil {
		return err
	}
	if got != uint64(want) {
		return fmt.Errorf("the store has %d agents of %d", got, want)
	}
	return nil
}

// poison gives the store a rule that some rows break, as a hand on the schema may.
func poison(ctx context.Context, r *rig) error {
	conn, err := r.conn()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing more is asked
	if _, err := r.settle(ctx); err != nil {
		return err
	}
	if err := conn.Exec(ctx, "ALTER TABLE spanwarden.actions ADD CONSTRAINT poison CHECK span_name != 'execute_tool poison'"); err != nil {
		return err
	}
	return r.send(ctx, 60, 20, 4)
}

// flood sends from many workers without a pause.
func (r *rig) flood(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := r.send(ctx, 5000, 50, 100); err != nil {
			return err
		}
	}
	return nil
}

// wrongClock moves the times of whole traces.
func wrongClock(n int, span ptrace.Span) {
	shift := func(to time.Time) {
		length := span.EndTimestamp() - span.StartTimestamp()
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(to))
		span.SetEndTimestamp(span.StartTimestamp() + length)
	}
	began := span.StartTimestamp().AsTime()
	switch n % 5 {
	case 1:
		shift(time.Unix(1, 0))
	case 2:
		shift(time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC))
	case 3:
		shift(began.AddDate(0, 0, -30))
	case 4:
		shift(began.AddDate(0, 0, 2))
	}
}
