package governanceextension

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// maxPolicyFile bounds what is read of one policy file, in bytes.
const maxPolicyFile = 4 << 20

var errTooLarge = errors.New("the file is too large")

// budgetSource is what the budgets are made of: what is stored, so that a journal
// is replayed under the budgets that were in force when it was written.
type budgetSource struct {
	File string // "" without a budget file
	Data []byte
	// Agents are the budgets of the agent registry.
	Agents []ledger.Spec
}

func (s budgetSource) parse() (*ledger.Budgets, error) {
	if s.File == "" && len(s.Agents) == 0 {
		return nil, nil //nolint:nilnil // nil budgets are no budgets
	}
	var file *ledger.Budgets
	if s.File != "" {
		parsed, err := ledger.ParseBudgets(s.File, s.Data)
		if err != nil {
			return nil, err
		}
		file = parsed
	}
	return ledger.NewBudgets(file, s.Agents)
}

func (s budgetSource) equal(o budgetSource) bool {
	same := func(a, b ledger.Spec) bool {
		a.Source, b.Source = "", "" // a line moved is no other budget
		return fmt.Sprint(a) == fmt.Sprint(b)
	}
	return string(s.Data) == string(o.Data) && slices.EqualFunc(s.Agents, o.Agents, same)
}

// readPolicyFile reads one policy file, within its bound.
func readPolicyFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	if err == nil && len(data) > maxPolicyFile {
		err = fmt.Errorf("%s: %w: more than %d bytes", file, errTooLarge, maxPolicyFile)
	}
	return data, err
}

// change describes an edit of a policy file.
type change struct {
	kind     string
	files    []string
	previous string // version
	version  string // of the new content, in force or not
	keys     []string
	rules    []string
	content  string
	refused  error
}

// finding returns the change as a finding of type config.changed.
func (c *change) finding(now time.Time) finding.Finding {
	v := finding.Version{
		Kind: c.kind, Component: "governance", Version: c.version, Previous: c.previous, Files: c.files, Keys: c.keys, Rules: c.rules, Content: c.content,
	}
	if c.refused != nil {
		v.Refused = c.refused.Error()
	}
	return v.Finding(now)
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

// budgetRules names the budgets as rules, each by the findings it makes.
func budgetRules(b *ledger.Budgets) []string {
	rules := make([]string, 0, len(b.All()))
	for _, budget := range b.All() {
		rules = append(rules, "budget/"+budget.ID)
	}
	return rules
}

func byID(b *ledger.Budgets) map[string]*ledger.Budget {
	out := map[string]*ledger.Budget{}
	for _, budget := range b.All() {
		out[budget.ID] = budget
	}
	return out
}

func figure(b *ledger.Budget) string { return fmt.Sprintf("%g %s", b.Limit.In(b.Unit), b.Unit) }
