package verify

import (
	"fmt"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// dropped is a drop that a writer who is believed has on record. Several leaves may
// say what there is to say of one.
type dropped struct {
	tlog.Drop
	log *log
	*tally
}

// tally is what went by a drop.
type tally struct {
	leaf    *tlog.Leaf    // the first of its leaves
	batches int           // that are as it left them
	promise time.Duration // the longest that their logs made
}

// dropKey is whose batches of which table a drop is about.
type dropKey struct {
	logID
	table string
}

// readDrops collects the records of drops. They count as far as their log is
// believed.
func (v *verifier) readDrops() {
	v.drops = map[dropKey][]*dropped{}
	tallies := map[string]*tally{}
	for _, l := range v.sorted() {
		if l.trust != ours {
			continue
		}
		for i := range l.leaves[:l.good] {
			leaf := &l.leaves[i].leaf
			if leaf.Kind != tlog.RetentionDrop {
				continue
			}
			d := &dropped{log: l}
			var err error
			if d.Drop, err = tlog.ParseDrop(leaf.Detail); err != nil {
				v.report.add(l.issue(CannotTell, "drop_unreadable", int64(leaf.Seq), "the record of a drop cannot be read: %v", err))
				continue
			}
			name := l.id.String() + " " + d.ID
			if d.tally = tallies[name]; d.tally == nil {
				d.tally = &tally{leaf: leaf}
				tallies[name] = d.tally
				v.allDrops = append(v.allDrops, d)
			}
			for j := range d.Logs {
				k := dropKey{logID{d.Logs[j].Writer, d.Logs[j].Epoch}, d.Table}
				v.drops[k] = append(v.drops[k], d)
			}
		}
	}
}

// wentByDrop tells whether what is there of a batch is what a drop on record left.
func (v *verifier) wentByDrop(s *sealed, f *found) bool {
	for _, d := range v.drops[dropKey{s.log.id, s.leaf.Table}] {
		rows, digest, ok := d.Left(s.leaf)
		if ok && rows == f.rows && (rows == 0 || f.digest == fmt.Sprintf("%X", digest)) {
			d.batches++
			d.promise = max(d.promise, s.log.retention())
			return true
		}
	}
	return false
}

// checkDrops tells what went by a drop, and whether it was time.
func (v *verifier) checkDrops() {
	for _, d := range v.allDrops {
		if d.batches == 0 {
			continue // not carried out yet
		}
		at := time.UnixMilli(d.leaf.SealedAt).UTC()
		days := time.Duration(d.PolicyDays) * 24 * time.Hour
		if d.PolicyDays == 0 || time.Unix(0, d.MaxTS).Add(days).After(at) {
			v.report.add(d.log.issue(Tampered, "dropped_early", int64(d.leaf.Seq), "partition %s of %s was dropped before the time of policy %s was over", d.Partition, d.Table, d.Policy))
			continue
		}
		text := fmt.Sprintf("%d batches of %s expired under policy %s: partition %s was dropped by %q at %s, which leaf %d of %s says",
			d.batches, d.Table, d.Policy, d.Partition, d.By, at.Format(time.RFC3339), d.leaf.Seq, d.log.id)
		if d.promise > days {
			text += fmt.Sprintf("; their logs promised %.0f days; the reason given is %q", d.promise.Hours()/24, d.Reason)
		}
		v.report.Notes = append(v.report.Notes, text)
	}
}
