package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// Erasure says which content is to go. Criteria are alternatives: what fits one of
// them goes.
type Erasure struct {
	Digests   []string
	Session   string
	Principal string
	Tenant    string // audit.All or an id
	// KeepShared leaves content that other sessions, or other people where a person is
	// named, refer to as well: the same words have one digest.
	KeepShared bool
	By, Reason string
}

// ErrHeld means that somebody holds what was to be erased.
var ErrHeld = errors.New("is held")

// maxDigests bounds the digests of one record, and how many a person may name.
const maxDigests = 1000

// Validate returns every fault at once.
func (e *Erasure) Validate() error {
	errs := said("by", e.By, "reason", e.Reason)
	if len(e.Digests) == 0 && e.Session == "" && e.Principal == "" {
		errs = append(errs, errors.New("want a digest, a session or a principal"))
	}
	if len(e.Digests) > maxDigests {
		errs = append(errs, fmt.Errorf("digest: %d, at most %d", len(e.Digests), maxDigests))
	}
	for _, d := range e.Digests {
		if d == "" || len(d) > 128 {
			errs = append(errs, fmt.Errorf("digest: want that of a piece of content, not %q", d[:min(len(d), 80)]))
		}
	}
	return errors.Join(errs...)
}

// Piece is a piece of content.
type Piece struct{ Tenant, Digest string }

// Erased is what was found, and what became of it.
type Erased struct {
	Records []string `json:"records"`
	Pieces  []Piece  `json:"pieces"`
	// Shared are those of the pieces that others refer to as well; unknown, and 0,
	// where digests are named.
	Shared uint64 `json:"shared"`
}

// Find returns what Erase would remove.
func (k *Keeper) Find(ctx context.Context, e *Erasure) (*Erased, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	out := &Erased{Records: []string{}}
	var err error
	if out.Pieces, err = k.pieces(ctx, k.wanted(e)); err != nil {
		return nil, err
	}
	if mine := k.mine(e); mine != "" {
		err = k.conn.QueryRow(ctx, "SELECT uniqExact(tenant_id, digest) FROM "+k.read(contentTable)+" WHERE "+k.wanted(e)+
			" AND (tenant_id, digest) IN ("+k.references("NOT ("+mine+")")+")").Scan(&out.Shared)
	}
	return out, err
}

func (k *Keeper) pieces(ctx context.Context, where string) ([]Piece, error) {
	var out []Piece
	err := k.scan(ctx, "SELECT DISTINCT tenant_id, digest FROM "+k.read(contentTable)+" WHERE "+where+" ORDER BY tenant_id, digest", func(scan func(...any) error) error {
		var p Piece
		err := scan(&p.Tenant, &p.Digest)
		out = append(out, p)
		return err
	})
	return out, err
}

// wanted is SQL that is true for the content that is to go.
func (k *Keeper) wanted(e *Erasure) string {
	var some []string
	if len(e.Digests) > 0 {
		some = append(some, "digest IN ("+quotedList(e.Digests)+")")
	}
	mine := k.mine(e)
	if mine != "" {
		some = append(some, "(tenant_id, digest) IN ("+k.references(mine)+")")
	}
	all := []string{"(" + strings.Join(some, " OR ") + ")"}
	if e.Tenant != audit.All {
		all = append(all, "tenant_id = "+quoted(e.Tenant))
	}
	if mine != "" && e.KeepShared {
		all = append(all, "(tenant_id, digest) NOT IN ("+k.references("NOT ("+mine+")")+")")
	}
	return strings.Join(all, " AND ")
}

// references are the pieces of content that some actions refer to.
func (k *Keeper) references(where string) string {
	return "SELECT tenant_id, arrayJoin(mapValues(content_refs)) FROM " + k.read("actions") + " WHERE " + where
}

// mine is true for actions of the session or the person: who it was may have been
// corrected later.
func (k *Keeper) mine(e *Erasure) string {
	var some []string
	for column, value := range map[string]string{"session_id": e.Session, "principal_id": e.Principal} {
		if value != "" {
			is := column + " = " + quoted(value)
			some = append(some, is+" OR action_id IN (SELECT action_id FROM "+k.read("attributions")+" WHERE "+is+")")
		}
	}
	slices.Sort(some)
	return strings.Join(some, " OR ")
}

