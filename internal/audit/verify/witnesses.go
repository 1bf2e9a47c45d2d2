package verify

import (
	"context"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// checkWitnesses reads cosignatures on whatever checkpoints there are, in the store
// and anchored, and asks for one of each witness on each log. Whether such a
// checkpoint lies on its log is asked of all checkpoints alike.
func (v *verifier) checkWitnesses(context.Context) error {
	if len(v.opts.Witnesses) == 0 {
		return nil
	}
	keys := note.VerifierList(v.opts.Witnesses...)
	newest := map[logID]map[string]Cosigned{}
	for i := range v.claims {
		c := &v.claims[i]
		id := logID{c.Writer, c.Epoch}
		seen, err := tlog.Cosignatures(c.signed, keys)
		if err != nil && c.signed != "" {
			l := log{id: id}
			v.report.add(l.issue(Tampered, "cosignature_edited", -1, "%s: checkpoint of %s at %d leaves: %v", c.source, id, c.Size, err))
			continue
		}
		for _, s := range seen {
			if newest[id] == nil {
				newest[id] = map[string]Cosigned{}
			}
			if old, ok := newest[id][s.Witness]; !ok || c.Size > old.Leaves {
				newest[id][s.Witness] = Cosigned{s.Witness, c.Size, s.At}
			}
		}
	}
	for i := range v.report.Logs {
		v.askWitnesses(&v.report.Logs[i], newest)
	}
	return nil
}

func (v *verifier) askWitnesses(s *Log, newest map[logID]map[string]Cosigned) {
	id := logID{s.Writer, s.Epoch}
	for _, w := range v.opts.Witnesses {
		if c, ok := newest[id][w.Name()]; ok {
			s.Cosigned = append(s.Cosigned, c)
			continue
		}
		v.report.add(v.logs[id].issue(CannotTell, "not_cosigned", -1,
			"no checkpoint of %s bears a cosignature of the witness %s: that others were shown another history cannot be ruled out", id, w.Name()))
	}
	slices.SortFunc(s.Cosigned, func(a, b Cosigned) int { return int(b.Leaves - a.Leaves) })
}
