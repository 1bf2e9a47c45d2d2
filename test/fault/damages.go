package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spanwarden/spanwarden/internal/stack"
)

// damages are files that are not what was written, and a folder that is there
// twice.
func damages() []*scenario {
	return []*scenario{
		damaged("state-flipped", "bytes of the ledger's state are flipped", "queue/extension_governance_", flip),
		damaged("state-truncated", "the ledger's state is cut in half", "queue/extension_governance_", truncate),
		queueDamaged("queue-indices", "both heads of the queue's file are gone, with 100 batches in it", 0, heads),
		queueDamaged("queue-sectors", "one sector in 150 of the queue's file is gone, with 100 batches in it", counted, sectors),
		queueDamaged("queue-truncated", "the queue's file is cut in half, with 100 batches in it", uncounted, truncate),
		damaged("baseline-flipped", "bytes of the stored baselines are flipped", "queue/processor_baseline_", flip),
		damaged("journal-flipped", "bytes of the audit log's journal are flipped", "integrity/0/log.jsonl", flip),
		damaged("journal-truncated", "the audit log's snapshot is cut in half", "integrity/0/snapshot.json", truncate),
		{
			Name:  "same-writer",
			About: "two collectors at work with copies of one integrity folder",
			Run:   sameWriter,
		},
	}
}

// damaged sends, kills the collector, spoils a file, starts it again and sends
// more. What was in the file is in the store by then.
func damaged(name, about, file string, spoil func([]byte) []byte) *scenario {
	return &scenario{
		Name: name, About: about, Explained: []string{"silent"},
		Run: func(ctx context.Context, r *rig) error {
			if err := r.start(ctx, r.Start); err != nil {
				return err
			}
			if err := r.send(ctx, 500, 20, 4); err != nil {
				return err
			}
			if err := r.judged(ctx); err != nil {
				return err
			}
			r.kill()
			if err := r.spoil(file, spoil); err != nil {
				return err
			}
			if err := r.start(ctx, r.StartCollector); err != nil {
				return fmt.Errorf("with a damaged file: %w", err)
			}
			return r.send(ctx, 500, 20, 4)
		},
	}
}

// judged waits until everything that was sent is stored and its chains are settled:
// chains that are open are in the state alone, and lost with it.
func (r *rig) judged(ctx context.Context) error {
	if _, err := r.settle(ctx); err != nil {
		return err
	}
	conn, err := r.conn()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // only read
	if ok, differ := r.chainsEventually(ctx, conn); !ok {
		return fmt.Errorf("before the damage %d facts about chains differ: %s", len(differ), differ[0])
	}
	return nil
}

// spoil rewrites the file whose path in the state begins as given.
func (r *rig) spoil(file string, change func([]byte) []byte) error {
	found, err := filepath.Glob(filepath.Join(r.state, file+"*"))
	if err != nil || len(found) == 0 {
		return errors.Join(err, fmt.Errorf("no file %s", file))
	}
	raw, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	return os.WriteFile(found[0], change(raw), 0o600)
}

// flip changes one byte in five hundred, the same ones each time.
func flip(raw []byte) []byte {
	dice := rand.New(rand.NewPCG(1, 2))
	for range max(1, len(raw)/500) {
		raw[dice.IntN(len(raw))] ^= byte(1 + dice.IntN(255))
	}
	return raw
}

func truncate(raw []byte) []byte { return raw[:len(raw)/2] }

// sameWriter copies the integrity folder of a collector, as cloning its disk does,
// and lets both write.
func sameWriter(ctx context.Context, r *rig) error {
	if err := r.start(ctx, r.Start); err != nil {
		return err
	}
	if err := r.send(ctx, 100, 20, 4); err != nil {
		return err
	}
	if _, err := r.settle(ctx); err != nil {
		return err
	}
	twin := filepath.Join(r.state, "twin")
	if err := os.CopyFS(filepath.Join(twin, "integrity"), os.DirFS(filepath.Join(r.state, "integrity"))); err != nil {
		return err
	}
	other, err := stack.New(stack.Options{
		Bin: r.opts.bin, Config: r.opts.config, State: twin,
		Env: []string{"SPANWARDEN_CLICKHOUSE_DSN=" + r.DSN(), "SPANWARDEN_BUDGETS=" + filepath.Join(r.state, "budgets.yaml")},
		// Its own ledger begins with nothing: it would count what the other was sent.
		Overrides: append([]string{`extensions::governance::rebuild::dsn: ""`}, quick...),
	})
	if err != nil {
		return err
	}
	r.others = append(r.others, other)
	r.dead = append(r.dead, filepath.Join(twin, "dead-letters"))
	if err := r.start(ctx, other.StartCollector); err != nil {
		return err
	}
	for n := range 20 {
		to := []target{at(r.Stack), at(other)}[n/2%2]
		a := r.next
		r.next += 20
		if err := r.out.send(ctx, to, r.shape.request(a, r.next)); err != nil {
			return err
		}
	}
	return nil
}