func quotedList(values []string) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = quoted(v)
	}
	return strings.Join(texts, ", ")
}

// Erase removes content, body and salt, after it has put on record that it does. What
// the evidence has of it is a salted digest, so everything still verifies. Where a
// hold covers any of it, nothing is removed.
func (k *Keeper) Erase(ctx context.Context, log Log, e *Erasure, now time.Time) (*Erased, error) {
	found, err := k.Find(ctx, e)
	if err != nil {
		return nil, err
	}
	holds, err := k.activeHolds(ctx)
	if err != nil {
		return nil, err
	}
	for i := range holds {
		h := &holds[i]
		some, err := k.pieces(ctx, k.wanted(e)+" AND "+held(holds[i:i+1], contentTable, "ts", true))
		if err != nil {
			return nil, err
		}
		if n := len(some); n > 0 {
			return nil, fmt.Errorf("%d of %d pieces of content: %w by hold %s (matter %s, placed by %s); nothing was erased", n, len(found.Pieces), ErrHeld, h.ID, h.Matter, h.By)
		}
	}
	for tenant, digests := range byTenant(found.Pieces) {
		for some := range slices.Chunk(digests, maxDigests) {
			id, err := k.recordErasure(ctx, log, e, tenant, some, now)
			if err != nil {
				return found, err
			}
			found.Records = append(found.Records, id)
			if err := k.removeContent(ctx, pieceSQL(tenant, some)); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

func byTenant(pieces []Piece) map[string][]string {
	out := map[string][]string{}
	for _, p := range pieces {
		out[p.Tenant] = append(out[p.Tenant], p.Digest)
	}
	return out
}

func pieceSQL(tenant string, digests []string) string {
	return "tenant_id = " + quoted(tenant) + " AND digest IN (" + quotedList(digests) + ")"
}

func (k *Keeper) recordErasure(ctx context.Context, log Log, e *Erasure, tenant string, digests []string, now time.Time) (string, error) {
	row := audit.RetentionRow{
		ID: newID("erase-"), Kind: audit.RetentionErased, Table: contentTable, Rows: uint64(len(digests)), Digests: digests,
		By: e.By, Reason: e.Reason, TS: now.UnixNano(), Observer: now.UnixNano(),
	}
	for _, c := range []audit.Attr{{Key: "principal", Value: e.Principal}, {Key: "session", Value: e.Session}, {Key: "tenant", Value: tenant}} {
		if c.Value != "" || c.Key == "tenant" {
			row.Criteria = append(row.Criteria, c)
		}
	}
	return row.ID, log.Insert(ctx, row.TS, func(w audit.Writer) (*audit.Encoded, error) {
		return audit.EncodeRetention(w, []audit.RetentionRow{row})
	})
}

// finishErasures removes content that is on record as erased and there all the same:
// a run ended between record and removal, or a collector delivered the action again.
func (k *Keeper) finishErasures(ctx context.Context, progress func(string)) error {
	holds, err := k.activeHolds(ctx)
	if err != nil {
		return err
	}
	again, err := k.pieces(ctx, "(tenant_id, digest) IN (SELECT tenant_id, digest FROM "+k.read(contentTable)+
		" AS c INNER JOIN (SELECT criteria['tenant'] AS tenant_id, arrayJoin(digests) AS digest, max(ts) AS at FROM "+k.read("retention_events")+
		" WHERE kind = '"+audit.RetentionErased+"' GROUP BY tenant_id, digest) AS e USING (tenant_id, digest) WHERE c.ts <= e.at) AND NOT "+held(holds, contentTable, "ts", true))
	if err != nil || len(again) == 0 {
		return err
	}
	progress(fmt.Sprintf("content: removing %d pieces that were erased before and are there again", len(again)))
	for tenant, digests := range byTenant(again) {
		for some := range slices.Chunk(digests, maxDigests) {
			if err := k.removeContent(ctx, pieceSQL(tenant, some)); err != nil {
				return err
			}
		}
	}
	return nil
}
