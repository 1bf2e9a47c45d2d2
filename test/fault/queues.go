package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A batch of the queue is a request of the sender: so many traces of five spans.
const (
	perRequestTraces = 20
	perRequest       = perRequestTraces * 5
)

// queueDamaged fills the queue while the store is down, kills the collector, spoils
// the queue's file, starts both again and sends more. What the file no longer holds
// is nowhere: all that can be asked is that it is said.
func queueDamaged(name, about string, may loss, spoil func([]byte) []byte) *scenario {
	sc := &scenario{
		Name: name, About: about, Explained: []string{"silent"}, Loss: may,
		Run: func(ctx context.Context, r *rig) error {
			if err := r.start(ctx, r.Start); err != nil {
				return err
			}
			if err := r.send(ctx, 100, perRequestTraces, 4); err != nil {
				return err
			}
			if _, err := r.settle(ctx); err != nil {
				return err
			}
			r.KillStore()
			if err := r.send(ctx, 100*perRequestTraces, perRequestTraces, 4); err != nil {
				return err
			}
			r.kill()
			if err := r.spoil("queue/exporter_clickhouse_audit__traces", spoil); err != nil {
				return err
			}
			if err := r.start(ctx, r.StartStore); err != nil {
				return err
			}
			if err := r.start(ctx, r.StartCollector); err != nil {
				return fmt.Errorf("with a damaged file: %w", err)
			}
			return r.send(ctx, 100, perRequestTraces, 4)
		},
	}
	if may != 0 {
		sc.NoChains = "the batches that are lost held some of them"
		sc.NoRecount = true // the store does not know what is lost
	}
	return sc
}

// heads spoils the two pages that say where everything is.
func heads(raw []byte) []byte {
	clear(raw[:8192])
	return raw
}

// sectors spoils sectors of 512 bytes, as a disk does.
func sectors(raw []byte) []byte {
	for at := 64 << 10; at+512 <= len(raw); at += 150 * 512 {
		for i := range 512 {
			raw[at+i] ^= 0x5a
		}
	}
	return raw
}

// judgeLoss holds what is lost against what the collector says is.
func (r *rig) judgeLoss(ctx context.Context, sc *scenario, res *result) {
	values, err := r.metric(ctx, "extension_checked_storage_damaged_values")
	if err != nil {
		res.fault("%v", err)
		return
	}
	entries, err := r.metric(ctx, "extension_checked_storage_lost_entries")
	if err != nil {
		res.fault("%v", err)
		return
	}
	files, err := r.metric(ctx, "extension_checked_storage_damaged_files")
	if err != nil {
		res.fault("%v", err)
		return
	}
	res.Notes = append(res.Notes, fmt.Sprintf("the collector counts %d damaged files, %d batches gone with their pages, %d damaged batches; ev_completeness: %s",
		files, entries, values, r.completeness(ctx)))
	switch {
	case res.Twice > 0 || res.Stray > 0:
		res.fault("twice %d, stray %d", res.Twice, res.Stray)
	case sc.Loss == counted && res.Lost > (values+entries)*perRequest:
		// Fewer may be: the queue also holds what the delegation processor judges later.
		res.fault("lost %d spans, the collector counts %d batches of at most %d", res.Lost, values+entries, perRequest)
	case res.Lost > 0 && files+values == 0:
		res.fault("lost %d spans without a word", res.Lost)
	}
}

// metric is the sum of a counter of the collector's own.
func (r *rig) metric(ctx context.Context, name string) (int, error) {
	raw, err := fetch(ctx, r.Metrics())
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(raw))
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for key, family := range families {
		if !strings.Contains(key, name) {
			continue
		}
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return int(sum), nil
}

// completeness is what the evidence says of the spans.
func (r *rig) completeness(ctx context.Context) string {
	args := []string{"evidence", "run", "ev_completeness", "--dsn", r.DSN(), "--format", "csv", "--record=false", "--from", "now-1d"}
	out, err := exec.CommandContext(ctx, filepath.Join(r.opts.bin, "spanwarden"), args...).Output()
	if err != nil {
		return err.Error()
	}
	text, _ := json.Marshal(strings.TrimSpace(string(out))) // a string
	return string(text)
}

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}
