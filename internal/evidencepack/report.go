package evidencepack

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

//go:embed report.html.tmpl
var pageText string

//go:embed report.css
var styles string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"word": word, "anchor": anchor, "short": short}).Parse(pageText))

// page is what the template shows.
type page struct {
	*Scope
	Styles     template.CSS
	Title      string
	ID         string
	Period     string
	States     []count
	Verdict    string // of the verification
	VerifyText string
	Calendar   template.HTML
	Covered    int // days
	Partly     []string
	MoreDays   int
	Attention  []*control
	Groups     []group
	Unasked    []*answer
	Answers    []*answer
	Legend     []legend
}

type count struct {
	State catalogue.State
	N     int
}

type legend struct {
	State catalogue.State
	Text  string
}

// group is a framework with its controls that there is evidence for, and those
// there is none for.
type group struct {
	*catalogue.Framework
	Of     []*control
	Silent []catalogue.Control
}

// control is one page.
type control struct {
	catalogue.Control
	Framework *catalogue.Framework
	State     catalogue.State // the one to look at first
	States    []count
	Questions []question
	Long      bool // has tables of its own
}

// question is an answer on the page of a control: in full where it stands first.
type question struct {
	*answer
	Full  bool
	Under string // the control where it stands in full
	Chart template.HTML
}

// order is which state to look at first.
var order = []catalogue.State{
	catalogue.ObservedExceptions, catalogue.NotObserved, notAsked, catalogue.Observed, catalogue.ObservedFine, catalogue.ObservedZero,
}

// word is a state in words, with a sign that needs no colour.
func word(s catalogue.State) string {
	switch s {
	case catalogue.ObservedExceptions:
		return "▲ Exceptions"
	case catalogue.NotObserved:
		return "○ Not observed"
	case catalogue.ObservedZero:
		return "◎ Observed: zero"
	case catalogue.ObservedFine:
		return "● Observed and fine"
	case catalogue.Observed:
		return "■ Records"
	default:
		return "– Not asked"
	}
}

var legends = []legend{
	{catalogue.NotObserved, "Nothing watched: no collector was there, the rule was not loaded, or the fact is never sent. That there are no rows means nothing."},
	{catalogue.ObservedZero, "It was watched, and no such event occurred."},
	{catalogue.ObservedFine, "Events occurred and were judged, and all of them passed."},
	{catalogue.ObservedExceptions, "There are events that should not be. Each row is one."},
	{catalogue.Observed, "Rows are records: what there is, without a judgement."},
	{notAsked, "The question needs to be told what about, such as one session. A pack does not ask it."},
}

func anchor(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
			return r
		}
		return '-'
	}, id)
}

func short(digest string) string { return digest[:min(16, len(digest))] }

const listed = 40 // days that were not covered, in words

func (p *Pack) report() *page {
	s := &p.scope
	v := &page{
		Scope: s, Styles: template.CSS(styles), ID: s.ID(), Title: s.title(), Period: clock(s.Start) + " to " + clock(s.End), //nolint:gosec // ours
		Answers: p.answers, Verdict: "not verified", VerifyText: notVerified, Calendar: calendar(s.Days), Legend: legends,
	}
	if s.Verified != nil {
		v.Verdict, v.VerifyText = s.Verified.Result, Visible(s.Verified.Text)
	}
	states := make([]catalogue.State, 0, len(p.answers))
	for _, a := range p.answers {
		states = append(states, a.State)
		if a.State == notAsked {
			v.Unasked = append(v.Unasked, a)
		}
	}
	v.States = counts(states)
	v.days()
	p.controls(v)
	return v
}

func (s *Scope) title() string {
	if s.Everything {
		return "All frameworks of the catalogue"
	}
	names := make([]string, 0, len(s.Frameworks))
	for i := range s.Frameworks {
		names = append(names, s.Frameworks[i].Name)
	}
	return strings.Join(names, ", ")
}

func counts(states []catalogue.State) []count {
	var out []count
	for _, s := range order {
		n := 0
		for _, t := range states {
			if s == t {
				n++
			}
		}
		if n > 0 {
			out = append(out, count{s, n})
		}
	}
	return out
}

func (v *page) days() {
	for i := range v.Days {
		d := &v.Days[i]
		if d.Pct != nil && *d.Pct >= full {
			v.Covered++
			continue
		}
		if len(v.Partly) == listed {
			v.MoreDays++
			continue
		}
		said := "not known"
		if d.Pct != nil {
			said = evidence.Text(*d.Pct, "") + "%"
		}
		v.Partly = append(v.Partly, fmt.Sprintf("%s %s", d.Day.Format(time.DateOnly), said))
	}
}

// controls makes the pages: exceptions first, and each answer in full where it is
// asked for first.
func (p *Pack) controls(v *page) {
	under := map[string]string{}
	for i := range p.scope.Frameworks {
		g := group{Framework: &p.scope.Frameworks[i]}
		for _, c := range g.Controls {
			one := p.control(c, g.Framework, under)
			if len(one.Questions) == 0 {
				g.Silent = append(g.Silent, c)
				continue
			}
			g.Of = append(g.Of, one)
			if one.State == catalogue.ObservedExceptions || one.State == catalogue.NotObserved {
				v.Attention = append(v.Attention, one)
			}
		}
		v.Groups = append(v.Groups, g)
	}
	slices.SortStableFunc(v.Attention, func(a, b *control) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
}

// charted is from how many rows on a chart helps.
const charted = 8

func (p *Pack) control(c catalogue.Control, f *catalogue.Framework, under map[string]string) *control {
	one := &control{Control: c, Framework: f}
	var states []catalogue.State
	for _, a := range p.answers {
		if slices.Contains(a.Query.Controls, c.ID) {
			one.Questions = append(one.Questions, question{answer: a})
			states = append(states, a.State)
		}
	}
	slices.SortStableFunc(one.Questions, func(a, b question) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	for i := range one.Questions {
		q := &one.Questions[i]
		q.Under, q.Full = under[q.Query.ID], under[q.Query.ID] == ""
		if q.Full {
			under[q.Query.ID] = c.ID
		}
		one.Long = one.Long || q.Full && len(q.Shown) > 3
		if q.Full && q.Query.HasPeriod() && q.Rows >= charted {
			q.Chart = bars(p.scope.Days, q.Days)
		}
	}
	if one.States = counts(states); len(one.States) > 0 {
		one.State = one.States[0].State
	}
	return one
}

func (v *page) write(w io.Writer) error { return pageTemplate.Execute(w, v) }
