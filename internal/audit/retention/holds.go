package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
)

var (
	// ErrNoHold means that no hold has the id.
	ErrNoHold = errors.New("no such hold")
	// ErrReleased means that the hold is released already.
	ErrReleased = errors.New("is released already")
)

// Place puts a hold in force and returns its id. Content that it covers stops
// expiring before the hold is on record.
func (k *Keeper) Place(ctx context.Context, log Log, h *Hold, now time.Time) (id string, err error) {
	if err := h.Validate(); err != nil {
		return "", err
	}
	if h.stopsTTL() {
		if err := k.setContentTTL(ctx, false); err != nil {
			return "", err
		}
	}
	id = newID("hold-")
	return id, k.say(ctx, log, &audit.HoldRow{
		ID: id, Event: audit.HoldPlaced, Matter: h.Matter, Tenant: h.Tenant, Table: h.Table, From: bound(h.From), To: bound(h.To), By: h.By, Reason: h.Reason,
	}, now)
}

// Release ends a hold. Where no other one covers content, it expires again.
func (k *Keeper) Release(ctx context.Context, log Log, id, by, reason string, now time.Time) error {
	if err := errors.Join(said("by", by, "reason", reason)...); err != nil {
		return err
	}
	holds, err := k.Holds(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(holds, func(h Hold) bool { return h.ID == id })
	switch {
	case i < 0:
		return fmt.Errorf("%w: %q", ErrNoHold, id)
	case !holds[i].Active:
		return fmt.Errorf("hold %s %w, by %s", id, ErrReleased, holds[i].Released)
	}
	h := &holds[i]
	if err := k.say(ctx, log, &audit.HoldRow{
		ID: id, Event: audit.HoldReleased, Matter: h.Matter, Tenant: h.Tenant, Table: h.Table, From: bound(h.From), To: bound(h.To), By: by, Reason: reason,
	}, now); err != nil {
		return err
	}
	return k.reconcile(ctx, func(string) {})
}

func bound(t time.Time) audit.Time {
	if t.IsZero() {
		return audit.Time{}
	}
	return timeOf(t.UnixNano())
}

func (k *Keeper) say(ctx context.Context, log Log, row *audit.HoldRow, now time.Time) error {
	row.TS, row.Observer = now.UnixNano(), now.UnixNano()
	return log.Insert(ctx, row.TS, func(w audit.Writer) (*audit.Encoded, error) { return audit.EncodeHolds(w, []audit.HoldRow{*row}) })
}

func (h *Hold) stopsTTL() bool { return h.Table == audit.All || h.Table == contentTable }

// reconcile brings the TTL of content in line with the holds: a call that placed or
// released one may have ended in between.
func (k *Keeper) reconcile(ctx context.Context, progress func(string)) error {
	holds, err := k.activeHolds(ctx)
	if err != nil {
		return err
	}
	want := !slices.ContainsFunc(holds, func(h Hold) bool { return h.stopsTTL() })
	have, err := k.contentExpires(ctx)
	if err != nil || have == want {
		return err
	}
	progress(fmt.Sprintf("content: expires by itself: %t (%d holds are in force)", want, len(holds)))
	return k.setContentTTL(ctx, want)
}

func (k *Keeper) setContentTTL(ctx context.Context, on bool) error {
	have, err := k.contentExpires(ctx)
	if err != nil || have == on {
		return err
	}
	change := " REMOVE TTL"
	if on {
		change = " MODIFY TTL " + audit.ContentTTL
	}
	if err := k.conn.Exec(ctx, "ALTER TABLE "+contentTable+k.onCluster+change); err != nil {
		if now, e := k.contentExpires(ctx); e != nil || now != on { // somebody else did it
			return fmt.Errorf("changing when content expires: %w", err)
		}
	}
	return nil
}
