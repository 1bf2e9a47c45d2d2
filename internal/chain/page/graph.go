package page

import (
	"cmp"
	"slices"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// box is a run in the drawing, arrow an edge.
type box struct {
	X, Y, W, H   int
	Title, Under string
	Class        string
	Ref          string
	layer        int
}

type arrow struct {
	X1, Y1, X2, Y2 int
	MX, MY         int
	Label, Class   string
}

type drawing struct {
	W, H   int
	Boxes  []box
	Arrows []arrow
	More   int // runs that are not drawn
}

const (
	boxW, boxH   = 190, 46
	gapX, gapY   = 26, 58
	margin       = 16
	maxDrawn     = 200
	maxTitleRune = 24
)

// draw lays the runs of a chain out in layers, the root on top: a run stands one
// layer below the lowest of those above it. Cycles end at the second visit.
func draw(p *chain.Page) drawing {
	at := map[chain.Ref]int{}
	var d drawing
	for i := range p.Runs {
		if len(d.Boxes) == maxDrawn {
			d.More = len(p.Runs) - maxDrawn
			break
		}
		r := &p.Runs[i]
		at[r.Run] = len(d.Boxes)
		b := box{Title: cut(orUnknown(r.Agent)), Under: person(r.Principal), Ref: r.Run.String(), W: boxW, H: boxH, Class: "run"}
		b.Under = cut(b.Under)
		if serious(r.Codes) {
			b.Class = "run bad"
		} else if r.Depth < 0 {
			b.Class = "run unknown"
		}
		d.Boxes = append(d.Boxes, b)
	}
	layers(p, at, d.Boxes)
	place(&d)
	for i := range p.Edges {
		d.arrow(&p.Edges[i], at)
	}
	return d
}

func layers(p *chain.Page, at map[chain.Ref]int, boxes []box) {
	for range boxes {
		changed := false
		for i := range p.Edges {
			from, ok := at[p.Edges[i].From]
			to, known := at[p.Edges[i].To]
			if ok && known && from != to && boxes[to].layer <= boxes[from].layer && boxes[from].layer+1 < len(boxes) {
				boxes[to].layer, changed = boxes[from].layer+1, true
			}
		}
		if !changed {
			break
		}
	}
	// A circle pushes its runs down without end: close the gaps it leaves.
	used := map[int]bool{}
	for i := range boxes {
		used[boxes[i].layer] = true
	}
	for i := range boxes {
		n := 0
		for k := range boxes[i].layer {
			if used[k] {
				n++
			}
		}
		boxes[i].Y = n
	}
}

func place(d *drawing) {
	count := map[int]int{}
	for i := range d.Boxes {
		b := &d.Boxes[i]
		row := b.Y
		b.X, b.Y = margin+count[row]*(boxW+gapX), margin+row*(boxH+gapY)
		count[row]++
		d.W, d.H = max(d.W, b.X+boxW+margin), max(d.H, b.Y+boxH+margin)
	}
}

func (d *drawing) arrow(e *chain.EdgeView, at map[chain.Ref]int) {
	to, ok := at[e.To]
	if !ok {
		return
	}
	b := d.Boxes[to]
	a := arrow{X2: b.X + boxW/2, Y2: b.Y, Label: cut(string(e.Kind) + " · " + string(e.Grade))}
	switch {
	case serious(e.Codes):
		a.Class = "edge bad"
	case e.Authority:
		a.Class = "edge"
	default:
		a.Class = "edge weak"
	}
	if from, known := at[e.From]; known {
		f := d.Boxes[from]
		a.X1, a.Y1 = f.X+boxW/2, f.Y+boxH
	} else {
		a.X1, a.Y1, a.Class = a.X2+boxW/3, max(0, a.Y2-gapY/2), a.Class+" open"
	}
	a.MX, a.MY = (a.X1+a.X2)/2, (a.Y1+a.Y2)/2
	d.Arrows = append(d.Arrows, a)
	slices.SortStableFunc(d.Arrows, func(x, y arrow) int { return cmp.Or(cmp.Compare(x.Y1, y.Y1), cmp.Compare(x.X1, y.X1)) })
}

func cut(s string) string {
	s = clean(s)
	if r := []rune(s); len(r) > maxTitleRune {
		return string(r[:maxTitleRune-1]) + "…"
	}
	return s
}
