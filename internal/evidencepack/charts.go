package evidencepack

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// The charts are SVG of numbers and dates only, so that nothing an agent wrote gets
// into them. What a colour says, a shape says as well: they are printed in black.

// full is from which percentage on a day counts as covered: heartbeats are a minute
// apart, so that a whole day is rarely 100.
const full = 99.9

const (
	cell  = 17 // of the calendar, in px, with its gap
	left  = 62
	above = 16
)

// calendar draws a row a month, a cell a day: filled from below as far as the day
// was covered, crossed out where nobody watched, dotted where it is not known.
func calendar(days []Day) template.HTML {
	var b strings.Builder
	for len(days) > 0 {
		n := 0
		for n < len(days) && days[n].Day.Year() == days[0].Day.Year() {
			n++
		}
		year(&b, days[:n])
		days = days[n:]
	}
	return template.HTML(b.String()) //nolint:gosec // numbers and dates
}

func year(b *strings.Builder, days []Day) {
	first, last := days[0].Day.Month(), days[len(days)-1].Day.Month()
	height := above + int(last-first+1)*cell + 2
	fmt.Fprintf(b, `<svg class="calendar" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Coverage of each day of %d">`,
		left+31*cell+2, height, left+31*cell+2, height, days[0].Day.Year())
	for d := 1; d <= 31; d++ {
		fmt.Fprintf(b, `<text class="tick" x="%d" y="11" text-anchor="middle">%d</text>`, left+(d-1)*cell+cell/2, d)
	}
	for m := first; m <= last; m++ {
		fmt.Fprintf(b, `<text class="label" x="0" y="%d">%s</text>`, above+int(m-first)*cell+12, time.Date(days[0].Day.Year(), m, 1, 0, 0, 0, 0, time.UTC).Format("Jan 2006"))
	}
	for i := range days {
		d := &days[i]
		day(b, d, left+(d.Day.Day()-1)*cell, above+int(d.Day.Month()-first)*cell)
	}
	b.WriteString("</svg>\n")
}

const box = cell - 3

func day(b *strings.Builder, d *Day, x, y int) {
	if d.Pct == nil {
		fmt.Fprintf(b, `<rect class="unknown" x="%d" y="%d" width="%d" height="%d"><title>%s: not known</title></rect>`, x, y, box, box, d.Day.Format(time.DateOnly))
		return
	}
	fmt.Fprintf(b, `<rect class="day" x="%d" y="%d" width="%d" height="%d"><title>%s: %.4g%% covered</title></rect>`, x, y, box, box, d.Day.Format(time.DateOnly), *d.Pct)
	if *d.Pct <= 0 {
		fmt.Fprintf(b, `<path class="none" d="M%d %dL%d %dM%d %dL%d %d"/>`, x+2, y+2, x+box-2, y+box-2, x+box-2, y+2, x+2, y+box-2)
		return
	}
	h := box
	if *d.Pct < full {
		h = min(max(int(*d.Pct*float64(box)/100), 2), box-3) // what is missing shows
	}
	fmt.Fprintf(b, `<rect class="seen" x="%d" y="%d" width="%d" height="%d"/>`, x, y+box-h, box, h)
}

const (
	wide   = 690
	high   = 74
	margin = 34
)

// bars draws how many rows there are for each day, or each week of a long period,
// and below the line where nobody watched all the time.
func bars(days []Day, counts map[string]int) template.HTML {
	per := 1
	if len(days) > 130 {
		per = 7
	}
	n := (len(days) + per - 1) / per
	if n < 2 || len(counts) == 0 {
		return ""
	}
	sums, most := make([]int, n), 0
	for i := range days {
		sums[i/per] += counts[days[i].Day.Format(time.DateOnly)]
		most = max(most, sums[i/per])
	}
	if most == 0 {
		return ""
	}
	unit := map[int]string{1: "day", 7: "week"}[per]
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="bars" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Rows per %s">`, wide, high+36, wide, high+36, unit)
	step := float64(wide-margin) / float64(n)
	for i, sum := range sums {
		x, w := margin+float64(i)*step, max(step*0.8, 0.8)
		if h := float64(high) * float64(sum) / float64(most); sum > 0 {
			fmt.Fprintf(&b, `<rect class="bar" x="%.2f" y="%.2f" width="%.2f" height="%.2f"><title>%s: %d</title></rect>`,
				x, 8+high-max(h, 1), w, max(h, 1), days[i*per].Day.Format(time.DateOnly), sum)
		}
		if gap := uncovered(days[i*per : min((i+1)*per, len(days))]); gap > 0 {
			fmt.Fprintf(&b, `<rect class="gap" x="%.2f" y="%d" width="%.2f" height="%.2f"/>`, x, high+10, w, max(6*gap, 1))
		}
	}
	fmt.Fprintf(&b, `<path class="axis" d="M%d %dH%d"/><text class="tick" x="%d" y="14" text-anchor="end">%d</text><text class="tick" x="%d" y="%d" text-anchor="end">0</text>`,
		margin, high+8, wide, margin-5, most, margin-5, high+10)
	fmt.Fprintf(&b, `<text class="tick" x="%d" y="%d">%s</text><text class="tick" x="%d" y="%d" text-anchor="end">%s</text>`,
		margin, high+30, days[0].Day.Format(time.DateOnly), wide, high+30, days[len(days)-1].Day.Format(time.DateOnly))
	fmt.Fprintf(&b, `<text class="tick" x="%d" y="%d" text-anchor="middle">rows per %s; dark below the line: not covered</text></svg>`, (wide+margin)/2, high+30, unit)
	return template.HTML(b.String()) //nolint:gosec // numbers and dates
}

// uncovered is how much of the days nobody watched, 0 to 1; days that are not known
// count as not covered.
func uncovered(days []Day) float64 {
	sum := 0.0
	for i := range days {
		switch {
		case days[i].Pct == nil:
			sum++
		case *days[i].Pct < full:
			sum += 1 - *days[i].Pct/100
		}
	}
	return sum / float64(len(days))
}
