package vectors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/policyrights"
)

// Config says how vectors are run.
type Config struct {
	// Orders is how many random arrival orders each vector is run in, besides the
	// order of the file; Seed makes them repeatable.
	Orders int
	Seed   uint64
}

// Result is what a vector came to.
type Result struct {
	ID, Title string
	// Diffs are the differences of the first order that had any, Order says which.
	Diffs []string
	Order int
}

// Run runs every vector.
func (f *File) Run(c Config) []Result {
	out := make([]Result, 0, len(f.Vectors))
	for i := range f.Vectors {
		v := &f.Vectors[i]
		r := Result{ID: v.ID, Title: v.Title}
		for k := 0; k <= c.Orders && len(r.Diffs) == 0; k++ {
			var rnd *rand.Rand
			if k > 0 {
				rnd = rand.New(rand.NewPCG(c.Seed, uint64(k)))
			}
			r.Order = k
			r.Diffs = f.once(v, rnd)
		}
		out = append(out, r)
	}
	return out
}

// once runs a vector in one order: that of the file if rnd is nil.
func (f *File) once(v *Vector, rnd *rand.Rand) []string {
	in, err := f.inputs(v)
	if err != nil {
		return []string{err.Error()}
	}
	h, err := f.history(v)
	if err != nil {
		return []string{err.Error()}
	}
	opts, err := f.options(v)
	if err != nil {
		return []string{err.Error()}
	}
	w := &world{in: in, e: chain.New(opts, policyrights.New(h)), opts: opts, firing: map[string]chain.Finding{}}
	steps := v.Steps
	if len(steps) == 0 {
		steps = []step{{Expect: v.Expect}}
	}
	var diffs []string
	for i := range steps {
		at, err := parseTime(steps[i].SettleAt)
		if err != nil {
			return []string{err.Error()}
		}
		before := w.fired()
		w.step(&steps[i], i == 0, at, rnd)
		for _, d := range w.compare(steps[i].Expect, before) {
			if len(steps) > 1 {
				d = fmt.Sprintf("step %d: %s", i+1, d)
			}
			diffs = append(diffs, d)
		}
	}
	return diffs
}

func (f *File) options(v *Vector) (chain.Options, error) {
	o := chain.Options{Retain: 1000 * time.Hour}
	for _, from := range []*options{&f.Options, v.Options} {
		if from == nil {
			continue
		}
		for _, d := range []struct {
			key, text string
			to        *time.Duration
		}{{"skew", from.Skew, &o.Skew}, {"settle", from.Settle, &o.Settle}, {"max_open", from.MaxOpen, &o.MaxOpen}} {
			if d.text == "" {
				continue
			}
			v, err := time.ParseDuration(d.text)
			if err != nil {
				return o, fmt.Errorf("options.%s: %w", d.key, err)
			}
			if *d.to = v; v == 0 {
				*d.to = -1
			}
		}
		if from.MaxDepth > 0 {
			o.MaxDepth = from.MaxDepth
		}
		if from.MinGrade != "" {
			o.MinGrade = chain.Grade(from.MinGrade)
		}
	}
	return o, nil
}

// world is one run of a vector.
type world struct {
	in     *inputs
	e      *chain.Engine
	opts   chain.Options
	firing map[string]chain.Finding
	now    int64
}

// step delivers what a step names (everything, where it names nothing; what is
// not a span comes with the first) and lets the watermark pass.
func (w *world) step(s *step, firstStep bool, settleAt int64, rnd *rand.Rand) {
	var todo []*item
	last := w.now
	for i := range w.in.items {
		it := &w.in.items[i]
		mine := len(s.Deliver) == 0 && firstStep || slices.Contains(s.Deliver, it.ref) && it.ref != "" || it.ref == "" && firstStep
		if mine {
			todo = append(todo, it)
			last = max(last, it.lastKnown)
		}
	}
	settle := int64(w.opts.Settle) + int64(time.Second)
	if w.opts.Settle <= 0 {
		settle = int64(time.Minute) + int64(time.Second)
	}
	arrive := last + int64(time.Second)
	if settleAt != 0 {
		arrive = max(w.now, settleAt-settle)
	}
	for _, batch := range batches(todo, rnd) {
		for _, it := range batch {
			it.deliver(w.e, arrive)
		}
		w.flush(arrive)
	}
	w.now = max(arrive+settle, settleAt)
	w.flush(w.now)
}

// batches shuffles items, repeats some, and cuts the row into batches.
func batches(items []*item, rnd *rand.Rand) [][]*item {
	if rnd == nil {
		return [][]*item{items}
	}
	row := slices.Clone(items)
	for _, it := range items {
		for rnd.IntN(3) == 0 {
			row = append(row, it)
		}
	}
	rnd.Shuffle(len(row), func(i, j int) { row[i], row[j] = row[j], row[i] })
	var out [][]*item
	for len(row) > 0 {
		n := 1 + rnd.IntN(len(row))
		out = append(out, row[:n])
		row = row[n:]
	}
	return out
}

func findingID(f *chain.Finding) string {
	return fmt.Sprint(f.Code, "|", f.Chain, "|", f.Accused, "|", f.Cause)
}

func (w *world) flush(now int64) {
	for _, ev := range w.e.Flush(now) {
		switch ev.Type {
		case chain.FindingFired:
			w.firing[findingID(ev.Finding)] = *ev.Finding
		case chain.FindingResolved:
			delete(w.firing, findingID(ev.Finding))
		default:
		}
	}
}

// fired lists what fires as the vectors write it.
func (w *world) fired() map[string]int {
	out := map[string]int{}
	for _, f := range w.firing {
		if f.Severity != chain.Info {
			out[line("type", f.Type, "accused", w.name(f.Accused))]++
		}
	}
	return out
}

// Pages runs a vector in the order of its file, to its last step, and returns
// the pages of all its chains.
func (f *File) Pages(v *Vector) ([]chain.Page, error) {
	in, err := f.inputs(v)
	if err != nil {
		return nil, err
	}
	h, err := f.history(v)
	if err != nil {
		return nil, err
	}
	opts, err := f.options(v)
	if err != nil {
		return nil, err
	}
	w := &world{in: in, e: chain.New(opts, policyrights.New(h)), opts: opts, firing: map[string]chain.Finding{}}
	w.step(&step{}, true, 0, nil)
	return w.e.Pages(), nil
}
