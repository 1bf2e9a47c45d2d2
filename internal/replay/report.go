package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a replay found, beside what is on record. Its JSON names are
// public surface.
type Report struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	WarmUp   string    `json:"warm_up"`
	Agent    string    `json:"agent,omitempty"`
	Pipeline string    `json:"pipeline"`
	Rules    []string  `json:"processors"`

	Actions    uint64 `json:"actions"` // replayed, those of the warm-up included
	FirstEnded string `json:"first_ended,omitempty"`

	Findings int `json:"findings"`
	OnRecord int `json:"on_record"`
	Same     int `json:"same"`
	Alike    int `json:"alike"`
	New      int `json:"new"`
	Gone     int `json:"gone"`

	Groups []*Group `json:"groups"`
	// Notes say what could not be judged as live, and why.
	Notes []string `json:"notes"`
}

// Group is the findings of one type, rule and agent.
type Group struct {
	Type     string `json:"type"`
	Rule     string `json:"rule"`
	Agent    string `json:"agent"`
	Severity string `json:"severity,omitempty"` // the last one of the replay

	Findings int `json:"findings"`
	OnRecord int `json:"on_record"`
	// Same are on record under the same id, Alike under the same type and key with
	// another id, New are not on record, Gone are on record only.
	Same  int `json:"same"`
	Alike int `json:"alike"`
	New   int `json:"new"`
	Gone  int `json:"gone"`

	First        time.Time `json:"first,omitzero"`
	Last         time.Time `json:"last,omitzero"`
	Examples     []Example `json:"examples,omitempty"`
	NewExamples  []Example `json:"new_examples,omitempty"`
	GoneExamples []Example `json:"gone_examples,omitempty"`
}

// Example is one finding to look at.
type Example struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	TraceID string    `json:"trace_id,omitempty"`
	Session string    `json:"session,omitempty"`
	Message string    `json:"message"`
}

const maxExamples = 3

func (g *Group) take(f *Found) {
	g.Findings++
	g.Severity = f.Severity
	if g.First.IsZero() || f.First.Before(g.First) {
		g.First = f.First
	}
	g.Last = later(g.Last, f.Last)
	g.example(&g.Examples, f)
}

func (*Group) example(to *[]Example, f *Found) {
	if len(*to) < maxExamples {
		*to = append(*to, Example{f.ID, f.First, f.TraceID, f.Session, f.Message})
	}
}

func (t *tally) report(d *player) *Report {
	r := &Report{
		Since: t.o.Since.UTC(), Until: t.o.Until.UTC(), WarmUp: t.o.WarmUp.String(), Agent: t.o.Agent,
		Pipeline: d.rules.Pipeline, Rules: d.rules.Processors, Actions: d.done, Groups: t.compare(), Notes: []string{},
	}
	if !d.begun.IsZero() {
		r.FirstEnded = d.begun.UTC().Format(time.RFC3339)
	}
	for _, g := range r.Groups {
		r.Findings, r.OnRecord = r.Findings+g.Findings, r.OnRecord+g.OnRecord
		r.Same, r.Alike, r.New, r.Gone = r.Same+g.Same, r.Alike+g.Alike, r.New+g.New, r.Gone+g.Gone
	}
	r.notes(t, d)
	return r
}

func (r *Report) note(n uint64, format string) {
	if n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf(format, n))
	}
}

func (r *Report) notes(t *tally, d *player) {
	if len(d.rules.LeftOut) > 0 {
		r.Notes = append(r.Notes, "processors that a replay passes over: "+strings.Join(d.rules.LeftOut, ", "))
	}
	if len(d.rules.Ignored) > 0 {
		r.Notes = append(r.Notes, "settings that a replay does not follow: "+strings.Join(d.rules.Ignored, ", "))
	}
	if b := &d.builder; b.bare > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d of %d tool calls have no content on record: rules about arguments and results were not evaluated for them", b.bare, b.tools))
	}
	r.note(d.builder.noRun, "%d agents' spans are of a run that nobody resolved (no delegation processor, or a cycle): each is taken to open a run of its own")
	r.note(d.unbelievable, "%d actions end after the period or in no time that can be; they were replayed at its end")
	r.note(d.decisions, "%d decisions were replayed as they were made, not asked again")
	r.note(t.config, "%d findings of type config.changed, about this replay's own start, are left out on both sides")
	r.note(t.elsewhere, "%d of the findings are on record at a time outside the period: their actions came late")
	r.note(t.refused, "%d findings could not be read")
	r.note(t.beyond, "%d findings beyond the limit of findings told apart are not compared")
	for _, name := range slices.Sorted(maps.Keys(d.limits)) {
		r.Notes = append(r.Notes, fmt.Sprintf("a limit was hit: %s %d", name, d.limits[name]))
	}
	for _, text := range d.troubles {
		r.Notes = append(r.Notes, "a component said: "+text)
	}
}

// Text writes the report for people.
func (r *Report) Text(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Replayed %d actions through %s; findings of %s to %s", r.Actions, strings.Join(r.Rules, ", "), r.Since.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	if r.Agent != "" {
		fmt.Fprintf(&b, " about agent %s", r.Agent)
	}
	fmt.Fprintf(&b, ".\n%d findings, %d on record: %d the same, %d of the same cause, %d new, %d gone.\n", r.Findings, r.OnRecord, r.Same, r.Alike, r.New, r.Gone)
	if len(r.Groups) > 0 {
		b.WriteByte('\n')
		w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "type\trule\tagent\tfindings\ton record\tsame\talike\tnew\tgone\tfirst\tlast")
		for _, g := range r.Groups {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", g.Type, dash(g.Rule), dash(g.Agent), g.Findings, g.OnRecord,
				g.Same, g.Alike, g.New, g.Gone, short(g.First), short(g.Last))
		}
		_ = w.Flush() // into memory
	}
	for _, part := range []struct {
		title string
		of    func(*Group) []Example
	}{
		{"New: these rules would have found it", func(g *Group) []Example { return g.NewExamples }},
		{"Gone: on record, and not found by these rules", func(g *Group) []Example { return g.GoneExamples }},
	} {
		title := "\n" + part.title + "\n"
		for _, g := range r.Groups {
			for _, e := range part.of(g) {
				fmt.Fprintf(&b, "%s  %s  %s  trace %s\n    %s\n", title, short(e.At), g.Type, dash(e.TraceID), e.Message)
				title = ""
			}
		}
	}
	if len(r.Notes) > 0 {
		b.WriteString("\nRead with these in mind\n")
		for _, n := range r.Notes {
			b.WriteString("  - " + n + "\n")
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func short(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
