package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor"
)

// printPortrait writes a portrait for people.
func printPortrait(to io.Writer, p *baselineprocessor.Portrait) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Agent %s of project %s", p.Agent, orNone(p.Project))
	if p.Tenant != "" {
		fmt.Fprintf(&b, ", tenant %s", p.Tenant)
	}
	fmt.Fprintf(&b, ": %d sessions learned, %d live\n\n", p.Sessions, p.Live)
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("what", "usual", "high", "reported from", "history", "maturity", "why")
	for i := range p.Levels {
		row(levelCells("", &p.Levels[i])...)
	}
	for i := range p.Rates {
		row(rateCells("", &p.Rates[i])...)
	}
	row("calls that fail", failing(p.Errors.Share, p.Errors.Calls), "", "", about(p.Errors.Calls, "calls"), share(p.Errors.Maturity), "")
	for i := range p.Tools {
		t := &p.Tools[i]
		row("", "", "", "", "", "", "")
		row("tool "+t.Name, "", "", "", strconv.Itoa(t.Sessions)+" sessions", "", quarantine(t.Known, p.Sessions))
		row(levelCells("  ", &t.Latency)...)
		for k := range t.Rates {
			row(rateCells("  ", &t.Rates[k])...)
		}
		row("  calls that fail", failing(t.Errors.Share, t.Errors.Calls), "", "", about(t.Errors.Calls, "calls"), share(t.Errors.Maturity), "")
		row("  failures in a row", "", figure(t.Streak), "", strconv.Itoa(t.StreakSeen)+" sessions", "", "")
	}
	_ = w.Flush() // into memory
	printDrift(&b, p)
	fmt.Fprintf(&b, "\nModels: %s\n", seenText(p.Models.Distinct, p.Models.Known, p.Models.Open, p.Models.Sessions))
	if len(p.Open) == 0 {
		b.WriteString("\nNo incident is open.\n")
	}
	for i := range p.Open {
		a := &p.Open[i]
		fmt.Fprintf(&b, "\nOpen since %s: baseline.%s (%s)\n  %s\n", a.Began.UTC().Format(time.RFC3339), a.Type, a.Rule, a.Message)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func printDrift(b *strings.Builder, p *baselineprocessor.Portrait) {
	b.WriteString("\nSlow drift\n")
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "  level\tlast day\ttwo weeks\tanchor\thistory")
	for i := range p.Drift {
		d := &p.Drift[i]
		anchor := figure(d.Anchor)
		if !d.Anchor.Known {
			anchor = "not frozen yet"
		}
		_, _ = fmt.Fprintf(w, "  %s (%s)\t%s\t%s\t%s\t%.1f days\n", d.Name, d.Unit, figure(d.Fast), figure(d.Slow), anchor, d.Days)
	}
	_ = w.Flush() // into memory
}

func levelCells(indent string, l *baselineprocessor.Level) []string {
	unit := "calls"
	if strings.Contains(l.Name, "session") {
		unit = "sessions"
	}
	why := ""
	if l.Seen <= l.Needed {
		why = fmt.Sprintf("too young: judged after %d %s", l.Needed, unit)
	}
	return []string{
		indent + l.Name, withUnit(l.Usual, l.Unit), withUnit(l.High, l.Unit), withUnit(l.Limit, l.Unit),
		fmt.Sprintf("%d %s", l.Seen, unit), share(l.Maturity), why,
	}
}

func rateCells(indent string, r *baselineprocessor.BinRate) []string {
	why, usual, from := "", number(r.Mean), number(r.Limit)
	if r.Bins == 0 {
		usual, from = "unknown", "unknown"
	}
	if r.Bins < r.Needed {
		why = fmt.Sprintf("too young: judged by its project until %d bins", r.Needed)
	}
	return []string{
		indent + "calls in " + (time.Duration(r.Width) * time.Second).String(), usual, "", from,
		fmt.Sprintf("%d bins", r.Bins), share(r.Maturity), why,
	}
}

func quarantine(known bool, sessions uint32) string {
	switch {
	case known:
		return "known"
	case sessions == 0:
		return "in quarantine: no session is over yet"
	}
	return "in quarantine: not in enough sessions, or on one day only"
}

func seenText(distinct, known int, open bool, sessions int) string {
	if open {
		return "too many to tell apart"
	}
	return fmt.Sprintf("%d seen in %d sessions, %d of them known, %d in quarantine", distinct, sessions, known, distinct-known)
}

func figure(n baselineprocessor.Number) string {
	if !n.Known {
		return "unknown"
	}
	return number(n.V)
}

func withUnit(n baselineprocessor.Number, unit string) string {
	if !n.Known {
		return "unknown"
	}
	return number(n.V) + " " + unit
}

// number writes three digits, without an exponent where a value has a usual size.
func number(v float64) string {
	if v >= 1000 && v < 1e9 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func share(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// failing is unknown while there is no history.
func failing(share, calls float64) string {
	if calls == 0 {
		return "unknown"
	}
	return number(100*share) + " of 100"
}

func about(n float64, what string) string { return strconv.FormatFloat(n, 'f', 0, 64) + " " + what }

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
