package verify

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// keysFrom are the keys that may sign checkpoints of more than after leaves.
type keysFrom struct {
	after int64
	keys  []note.Verifier
}

// keysAt are the keys that may sign a checkpoint of so many leaves.
func (l *log) keysAt(size int64) note.Verifiers {
	for i := len(l.keys) - 1; i > 0; i-- {
		if l.keys[i].after < size {
			return note.VerifierList(l.keys[i].keys...)
		}
	}
	return note.VerifierList(l.keys[0].keys...)
}

// followKeys goes from key to key where a leaf that the old one signed names the
// new one. The old one signs nothing after that: whoever stole it could. right is
// how many leaves are those that their notes are about.
func (v *verifier) followKeys(l *log, right int, signers map[string]bool) {
	l.keys = []keysFrom{{0, v.opts.Keys}}
	for i := range right {
		e := &l.leaves[i]
		if !e.full || e.leaf.Kind != tlog.KeyRotation {
			continue
		}
		size := int64(i) + 1
		_, err := tlog.Open(e.note, l.keysAt(size))
		if err != nil {
			if !errors.Is(err, tlog.ErrUnknownKey) || v.signedBefore(l, i) {
				v.report.add(l.issue(Tampered, "rotation_unsigned", int64(i), "leaf %d names another key, and the key before it did not sign that", i))
			}
			continue
		}
		next, err := tlog.Keys(e.leaf.Detail["vkey"])
		if err != nil || len(next) != 1 {
			v.report.add(l.issue(CannotTell, "unknown_key", int64(i), "leaf %d hands the log over to %q, which is no public key", i, e.leaf.Detail["vkey"]))
			continue
		}
		old := signerOf(e.note, l.keysAt(size))
		signers[old] = true
		same := func(k note.Verifier) bool { return keyName(k) == old || keyName(k) == keyName(next[0]) }
		l.keys = append(l.keys, keysFrom{size, append(slices.DeleteFunc(slices.Clone(l.keys[len(l.keys)-1].keys), same), next[0])})
		v.named = append(v.named, next[0])
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%s: leaf %d, signed by %s, hands the log over to %s", l.id, i, old, keyName(next[0])))
	}
}

// signedBefore tells whether a key that is believed signed the leaf before leaf i.
func (v *verifier) signedBefore(l *log, i int) bool {
	for i--; i >= 0; i-- {
		if l.leaves[i].full {
			_, err := tlog.Open(l.leaves[i].note, l.keysAt(int64(i)+1))
			return err == nil
		}
	}
	return false
}

// believed are the keys that were given and those that they handed a log over to.
func (v *verifier) believed() []note.Verifier {
	all := slices.Concat(v.opts.Keys, v.named)
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(k note.Verifier) bool {
		known := seen[keyName(k)]
		seen[keyName(k)] = true
		return known
	})
}
