package governanceextension

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// maxPolicyFile bounds what is read of one policy file, in bytes.
const maxPolicyFile = 4 << 20

var errTooLarge = errors.New("the file is too large")

// budgetSource is the text of the budgets: what is stored, so that a journal is
// replayed under the budgets that were in force when it was written.
type budgetSource struct {
	File string
	Data []byte
}

func (s budgetSource) parse() (*ledger.Budgets, error) {
	if s.File == "" {
		return nil, nil //nolint:nilnil // nil budgets are no budgets
	}
	return ledger.ParseBudgets(s.File, s.Data)
}

func (s budgetSource) equal(o budgetSource) bool { return string(s.Data) == string(o.Data) }

func readBudgets(file string) (budgetSource, error) {
	if file == "" {
		return budgetSource{}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return budgetSource{}, fmt.Errorf("budgets: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	if err != nil {
		return budgetSource{}, fmt.Errorf("budgets: %w", err)
	}
	if len(data) > maxPolicyFile {
		return budgetSource{}, fmt.Errorf("budgets: %s: %w: more than %d bytes", file, errTooLarge, maxPolicyFile)
	}
	return budgetSource{File: file, Data: data}, nil
}

// change describes an edit of a policy file.
type change struct {
	kind     string
	file     string
	previous string // version
	version  string // of the new content, in force or not
	keys     []string
	refused  error
}

// finding returns the change as a finding of type config.changed. A refused one
// is a warning: somebody believes in a policy that is not in force.
func (c *change) finding(now time.Time) finding.Finding {
	f := finding.New(finding.ConfigChanged, "", "config/"+c.kind, c.kind, c.version, c.previous, refusal(c.refused))
	f.At, f.PolicyVersion = now, c.version
	f.Extra = map[string]any{
		attr.ConfigKind: c.kind, attr.ConfigComponent: "governance", attr.ConfigVersion: c.version, attr.ConfigFiles: []any{c.file},
	}
	if c.previous != "" {
		f.Extra[attr.ConfigPrevious] = c.previous
	}
	if len(c.keys) > 0 {
		keys := make([]any, len(c.keys))
		for i, k := range c.keys {
			keys[i] = k
		}
		f.Extra[attr.ConfigKeys] = keys
	}
	f.Message = fmt.Sprintf("%s %s is in force: %s", c.kind, c.version, strings.Join(c.keys, ", "))
	if len(c.keys) == 0 {
		f.Message = fmt.Sprintf("%s %s is in force", c.kind, c.version)
	}
	if c.refused != nil {
		f.Severity = finding.Warning
		f.PolicyVersion = c.previous
		f.Extra[attr.ConfigRefused] = c.refused.Error()
		f.Message = fmt.Sprintf("%s from %s was refused, %s stays in force: %s", c.kind, c.file, orNone(c.previous), firstLine(c.refused))
	}
	return f
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// digest names a content that could not be parsed.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// changedBudgets lists what an edit did, in the order of ids.
func changedBudgets(before, after *ledger.Budgets) []string {
	old := byID(before)
	var out []string
	for id, b := range byID(after) {
		was, known := old[id]
		switch {
		case !known:
			out = append(out, id+" added")
		case was.Limit != b.Limit:
			out = append(out, fmt.Sprintf("%s limit %s -> %s", id, figure(was), figure(b)))
		case was.Mode != b.Mode:
			out = append(out, fmt.Sprintf("%s mode %s -> %s", id, was.Mode, b.Mode))
		case was.OnExceed != b.OnExceed || was.Period() != b.Period() || was.Scope != b.Scope || was.UpperBound != b.UpperBound || !slices.Equal(was.WarnAt, b.WarnAt):
			out = append(out, id+" changed")
		}
		delete(old, id)
	}
	for id := range old {
		out = append(out, id+" removed")
	}
	slices.Sort(out)
	return out
}

func byID(b *ledger.Budgets) map[string]*ledger.Budget {
	out := map[string]*ledger.Budget{}
	for _, budget := range b.All() {
		out[budget.ID] = budget
	}
	return out
}

func figure(b *ledger.Budget) string { return fmt.Sprintf("%g %s", b.Limit.In(b.Unit), b.Unit) }
