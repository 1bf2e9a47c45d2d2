package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spanwarden/spanwarden/processor/baselineprocessor/kernels"
)

// loops prints on how many runs the syntactic rules fire. Nobody labelled these
// runs as loops: on benign runs each is an alert that somebody would have to look
// at, though some of them do go round in circles.
func loops(runs []run) {
	p := kernels.LoopDefaults()
	type tally struct {
		runs, fired, critical int
		rules                 map[string]int
	}
	kinds := map[string]*tally{"benign": {rules: map[string]int{}}, "under attack": {rules: map[string]int{}}}
	for i := range runs {
		r := &runs[i]
		t := kinds["benign"]
		if r.attack {
			t = kinds["under attack"]
		}
		rules, critical, calls := fired(p, r)
		if calls == 0 {
			continue
		}
		t.runs++
		for rule := range rules {
			t.rules[rule]++
		}
		if len(rules) > 0 {
			t.fired++
		}
		if critical {
			t.critical++
		}
	}
	fmt.Println("\nLoops: natural repeats, rules with fixed limits")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t := kinds[kind]
		fmt.Printf("  %-13s %d runs with calls: any rule %.2f %%, critical %.2f %%;", kind, t.runs, share(t.fired, t.runs), share(t.critical, t.runs))
		for _, rule := range slices.Sorted(maps.Keys(t.rules)) {
			fmt.Printf(" %s %.2f %%", rule, share(t.rules[rule], t.runs))
		}
		fmt.Println()
	}
}

func share(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

func fired(p kernels.LoopParams, r *run) (rules map[string]bool, critical bool, calls int) {
	var ring kernels.LoopRing
	rules = map[string]bool{}
	for i := range r.steps {
		st := &r.steps[i]
		if st.tool == "" {
			continue
		}
		calls++
		exact, near := kernels.LoopArguments(key.K0, st.tool, st.args)
		v := ring.Add(&p, kernels.LoopCall{
			Tool: kernels.LoopHash(key.K0, st.tool), Exact: exact, Near: near,
			Result: kernels.LoopHash(key.K0, st.value), Failed: st.failed, Known: true,
		})
		if v.Rule != "" {
			rules[string(v.Rule)] = true
			critical = critical || v.Critical
		}
	}
	return rules, critical, calls
}
