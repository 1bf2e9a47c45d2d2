// Package anchor leaves signed checkpoints of the ledger at places that nobody who
// can change the store can change, and reads them back. It knows formats and
// protocols; when to anchor and what a failure means is for the caller. A Place is
// used by one goroutine at a time.
package anchor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Place takes checkpoints.
type Place interface {
	// Kind is the name of the kind: directory, http, git or s3.
	Kind() string
	// Put leaves a signed checkpoint there and returns where. One that is there
	// already is no error; another one at its place is.
	Put(ctx context.Context, c *tlog.Checkpoint, signed string, now time.Time) (uri string, err error)
}

// Held is a signed checkpoint that was held outside the store.
type Held struct {
	Source string // where it is
	Note   string
}

// line is how a checkpoint is kept: one JSON object.
type line struct {
	Time time.Time `json:"time"`
	Note string    `json:"note"`
}

func encode(signed string, now time.Time) ([]byte, error) {
	raw, err := json.Marshal(line{now.UTC(), signed})
	return append(raw, '\n'), err
}

// suffix is how the names of what holds checkpoints end.
const suffix = ".checkpoints"

// fileOf is the name under which those of a log are kept.
func fileOf(c *tlog.Checkpoint) string { return fmt.Sprintf("%s.%d%s", c.Writer, c.Epoch, suffix) }

// decode reads lines. A last one that is torn is left out; source names where they
// are from.
func decode(raw []byte, source string) ([]Held, error) {
	var held []Held
	for n, text := range strings.SplitAfter(string(raw), "\n") {
		if !strings.HasSuffix(text, "\n") {
			break
		}
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", source, n+1, err)
		}
		held = append(held, Held{fmt.Sprintf("%s:%d", source, n+1), l.Note})
	}
	return held, nil
}

// errOther means that a place holds something else under the name of a checkpoint.
var errOther = errors.New("it holds another checkpoint of the same size, or something else, in its place: one of the two histories is false")

// same tells whether what is held is the checkpoint, whoever cosigned it since.
func same(raw []byte, c *tlog.Checkpoint) bool {
	held, err := decode(raw, "")
	if err != nil || len(held) != 1 {
		return false
	}
	text, _, _ := strings.Cut(held[0].Note, "\n\n")
	return text+"\n" == c.Text()
}
