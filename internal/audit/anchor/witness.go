package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Witness cosigns checkpoints (C2SP's tlog-witness): it remembers the newest it saw
// of each log and cosigns only what continues it, so that nobody, the owner of the
// key neither, can show two histories. What it saw last is remembered here as well;
// after a start it is asked.
type Witness struct {
	Client *http.Client
	URL    string // in front of /add-checkpoint
	Key    note.Verifier

	log  string    // that seen is of
	seen tlog.Tree // what it cosigned last
}

// Leaves gives the hashes of a log's leaves from seq first to last-1.
type Leaves func(ctx context.Context, first, last int64) ([]tlog.Hash, error)

// leavesAtOnce bounds how many hashes are asked for in one piece.
const leavesAtOnce = 100_000

// maxRounds bounds how often a witness may say that it knows another size.
const maxRounds = 3

// Cosign returns the signed checkpoint with the witness's cosignature.
func (w *Witness) Cosign(ctx context.Context, c *tlog.Checkpoint, signed string, leaves Leaves) (string, error) {
	if name := fmt.Sprintf("%s/%d", c.Writer, c.Epoch); w.log != name {
		w.log, w.seen = name, tlog.Tree{}
	}
	for range maxRounds {
		cosigned, knows, err := w.try(ctx, c, signed, leaves)
		if err != nil || cosigned != "" {
			return cosigned, err
		}
		if knows > c.Size {
			return "", fmt.Errorf("the witness knows %d leaves of %s, and there are %d: the log was set back", knows, w.log, c.Size)
		}
		if err := w.catchUp(ctx, knows, leaves); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the witness said %d times that it knows another size of %s", maxRounds, w.log)
}

// try submits once. What the witness knows is returned where it is something else.
func (w *Witness) try(ctx context.Context, c *tlog.Checkpoint, signed string, leaves Leaves) (cosigned string, knows int64, err error) {
	tree, newer, err := w.upTo(ctx, c.Size, leaves)
	if err != nil {
		return "", 0, err
	}
	if tree.Root() != c.Root {
		return "", 0, fmt.Errorf("the leaves in the store are not those of the checkpoint of %s at %d", w.log, c.Size)
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", w.seen.Size())
	for _, h := range tlog.ProveConsistency(&w.seen, newer) {
		fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(h[:]))
	}
	body.WriteString("\n" + signed)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(w.URL, "/")+"/add-checkpoint", &body)
	if err != nil {
		return "", 0, err
	}
	status, answer, err := do(w.Client, req)
	switch {
	case err != nil:
		return "", 0, err
	case status == http.StatusOK:
		if cosigned, err = tlog.AddCosignatures(signed, string(answer), w.Key); err == nil {
			w.seen = tree
		}
		return cosigned, 0, err
	case status == http.StatusConflict:
		knows, err = strconv.ParseInt(strings.TrimSpace(string(answer)), 10, 64)
		if err != nil || knows < 0 || knows == w.seen.Size() {
			return "", 0, fmt.Errorf("it knows another history of %s: %w", w.log, answered(status, answer))
		}
		return "", knows, nil
	default:
		return "", 0, answered(status, answer)
	}
}

// upTo is the tree at a size and the leaves since what the witness saw.
func (w *Witness) upTo(ctx context.Context, size int64, leaves Leaves) (tlog.Tree, []tlog.Hash, error) {
	tree, err := tlog.Restore(w.seen.Size(), w.seen.Edge())
	if err != nil || size < tree.Size() {
		return tree, nil, err
	}
	var newer []tlog.Hash
	for tree.Size() < size {
		some, err := leaves(ctx, tree.Size(), min(size, tree.Size()+leavesAtOnce))
		if err != nil {
			return tree, nil, err
		}
		if len(some) == 0 {
			return tree, nil, fmt.Errorf("the store has no leaf %d of %s", tree.Size(), w.log)
		}
		for _, h := range some {
			tree.Append(h)
		}
		newer = append(newer, some...)
	}
	return tree, newer, nil
}

// catchUp makes the tree at the size that the witness knows. Only its edge is kept.
func (w *Witness) catchUp(ctx context.Context, size int64, leaves Leaves) error {
	if size < w.seen.Size() {
		w.seen = tlog.Tree{}
	}
	for w.seen.Size() < size {
		some, err := leaves(ctx, w.seen.Size(), min(size, w.seen.Size()+leavesAtOnce))
		if err != nil {
			return err
		}
		if len(some) == 0 {
			return fmt.Errorf("the store has no leaf %d of %s", w.seen.Size(), w.log)
		}
		for _, h := range some {
			w.seen.Append(h)
		}
	}
	return nil
}
