package policy

import (
	"fmt"
	"strings"
	"time"
)

// Assume fills in what a test leaves out because it is about something else: the
// entry is named, so it holds for the version; nothing was used of any rate.
func (q *Request) Assume() {
	if q.Actor.Version == "" && q.Lost&FieldVersion == 0 {
		q.Absent |= FieldVersion
	}
	if q.Counter == nil && q.Lost&FieldRate == 0 {
		q.Counter = func(*Rule, time.Duration) (int64, bool) { return 0, true }
	}
}

// Run judges the case and returns what differs from what it expects, one line
// each.
func (c *Case) Run(r *Registry) (Result, []string) {
	q := c.Request
	q.Assume()
	var out Result
	r.Agent(c.Agent).Judge(&q, &out)
	var diff []string
	note := func(what, got, want string) {
		if want != "" && got != want {
			diff = append(diff, fmt.Sprintf("%s is %s, want %s", what, orNone(got), want))
		}
	}
	rule := "-"
	if out.Rule != nil {
		rule = out.Rule.ID()
	}
	w := &c.Want
	note("effect", string(out.Effect), string(w.Effect))
	note("answer", string(out.Answer), string(w.Answer))
	note("verdict", string(out.Verdict), string(w.Verdict))
	note("reason", string(out.Reason), string(w.Reason))
	note("finding", out.Finding, w.Finding)
	note("rule", rule, w.Rule)
	if w.Missing != nil {
		note("missing", strings.Join(out.Missing.Paths(), ","), strings.Join(w.Missing, ","))
	}
	return out, diff
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
