// Command evidence measures every question of the evidence catalogue on the real
// embedded engine: for one month, on a store of a year that grows to a quarter, a
// half and all of its size.
//
//	go run ./test/bench/evidence -rows 5000000
//
// It prints a line a question: seconds at each size (the best of two), and how
// they grow. What a question returns is computed and not transferred.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
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
	flag.Parse()
	if err := run(*bin, *rows, *target); err != nil {
		log.Fatalf("evidence: %v", err)
	}
}

func run(bin string, rows int, target float64) error {
	queries, err := catalogue.List()
	if err != nil {
		return err
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
	times := map[string][]float64{}
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
			times[q.ID] = append(times[q.ID], best)
		}
	}
	return report(queries, times, rows, target)
}

// report prints the table and fails where a question with a period misses the
// target.
func report(queries []catalogue.Query, times map[string][]float64, rows int, target float64) error {
	fmt.Printf("seconds for one month of a store of a year, best of two\n%-26s", "question")
	for _, step := range measured {
		fmt.Printf(" %10d", rows/steps*(step+1))
	}
	fmt.Printf(" %12s\n", "s per 1M more")
	var slow []string
	for i := range queries {
		q := &queries[i]
		t := times[q.ID]
		fmt.Printf("%-26s", q.ID)
		for _, s := range t {
			fmt.Printf(" %10.3f", s)
		}
		last := t[len(t)-1]
		growth := (last - t[0]) / (float64(rows) / steps * (steps - 1) / 1e6)
		period := " "
		if !q.HasPeriod() {
			period = "*"
		}
		fmt.Printf(" %12.3f %s\n", growth, period)
		if q.HasPeriod() && last > target {
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

// measure asks a question twice and returns the shortest time, in seconds.
func (s *store) measure(q *catalogue.Query) (float64, error) {
	given := map[string]string{}
	for _, p := range q.Params {
		if v, ok := values[p.Name]; ok {
			given[p.Name] = v
		}
	}
	params, err := sqlfile.Bind(q.ID, q.Params, given, time.Now())
	if err != nil {
		return 0, err
	}
	sql := q.Select(params)
	if slices.ContainsFunc(q.Columns, func(c catalogue.Column) bool { return c.Name == "tenant_id" }) {
		sql += " WHERE tenant_id = 'tenant-1'"
	}
	best := 0.0
	for range 2 {
		began := time.Now()
		if err := s.ask(sql+" FORMAT Null", audit.DefaultDatabase); err != nil {
			return 0, err
		}
		if took := time.Since(began).Seconds(); best == 0 || took < best {
			best = took
		}
	}
	return best, nil
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
