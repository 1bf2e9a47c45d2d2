package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Scope is how much was verified. Whatever it is, every log is folded into its roots
// from the first leaf on, and the roots are held against all that was signed.
type Scope struct {
	// From and To bound the time of rows; a batch with a row in the period is in it.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Sample is how many of the batches were looked at, chosen by Seed; 0 is all.
	Sample int    `json:"sample,omitempty"`
	Seed   string `json:"seed,omitempty"`
	// Deep means that rows were hashed by this program and not by the store.
	Deep bool `json:"deep,omitempty"`
	// Since is the earlier verification that vouches for older batches.
	Since string `json:"since,omitempty"`
	// Skipped is how many batches of the period were not looked at, Folded how many
	// leaves counted by their hash alone.
	Skipped int   `json:"skipped_batches,omitempty"`
	Folded  int64 `json:"folded_leaves,omitempty"`
}

// whole tells whether every row was looked at, now or by a verification before.
func (s *Scope) whole() bool { return s.From == nil && s.To == nil && s.Sample == 0 }

// Text is the scope in a sentence.
func (s *Scope) Text() string {
	parts := make([]string, 0, 4)
	if s.From != nil || s.To != nil {
		from, to := "the beginning", "now"
		if s.From != nil {
			from = s.From.Format(time.RFC3339)
		}
		if s.To != nil {
			to = s.To.Format(time.RFC3339)
		}
		parts = append(parts, fmt.Sprintf("rows from %s to before %s; %d leaves outside count by their hash alone", from, to, s.Folded))
	}
	if s.Since != "" {
		parts = append(parts, fmt.Sprintf("batches since verification %s; it vouches for those before, and nobody for what happened to them since", s.Since))
	}
	if s.Sample > 0 {
		parts = append(parts, fmt.Sprintf("a sample of %d batches with seed %q", s.Sample, s.Seed))
	}
	if s.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d batches were not looked at", s.Skipped))
	}
	if len(parts) == 0 {
		parts = append(parts, "everything")
	}
	if s.Deep {
		parts = append(parts, "rows hashed by this program")
	}
	return strings.Join(parts, "; ")
}

func scopeOf(o *Options) Scope {
	s := Scope{Sample: o.Sample, Deep: o.Deep}
	if o.Sample > 0 {
		s.Seed = o.Seed
	}
	if !o.From.IsZero() {
		from := o.From.UTC()
		s.From = &from
	}
	if !o.To.IsZero() {
		to := o.To.UTC()
		s.To = &to
	}
	if o.Since != nil {
		s.Since = o.Since.RunID
	}
	return s
}

// period is the time of rows that is verified, in ns since 1970; to is not in it.
type period struct {
	from, to       int64
	bounded        bool
	hasFrom, hasTo bool
}

func periodOf(o *Options) period {
	p := period{hasFrom: !o.From.IsZero(), hasTo: !o.To.IsZero()}
	p.bounded = p.hasFrom || p.hasTo
	if p.hasFrom {
		p.from = o.From.UnixNano()
	}
	if p.hasTo {
		p.to = o.To.UnixNano()
	}
	return p
}

// overlaps tells whether anything from first to last, both included, is in the period.
func (p *period) overlaps(first, last int64) bool {
	return (!p.hasFrom || last >= p.from) && (!p.hasTo || first < p.to)
}

