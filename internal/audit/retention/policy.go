package retention

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// Policy is how long rows are kept.
type Policy struct {
	Name   string // a preset
	Days   int    // 0 is for ever
	Reason string // why it is shorter than what was promised, if it is
}

// Version is the policy as records name it.
func (p *Policy) Version() string {
	if p.Days == 0 {
		return p.Name + "/for ever"
	}
	return fmt.Sprintf("%s/%dd", p.Name, p.Days)
}

// Due tells whether all of a partition is older than the policy keeps it.
func (p *Policy) Due(newest, now time.Time) bool {
	return p.Days > 0 && newest.AddDate(0, 0, p.Days).Before(now)
}

// Promise is what a collector's log says at its beginning that rows are kept for.
type Promise struct {
	Writer string
	Name   string
	Days   int // 0 is for ever
}

// ErrShort means that a policy keeps rows for less time than was promised.
var ErrShort = errors.New("is shorter than what was promised")

// Choose returns the policy that is asked for, or where none is the longest that was
// promised. One that is shorter than a promise needs a reason, which goes on record.
func Choose(asked, reason string, promises []Promise) (Policy, error) {
	var longest *Promise
	for i := range promises {
		if longest == nil || longer(promises[i].Days, longest.Days) {
			longest = &promises[i]
		}
	}
	if asked == "" {
		if longest == nil {
			return Policy{}, errors.New("policy: no collector's log promises one: say which")
		}
		return Policy{Name: longest.Name, Days: longest.Days}, nil
	}
	if !slices.Contains(audit.RetentionPresets(), asked) {
		return Policy{}, fmt.Errorf("policy: want one of %s, not %q", strings.Join(audit.RetentionPresets(), ", "), asked)
	}
	p := Policy{Name: asked, Days: audit.RetentionDays(asked)}
	if longest != nil && longer(longest.Days, p.Days) {
		if strings.TrimSpace(reason) == "" {
			return Policy{}, fmt.Errorf("policy: %s %w: the log of %s says %s (%s). With a reason it is done and on record", p.Version(), ErrShort,
				longest.Writer, longest.Name, days(longest.Days))
		}
		p.Reason = reason
	}
	return p, nil
}

// longer tells whether a keeps rows longer than b.
func longer(a, b int) bool { return b != 0 && (a == 0 || a > b) }

func days(n int) string {
	if n == 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days", n)
}
