package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spanwarden/spanwarden/test/bench/fleet"
)

// patience is how long one run may take. The figures do not depend on it.
const patience = 15 * time.Minute

// run starts a fresh store and the collector, sends the load, waits until the store
// holds it, and stops both.
func run(ctx context.Context, o *options, s *side, l load) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := prepare(o, s)
	if err != nil {
		return r, err
	}
	var db *store
	if s.table != "" {
		if db, err = startStore(ctx, o, p); err != nil {
			return r, err
		}
		defer db.stop()
	}
	binary := s.binary
	if binary == "" {
		binary = o.collector
	}
	c, err := start(filepath.Join(p.dir, "collector.log"), p.env(), filepath.Join(o.bin, binary), s.args(o, p)...)
	if err != nil {
		return r, err
	}
	defer c.kill()
	if err := c.waitFor(ctx, fmt.Sprintf("http://127.0.0.1:%d/", p.health)); err != nil {
		return r, err
	}
	idle, err := c.usage()
	if err != nil {
		return r, err
	}
	began := time.Now()
	if r.refused, err = l.send(ctx, fmt.Sprintf("http://127.0.0.1:%d/v1/traces", p.otlp), o.senders, o.every()); err != nil {
		return r, err
	}
	if db != nil {
		if err := db.waitFor(ctx, s, o.spans); err != nil {
			return r, err
		}
	}
	r.wall = time.Since(began)
	stored, err := c.usage()
	if err != nil {
		return r, err
	}
	r.rss = stored.peak
	total, err := c.stop()
	if err != nil {
		return r, err
	}
	million := float64(o.spans) / 1e6
	r.cpu = (stored.cpu - idle.cpu).Seconds() / million
	r.whole = (total - idle.cpu).Seconds() / million
	if db != nil {
		err = db.measure(ctx, o, s, &r)
	}
	return r, err
}

// prepare makes an empty folder with the policy files, and chooses ports.
func prepare(o *options, s *side) (*place, error) {
	p := &place{dir: filepath.Join(o.dir, s.name)}
	if err := os.RemoveAll(p.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if p.registry, p.budgets, err = fleet.Policy(filepath.Join(p.dir, "policy"), o.services, 0); err != nil {
		return nil, err
	}
	for _, port := range []*int{&p.store, &p.otlp, &p.grpc, &p.health, &p.metrics, &p.decision, &p.decisionGRPC} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		*port = l.Addr().(*net.TCPAddr).Port
		defer func() { _ = l.Close() }() // nothing was sent; closed together, so that no two are the same
	}
	return p, nil
}