// rows is a condition for rows in the period; "" is all.
func (p *period) rows(column string) string {
	var parts []string
	if p.hasFrom {
		parts = append(parts, fmt.Sprintf("%s >= fromUnixTimestamp64Nano(%d, 'UTC')", column, p.from))
	}
	if p.hasTo {
		parts = append(parts, fmt.Sprintf("%s < fromUnixTimestamp64Nano(%d, 'UTC')", column, p.to))
	}
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// leaves is a condition for leaves that are read in full. It asks the text that was
// signed, never the columns beside it: whoever changed those would decide what is
// looked at.
func (p *period) leaves() string {
	if !p.bounded {
		return "1"
	}
	number := func(key string) string { return `toInt64OrZero(extract(leaf, '\n` + key + ` (-?[0-9]+)\n'))` }
	between := func(first, last string) string {
		parts := []string{"1"}
		if p.hasFrom {
			parts = append(parts, fmt.Sprintf("%s >= %d", last, p.from))
		}
		if p.hasTo {
			parts = append(parts, fmt.Sprintf("%s < %d", first, p.to))
		}
		return "(" + strings.Join(parts, " AND ") + ")"
	}
	kind := `extract(leaf, '\nkind ([a-z_]*)\n')`
	sealed := number("sealed_at") + " * 1000000"
	return "(" + kind + " NOT IN ('batch', 'heartbeat') OR " + between(sealed, sealed) + " OR (" + kind + " = 'batch' AND " +
		between(number("min_ts"), number("max_ts")) + ") OR last)"
}

// choose decides which batches are looked at.
func (v *verifier) choose() {
	var all []sealed
	for _, l := range v.sorted() {
		for i := range l.leaves {
			s := sealed{l, &l.leaves[i].leaf}
			if s.leaf.Kind != tlog.Batch || !v.period.overlaps(s.leaf.MinTS, s.leaf.MaxTS) && !l.leaves[i].pulled {
				continue
			}
			if int64(s.leaf.Seq) < l.vouched {
				v.report.Scope.Skipped++
				continue
			}
			all = append(all, s)
		}
	}
	if n := v.opts.Sample; n > 0 && n < len(all) {
		slices.SortFunc(all, func(a, b sealed) int {
			x, y := a.draw(v.opts.Seed), b.draw(v.opts.Seed)
			return cmp.Or(bytes.Compare(x[:], y[:]), cmp.Compare(a.leaf.Seq, b.leaf.Seq))
		})
		v.report.Scope.Skipped += len(all) - n
		all = all[:n]
	}
	v.chosen = all
}

// draw is the batch's lot: the same seed draws the same batches of the same logs.
func (s *sealed) draw(seed string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s\x00%s/%d/%d", seed, s.log.id.writer, s.log.id.epoch, s.leaf.Seq))
}

// maxPulled bounds how many batches are asked for by name.
const maxPulled = 1000

// pullIn reads the leaves of batches that rows of the period name although their
// leaves say that they have none: the rows' times were changed.
func (v *verifier) pullIn(ctx context.Context) error {
	if !v.period.bounded {
		return nil
	}
	known := v.knownGroups()
	var ids []string
	for g := range v.groups {
		if known[g] == nil && v.logs[g.logID] != nil && len(ids) < maxPulled {
			ids = append(ids, "unhex('"+g.batch+"')")
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return v.scanLeaves(ctx, "1", "\nWHERE batch_id IN ("+strings.Join(ids, ", ")+")", func(id logID, e *entry, rest string) {
		l := v.logs[id]
		n, ok := slices.BinarySearchFunc(l.leaves, e.seq, func(e entry, s uint64) int { return cmp.Compare(e.seq, s) })
		if !ok || l.leaves[n].full {
			return
		}
		if v.readLeaf(l, e, rest); l.leaves[n].hash == e.hash {
			e.pulled = true
			l.leaves[n] = *e
		}
	})
}

// knownGroups are the batches that leaves tell of.
func (v *verifier) knownGroups() map[group]*tlog.Leaf {
	known := map[group]*tlog.Leaf{}
	for _, l := range v.logs {
		for i := range l.leaves {
			if s := (sealed{l, &l.leaves[i].leaf}); s.leaf.Kind == tlog.Batch {
				known[s.group()] = s.leaf
			}
		}
	}
	return known
}

// tablesOf are the sealed tables that the store has.
func (v *verifier) tablesOf() []audit.SealedTable {
	return slices.DeleteFunc(audit.SealedTables(audit.HashVersion), func(t audit.SealedTable) bool { return !v.tables[t.Name] })
}

func hashOf(text string) (h tlog.Hash) {
	if n, err := hex.Decode(h[:], []byte(text)); err != nil || n != len(h) {
		return tlog.Hash{}
	}
	return h
}
