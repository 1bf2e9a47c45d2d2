// Command growth measures what a span costs, and what is held in memory, as what is
// governed grows: sessions that are open, agents, rules. See README.md.
//
//	make bench-growth
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// point is one measurement, in a process of its own.
type point struct{ Sessions, Agents, Rules int }

// result is what a point gave.
type result struct {
	Micros float64 // CPU microseconds a span, of the whole process
	Heap   uint64  // bytes that are live after it
	Before uint64  // and before the first span: policy files, prices
}

func main() {
	log.SetFlags(0)
	sessions := flag.String("sessions", "1000,10000,100000,1000000", "open sessions")
	agents := flag.String("agents", "10,100,1000,10000", "agents, each with an entry in the registry")
	rules := flag.String("rules", "10,100,1000,10000", "rules of the entry that judges")
	spans := flag.Int("spans", 200_000, "spans that are measured at each point")
	runs := flag.Int("runs", 3, "of each point, in turn; the least is printed, since what else the machine does only adds")
	one := flag.String("point", "", "measure this one only, and print it as JSON")
	flag.Parse()
	if err := run(*one, *spans, *runs, map[string]string{"sessions": *sessions, "agents": *agents, "rules": *rules}); err != nil {
		log.Fatalf("growth: %v", err)
	}
}

func run(one string, spans, runs int, sizes map[string]string) error {
	if one != "" {
		var p point
		if err := json.Unmarshal([]byte(one), &p); err != nil {
			return fmt.Errorf("-point: %w", err)
		}
		r, err := measure(context.Background(), p, spans)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	for _, what := range []string{"sessions", "agents", "rules"} {
		if sizes[what] == "" {
			continue
		}
		if err := series(what, sizes[what], spans, runs); err != nil {
			return err
		}
	}
	return nil
}

// series measures one thing that grows while the others stay as they are.
func series(what, sizes string, spans, runs int) error {
	var counts []int
	var points []point
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 {
			return fmt.Errorf("-%s: %q: no count", what, text)
		}
		counts, points = append(counts, n), append(points, pointOf(what, n))
	}
	least := make([]result, len(points))
	for n := range runs {
		for i, p := range points {
			r, err := child(p, spans)
			if err != nil {
				return err
			}
			if n == 0 || r.Micros < least[i].Micros {
				least[i] = r
			}
		}
	}
	fmt.Printf("%12s   CPU us/span   to the first   live MB   of them before\n", what)
	for i, r := range least {
		fmt.Printf("%12d   %11.1f   %12.2f   %7.0f   %14.0f\n", counts[i], r.Micros, r.Micros/least[0].Micros, float64(r.Heap)/1e6, float64(r.Before)/1e6)
	}
	fmt.Println()
	return nil
}

func pointOf(what string, n int) point {
	switch what {
	case "sessions":
		return point{Sessions: n, Agents: 40, Rules: 10}
	case "agents":
		return point{Sessions: 1000, Agents: n, Rules: 10}
	default: // one entry, and that of its helper, as large as a file may be
		return point{Sessions: 1000, Agents: 2, Rules: n}
	}
}

// child measures a point in a fresh process.
func child(p point, spans int) (r result, err error) {
	arg, err := json.Marshal(p)
	if err != nil {
		return r, err
	}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.Command(self, "-point", string(arg), "-spans", strconv.Itoa(spans))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%s: %w", arg, err)
	}
	return r, json.Unmarshal(out, &r)
}
