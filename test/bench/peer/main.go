// Command peer measures spanwarden's collector beside the one that a user would
// pick instead to store the same spans in ClickHouse. See README.md.
//
//	make bench-peer
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	o := options{}
	sides := flag.String("sides", "floor,ours,peer", "what to run, in turn: "+strings.Join(sideNames(), ", "))
	flag.StringVar(&o.bin, "bin", "_build", "where the binaries are")
	flag.StringVar(&o.dir, "dir", "_run/bench-peer", "where runs keep their state; emptied before each")
	flag.StringVar(&o.configs, "configs", "test/bench/peer", "where the configurations of the others are")
	flag.StringVar(&o.ours, "config", "configs/spanwarden.yaml", "our configuration")
	flag.IntVar(&o.spans, "spans", 300_000, "spans of a run")
	flag.IntVar(&o.perRequest, "request", 512, "spans of a request: the SDKs' own default")
	flag.IntVar(&o.senders, "senders", 4, "requests on their way at a time")
	flag.IntVar(&o.rate, "rate", 0, "spans a second that are sent; 0: as fast as they are taken")
	flag.IntVar(&o.services, "services", 20, "processes that send; twice as many agents")
	flag.BoolVar(&o.content, "content", false, "spans with prompts, answers, arguments and results")
	flag.BoolVar(&o.columns, "columns", false, "also print what each column takes")
	flag.StringVar(&o.collector, "collector", "otelcol-spanwarden", "our binary, in the folder of binaries")
	flag.StringVar(&o.set, "set", "", "further settings of our collector, as `a::b: value`, parted by semicolons")
	runs := flag.Int("runs", 3, "of each side")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, &o, strings.Split(*sides, ","), *runs)
	stop()
	if err != nil {
		log.Fatalf("peer: %v", err)
	}
}

// options are those of every run.
type options struct {
	bin, dir, configs, ours              string
	spans, perRequest, senders, services int
	rate                                 int
	content, columns                     bool
	collector, set                       string
}

// every is the time from one request to the next.
func (o *options) every() time.Duration {
	if o.rate <= 0 {
		return 0
	}
	return time.Second * time.Duration(o.perRequest) / time.Duration(o.rate)
}

// bench runs each side in turn, so that what else the machine does meets them all.
func bench(ctx context.Context, o *options, names []string, runs int) error {
	var err error
	for _, path := range []*string{&o.bin, &o.dir, &o.configs, &o.ours} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	chosen := make([]*side, 0, len(names))
	for _, name := range names {
		s := sideNamed(name)
		if s == nil {
			return fmt.Errorf("-sides: %q is none of %s", name, strings.Join(sideNames(), ", "))
		}
		chosen = append(chosen, s)
	}
	load := makeLoad(o)
	pace := "as fast as they are taken"
	if o.rate > 0 {
		pace = fmt.Sprintf("%d spans a second", o.rate)
	}
	fmt.Printf("%d spans, %.0f bytes of OTLP each, in requests of %d, %d at a time, %s; content: %t\n",
		o.spans, float64(load.bytes)/float64(o.spans), o.perRequest, o.senders, pace, o.content)
	results := map[string][]result{}
	fmt.Println(header)
	for n := range runs {
		for _, s := range chosen {
			r, err := run(ctx, o, s, load)
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", n+1, s.name, err)
			}
			fmt.Println(r.row(s.name))
			results[s.name] = append(results[s.name], r)
		}
	}
	summary(chosen, results)
	return nil
}
