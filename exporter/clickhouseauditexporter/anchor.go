package clickhouseauditexporter

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/anchor"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// anchors are where checkpoints go besides the store. Each is used by one beat at a
// time; taken is guarded by mu, because metrics are read whenever somebody asks.
type anchors struct {
	places    []scheduled
	witnesses []*anchor.Witness
	clients   []*http.Client

	mu    sync.Mutex
	since map[string]time.Time // of each kind: when it took a checkpoint, or the start
}

// scheduled is a place that is not used more often than every.
type scheduled struct {
	anchor.Place
	every time.Duration
	next  time.Time
}

const kindWitness = "witness"

// anchorWithin bounds each anchor: one that hangs must not keep the heartbeat.
const anchorWithin = 30 * time.Second

// openAnchors makes clients and opens nothing else: whether a place can be reached
// is seen at the first beat.
func openAnchors(ctx context.Context, host component.Host, set component.TelemetrySettings, cfg *IntegrityConfig, now time.Time) (*anchors, error) {
	a := &anchors{since: map[string]time.Time{}}
	if !cfg.Enabled {
		return a, nil
	}
	c := &cfg.Anchors
	if c.Directory != "" {
		a.add(&anchor.Directory{Path: c.Directory}, 0, now)
	}
	if h := c.HTTP.Get(); h != nil {
		client, err := h.ToClient(ctx, host.GetExtensions(), set)
		if err != nil {
			return nil, fmt.Errorf("integrity::anchors::http: %w", err)
		}
		a.clients = append(a.clients, client)
		a.add(&anchor.HTTP{Client: client, URL: h.Endpoint}, 0, now)
	}
	if g := c.Git.Get(); g != nil {
		a.add(&anchor.Git{Remote: g.Remote, Branch: g.Branch, Directory: filepath.Join(cfg.Directory, "anchors.git")}, g.Every, now)
	}
	if s := c.S3.Get(); s != nil {
		client, err := a.client(ctx, &s.TLS)
		if err != nil {
			return nil, fmt.Errorf("integrity::anchors::s3::tls: %w", err)
		}
		a.add(&anchor.S3{
			Client: client, Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, AccessKeyID: s.AccessKeyID,
			SecretAccessKey: string(s.SecretAccessKey), SessionToken: string(s.SessionToken), Retain: s.Retain, LockMode: s.lockMode(),
		}, s.Every, now)
	}
	for i := range c.Witnesses {
		w := &c.Witnesses[i]
		client, err := a.client(ctx, &w.TLS)
		if err != nil {
			return nil, fmt.Errorf("integrity::anchors::witnesses::tls: %w", err)
		}
		key, err := tlog.NewWitness(w.Key)
		if err != nil {
			return nil, err
		}
		a.witnesses = append(a.witnesses, &anchor.Witness{Client: client, URL: w.Endpoint, Key: key})
		a.since[kindWitness] = now
	}
	return a, nil
}

func (a *anchors) add(p anchor.Place, every time.Duration, now time.Time) {
	a.places = append(a.places, scheduled{Place: p, every: every})
	a.since[p.Kind()] = now
}

func (a *anchors) client(ctx context.Context, conf *configtls.ClientConfig) (*http.Client, error) {
	secure, err := conf.LoadTLSConfig(ctx)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if secure != nil {
		transport.TLSClientConfig = secure
	} else {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: transport}
	a.clients = append(a.clients, client)
	return client, nil
}

func (a *anchors) close() {
	for _, c := range a.clients {
		c.CloseIdleConnections()
	}
}

// receipt is how an anchor took a checkpoint.
type receipt struct {
	kind, uri string
	err       error
}

// take has the checkpoint cosigned, leaves copies of it and notes on it where. One
// anchor that fails keeps no other from being used. last says that there is no next
// one that could be waited for.
func (a *anchors) take(ctx context.Context, row *audit.SignedCheckpoint, leaves anchor.Leaves, now time.Time, last bool) error {
	receipts := make([]receipt, 0, len(a.witnesses)+len(a.places))
	for _, w := range a.witnesses {
		within, cancel := context.WithTimeout(ctx, anchorWithin)
		cosigned, err := w.Cosign(within, &row.Checkpoint, row.Note, leaves)
		cancel()
		if err == nil {
			row.Note = cosigned
		}
		receipts = append(receipts, receipt{kindWitness, w.URL, err})
	}
	receipts = append(receipts, a.put(ctx, row, now, last)...)
	var errs []error
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range receipts {
		text := ""
		if r.err != nil {
			errs = append(errs, fmt.Errorf("anchoring at %s: %w", r.uri, r.err))
			text = r.err.Error()
		} else {
			a.since[r.kind] = now
		}
		row.AnchorKinds = append(row.AnchorKinds, r.kind)
		row.AnchorURIs = append(row.AnchorURIs, r.uri)
		row.AnchorErrors = append(row.AnchorErrors, text)
	}
	return errors.Join(errs...)
}

// put uses all places whose time it is, side by side.
func (a *anchors) put(ctx context.Context, row *audit.SignedCheckpoint, now time.Time, last bool) []receipt {
	within, cancel := context.WithTimeout(ctx, anchorWithin)
	defer cancel()
	var due []*scheduled
	for i := range a.places {
		if p := &a.places[i]; last || !now.Before(p.next) {
			due = append(due, p)
		}
	}
	receipts := make([]receipt, len(due))
	var all sync.WaitGroup
	for i, p := range due {
		all.Go(func() {
			uri, err := p.Put(within, &row.Checkpoint, row.Note, now)
			receipts[i] = receipt{p.Kind(), uri, err}
			if err == nil {
				p.next = now.Add(p.every)
			}
		})
	}
	all.Wait()
	return receipts
}

// observe reports how long each kind of anchor took nothing.
func (a *anchors) observe(_ context.Context, o metric.Float64Observer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for kind, at := range a.since {
		o.Observe(max(0, time.Since(at).Seconds()), metric.WithAttributes(attribute.String("anchor", kind)))
	}
	return nil
}

// leafHashes reads hashes of this writer's leaves from the store, for proofs that
// are checked against what was signed.
func (l *ledger) leafHashes(ctx context.Context, first, last int64) ([]tlog.Hash, error) {
	w := l.journal.Writer()
	rows, err := l.conn.Query(ctx, "SELECT leaf_hash FROM "+l.table("ledger_batches")+
		" WHERE writer_id = ? AND writer_epoch = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT 1 BY seq", w.ID, w.Epoch, uint64(first), uint64(last))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	hashes := make([]tlog.Hash, 0, last-first)
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var h tlog.Hash
		if n, err := hex.Decode(h[:], []byte(text)); err != nil || n != len(h) {
			return nil, fmt.Errorf("leaf_hash %q is no hash", text)
		}
		hashes = append(hashes, h)
	}
	return hashes, rows.Err()
}
