package main

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
)

// silence replays the benign runs through the whole engine, as the processor
// would meet them, one after the other, judged before learned, and prints how
// often it speaks. Every alert is one too many: nobody attacked. Attack runs are
// left out; models and variants change as they were recorded.
func silence(runs []run) {
	var benign []*run
	for i := range runs {
		if !runs[i].attack && !runs[i].at.IsZero() {
			benign = append(benign, &runs[i])
		}
	}
	slices.SortStableFunc(benign, func(a, b *run) int { return a.at.Compare(b.at) })
	opt := kernels.EngineDefaults()
	opt.Key = key
	e := kernels.NewEngine(opt)
	counts, n := map[string]int{}, uint64(0)
	var clock time.Time
	note := func(alerts []kernels.Alert) {
		for i := range alerts {
			if a := &alerts[i]; !a.Resolved {
				counts[fmt.Sprintf("%-8s %-24s %s", a.Type, a.Rule, [...]string{"", "info", "warning", "critical"}[a.Severity])]++
			}
		}
	}
	for _, r := range benign {
		// One run at a time: recordings overlap, one agent's sessions need not.
		if r.at.After(clock) {
			clock = r.at
		}
		pace := r.took / time.Duration(max(1, len(r.steps)))
		for _, a := range actions(r) {
			n++
			binary.LittleEndian.PutUint64(a.ID[:], n)
			a.Start, a.End = clock, clock.Add(pace)
			clock = clock.Add(pace)
			note(e.Observe(&a).Alerts)
		}
		clock = clock.Add(time.Minute)
		note(e.Tick(clock))
	}
	fmt.Printf("\nFalse alerts: %d benign runs replayed in the order of their recording, alerts and updates per 1,000 sessions\n", len(benign))
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("  %s %.1f (%d)\n", k, 1000*float64(counts[k])/float64(len(benign)), counts[k])
	}
	fmt.Printf("  warnings that the budget kept back: %d\n", e.Stats().Suppressed)
}

// actions are the spans of a run: a call of the model before each call of a tool.
func actions(r *run) []kernels.Action {
	base := kernels.Action{Agent: r.suite + "-assistant", Session: r.path, Model: r.model}
	var out []kernels.Action
	said := ""
	for i := range r.steps {
		st := &r.steps[i]
		m := base
		m.Kind = kernels.Model
		if st.tool == "" {
			if said == "" {
				said = st.prompt
				m.Prompt = " " + st.prompt
			}
			m.Tokens = kernels.KnownNumber(float64(len(st.prompt))/4 + 1)
			out = append(out, m)
			continue
		}
		m.Tokens = kernels.KnownNumber(float64(len(st.args))/4 + 1)
		t := base
		t.Kind, t.Model = kernels.Tool, ""
		t.Tool, t.Arguments, t.Result, t.Failed = st.tool, st.args, st.value, st.failed
		out = append(out, m, t)
	}
	return out
}
