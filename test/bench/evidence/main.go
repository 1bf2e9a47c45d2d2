// Command evidence measures every question of the evidence catalogue on the real
// embedded engine: for one month, on a store of a year that grows to a quarter, a
// half and all of its size.
//
//	go run ./test/bench/evidence -rows 5000000
//
// It prints a line a question: at each size seconds, and seconds of the store's
// processors, which other work on the machine hardly changes (each the best of two),
// and how they grow. What a question returns is computed and not transferred. -period
// leaves out questions about all that was ever stored.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/audit"
)

//go:embed plant.sql
var plant string

// steps is in how many the store grows.
const steps = 4

// measured are the steps after which the questions are asked.
var measured = []int{0, 1, 3}

// Values of the parameters that a question has beside its period.
var values = map[string]string{"period_start": "2026-06-01", "period_end": "2026-07-01", "seed": "audit-2026", "session": "session-45000"}

func main() {
	log.SetFlags(0)
	rows := flag.Int("rows", 5_000_000, "actions of the whole year")
	bin := flag.String("bin", "_build/spanwarden", "the command-line tool, which serves the store")
	target := flag.Float64("target", 2, "seconds that a question may take at the end")
	period := flag.Bool("period", false, "only questions that are asked about a period")
	flag.Parse()
	if err := run(*bin, *rows, *target, *period); err != nil {
		log.Fatalf("evidence: %v", err)
	}
}

// took is how long a question takes: by the clock, and of the store's processors.
type took struct{ wall, cpu float64 }

func run(bin string, rows int, target float64, period bool) error {
	queries, err := catalogue.List()
	if err != nil {
		return err
	}
	if period {
		queries = slices.DeleteFunc(queries, func(q catalogue.Query) bool { return !q.HasPeriod() })
	}
	dir, err := os.MkdirTemp("", "spanwarden-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := serve(bin, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	times := map[string][]took{}
	for step := range steps {
		began := time.Now()
		if err := s.plant(rows, step); err != nil {
			return err
		}
		log.Printf("%d actions, planted in %.0f s", rows/steps*(step+1), time.Since(began).Seconds())
		if !slices.Contains(measured, step) {
			continue
		}
		for i := range queries {
			q := &queries[i]
			best, err := s.measure(q)
			if err != nil {
				return fmt.Errorf("%s: %w", q.ID, err)
			}
			log.Printf("  %-26s %8.3f s %8.2f s of processors", q.ID, best.wall, best.cpu)
			times[q.ID] = append(times[q.ID], best)
		}
	}
	return report(queries, times, rows, target)
}

// report prints the table and fails where a question with a period misses the
// target.
func report(queries []catalogue.Query, times map[string][]took, rows int, target float64) error {
	fmt.Printf("seconds, and of processors, for one month of a store of a year, best of two\n%-26s", "question")
	for _, step := range measured {
		fmt.Printf(" %16d", rows/steps*(step+1))
	}
	fmt.Printf(" %18s\n", "cpu s per 1M more")
	var slow []string
	for i := range queries {
		q := &queries[i]
		t := times[q.ID]
		fmt.Printf("%-26s", q.ID)
		for _, s := range t {
			fmt.Printf(" %9.3f %6.2f", s.wall, s.cpu)
		}
		last := t[len(t)-1]
		growth := (last.cpu - t[0].cpu) / (float64(rows) / steps * (steps - 1) / 1e6)
		period := " "
		if !q.HasPeriod() {
			period = "*"
		}
		fmt.Printf(" %18.3f %s\n", growth, period)
		if q.HasPeriod() && last.wall > target {
			slow = append(slow, q.ID)
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("more than %.1f s: %s", target, strings.Join(slow, ", "))
	}
	return nil
}

type store struct {
	cmd *exec.Cmd
	url string
}

func serve(bin, dir string) (*store, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "store", "serve", "--path", filepath.Join(dir, "store"), "--listen", addr)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &store{cmd, "http://" + addr}
	for range 600 {
		if err = s.ask("SELECT 1", "default"); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	opts, err := clickhouse.ParseDSN(s.url)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, err
	}
	_, err = audit.Migrate(context.Background(), conn, audit.Options{})
	return s, errors.Join(err, conn.Close())
}

func (s *store) stop() {
	_ = s.cmd.Process.Kill() // nothing in it is wanted
	_ = s.cmd.Wait()
}

func (s *store) plant(rows, slice int) error {
	_, text := sqlfile.Header(plant)
	r := strings.NewReplacer("{rows}", strconv.Itoa(rows), "{slices}", strconv.Itoa(steps), "{slice}", strconv.Itoa(slice))
	for statement := range strings.SplitSeq(r.Replace(text), ";\n") {
		if err := s.ask(statement, audit.DefaultDatabase); err != nil {
			return fmt.Errorf("planting: %w", err)
		}
	}
	return nil
}

// measure asks a question twice and returns the shortest times, in seconds.
func (s *store) measure(q *catalogue.Query) (took, error) {
	given := map[string]string{}
	for _, p := range q.Params {
		if v, ok := values[p.Name]; ok {
			given[p.Name] = v
		}
	}
	params, err := sqlfile.Bind(q.ID, q.Params, given, time.Now())
	if err != nil {
		return took{}, err
	}
	sql := q.Select(params)
	if slices.ContainsFunc(q.Columns, func(c catalogue.Column) bool { return c.Name == "tenant_id" }) {
		sql += " WHERE tenant_id = 'tenant-1'"
	}
	best := took{math.MaxFloat64, math.MaxFloat64}
	for range 2 {
		began, worked := time.Now(), s.worked()
		if err := s.ask(sql+" FORMAT Null", audit.DefaultDatabase); err != nil {
			return took{}, err
		}
		best = took{min(best.wall, time.Since(began).Seconds()), min(best.cpu, s.worked()-worked)}
	}
	return best, nil
}

// worked is for how long the store has had a processor, in seconds; 0 where the
// system does not tell. What it does beside, such as merging parts, is in it.
func (s *store) worked() float64 {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	const user, system, ticks = 11, 12, 100 // fields after the name, and hundredths of a second
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	u, _ := strconv.ParseFloat(fields[user], 64)
	y, _ := strconv.ParseFloat(fields[system], 64)
	return (u + y) / ticks
}

func (s *store) ask(sql, database string) error {
	target := s.url + "/?database=" + url.QueryEscape(database)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, strings.NewReader(sql))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.600s", resp.Status, body)
	}
	return nil
}
