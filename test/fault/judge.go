package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/stack"
)

// result is a line of the table.
type result struct {
	Name string
	tally
	Refused, Unanswered int
	Spend, Chains       string // yes, no, or not asked
	Verify              string
	Peak, Bound         int64
	Took                time.Duration
	Faults              []string
	Notes               []string
	Skipped             string
}

func (r *result) fault(format string, args ...any) {
	const most = 600 // bytes of what a process said last
	text := fmt.Sprintf(format, args...)
	if n := len(text) - most; n > 0 {
		text = "... " + text[n:]
	}
	r.Faults = append(r.Faults, text)
}

const (
	yes      = "yes"
	no       = "NO"
	notAsked = "-"
)

// judge closes the books after a scenario has done its worst: both processes run,
// everything is supposed to come right by itself.
func (r *rig) judge(ctx context.Context, sc *scenario, res *result) {
	t, err := r.settle(ctx)
	if err != nil {
		res.fault("the store could not be asked: %v", err)
		return
	}
	res.tally = t
	switch {
	case sc.Loss != 0:
		r.judgeLoss(ctx, sc, res)
	case !t.exact():
		res.fault("accepted is not stored and dead-lettered: lost %d, twice %d, stray %d", t.Lost, t.Twice, t.Stray)
	}
	res.Refused, res.Unanswered = r.out.refusals()
	if said := r.out.statuses(); said != "" {
		res.Notes = append(res.Notes, "refused: "+said)
	}
	for _, wrong := range r.out.wrong {
		res.fault("not as OTLP says: %s", wrong)
	}
	r.judgeLedgers(ctx, sc, res)
	r.weigh()
	for _, s := range append([]*stack.Stack{r.Stack}, r.others...) {
		if err := s.StopCollector(); err != nil {
			res.fault("%v", err)
		}
	}
	res.Peak, res.Bound = max(r.peak, r.sampled.Load()), sc.peak()
	res.Notes = append(res.Notes, fmt.Sprintf("with the pages of its files: %d MiB", r.mapped>>20))
	if res.Peak > res.Bound {
		res.fault("peak memory %d MiB, bound %d MiB", res.Peak>>20, res.Bound>>20)
	}
	r.verify(ctx, sc, res)
	if !sc.NoRecount {
		r.recount(ctx, res)
	}
}

// judgeLedgers holds spend and chains against a clean recomputation.
func (r *rig) judgeLedgers(ctx context.Context, sc *scenario, res *result) {
	conn, err := r.conn()
	if err != nil {
		res.fault("%v", err)
		return
	}
	defer func() { _ = conn.Close() }() // only read
	res.Spend, res.Chains = yes, yes
	owed := r.owed()
	if sum, err := summed(ctx, conn); err != nil || (res.Dead == 0 && sc.Loss == 0 && sum.Cmp(owed) != 0) {
		res.Spend = no
		res.fault("the store's costs add up to %v, not %s: %v", sum, owed.FloatString(6), err)
	}
	if ok, got := r.chargedEventually(ctx, owed, 10*time.Second); !ok {
		res.Spend = no
		res.fault("the ledger says %.6f, accepted calls cost %s", got, owed.FloatString(6))
	}
	if sc.NoChains != "" {
		res.Chains = notAsked
		res.Notes = append(res.Notes, "chains: "+sc.NoChains)
		return
	}
	if ok, differ := r.chainsEventually(ctx, conn); !ok {
		res.Chains = no
		res.fault("%d facts about chains differ from a clean recomputation: %s", len(differ), strings.Join(differ[:min(4, len(differ))], "; "))
	}
}

// recount takes the collector's state away and lets it count again from the store.
func (r *rig) recount(ctx context.Context, res *result) {
	if res.Dead > 0 {
		return // the store does not know what is dead-lettered
	}
	if err := clearDir(filepath.Join(r.state, "queue")); err != nil {
		res.fault("%v", err)
		return
	}
	r.others = nil // one counts for all
	if err := r.start(ctx, r.StartCollector); err != nil {
		res.fault("recounting: %v", err)
		return
	}
	patience := 2*time.Minute + time.Duration(res.Accepted)*time.Millisecond/2
	if ok, got := r.chargedEventually(ctx, r.owed(), patience); !ok {
		res.Spend = no
		res.fault("counted again from the store the ledger says %.6f, not %s", got, r.owed().FloatString(6))
	}
	if err := r.StopCollector(); err != nil {
		res.fault("%v", err)
	}
}

// clearDir empties a folder, which may be a mount.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// verify runs the command as an auditor does.
func (r *rig) verify(ctx context.Context, sc *scenario, res *result) {
	args := []string{"verify", "--dsn", r.DSN(), "--format", "json", "--record=false", "--key", filepath.Join(r.state, "integrity")}
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, filepath.Join(r.opts.bin, "spanwarden"), args...)
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		res.fault("verify: %v", err)
		return
	}
	var report struct {
		Issues []struct {
			Kind string `json:"kind"`
		} `json:"issues"`
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		res.Verify = no
		res.fault("verify: %v: %s", err, stderr.String())
		return
	}
	var kinds []string
	for _, issue := range report.Issues {
		kinds = append(kinds, issue.Kind)
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	code := cmd.ProcessState.ExitCode()
	res.Verify = strings.TrimSpace(fmt.Sprintf("%d %s", code, strings.Join(kinds, ",")))
	for _, kind := range kinds {
		if !slices.Contains(sc.Explained, kind) {
			res.fault("verify says %s", kind)
		}
	}
	if code != 0 && len(kinds) == 0 {
		res.fault("verify says %d and not why: %s", code, stderr.String())
	}
}
