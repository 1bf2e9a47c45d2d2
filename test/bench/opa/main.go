// Command opa asks a decision receiver and an OPA server the same questions about
// the same policy, on this machine, one after the other at the same rate, and
// prints how they compare: latency, and processor time of the server for an
// answer, which other load on the machine disturbs less.
//
//	go build -o /tmp/opa github.com/open-policy-agent/opa
//	go run . -opa /tmp/opa -collector ../../../_build/otelcol-spanwarden
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	agents, rules = 100, 100
	decisionAddr  = "127.0.0.1:14390"
	opaAddr       = "127.0.0.1:14391"
)

func main() {
	opa := flag.String("opa", "opa", "OPA binary")
	collector := flag.String("collector", "../../../_build/otelcol-spanwarden", "collector binary")
	rate := flag.Int("rate", 2000, "questions a second")
	seconds := flag.Int("seconds", 10, "how long each is asked")
	flag.Parse()
	if err := run(*opa, *collector, *rate, *seconds); err != nil {
		fmt.Fprintln(os.Stderr, "opa:", err)
		os.Exit(1)
	}
}

func run(opa, collector string, rate, seconds int) error {
	dir, err := os.MkdirTemp("", "opabench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := write(dir); err != nil {
		return err
	}
	ours, theirs := ask{
		url: "http://" + decisionAddr + "/access/v1/evaluation", body: ourQuestion(), ok: []byte(`"decision":true`),
	}, ask{
		url: "http://" + opaAddr + "/v1/data/agents/allow", body: theirQuestion(), ok: []byte(`"result":true`),
	}
	var p99, cpu [3]float64
	for i, s := range []struct {
		name string
		ask  ask
		cmd  *exec.Cmd
		addr string
	}{
		{"spanwarden, best_effort", ours, exec.Command(collector, "--config", filepath.Join(dir, "best_effort.yaml")), decisionAddr},
		{"spanwarden, required", ours, exec.Command(collector, "--config", filepath.Join(dir, "required.yaml")), decisionAddr},
		{"OPA server", theirs, exec.Command(opa, "run", "--server", "--addr", opaAddr, "--log-level", "error", filepath.Join(dir, "policy.rego"), filepath.Join(dir, "data.json")), opaAddr},
	} {
		took, used, err := measure(s.cmd, s.addr, s.ask, rate, seconds)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		p99[i], cpu[i] = at(took, 99), used.Seconds()*1e6/float64(len(took))
		fmt.Printf("%-26s %6d answers  p50 %8.0f µs  p99 %8.0f µs  cpu %6.0f µs an answer\n", s.name, len(took), at(took, 50), p99[i], cpu[i])
	}
	fmt.Printf("OPA / ours: p99 %.2f (best_effort) %.2f (required), cpu %.2f (best_effort) %.2f (required)\n",
		p99[2]/p99[0], p99[2]/p99[1], cpu[2]/cpu[0], cpu[2]/cpu[1])
	return nil
}

func at(took []time.Duration, percent int) float64 {
	return float64(took[len(took)*percent/100].Nanoseconds()) / 1e3
}

// ask is one question, and what its answer must hold.
type ask struct {
	url      string
	body, ok []byte
}

// measure starts a server and asks it at a steady rate, whether or not answers
// come; the wait for a free connection counts.
func measure(cmd *exec.Cmd, addr string, a ask, rate, seconds int) ([]time.Duration, time.Duration, error) {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	defer func() {
		_ = cmd.Process.Kill() // it keeps nothing
		_ = cmd.Wait()
	}()
	if err := wait(addr); err != nil {
		return nil, 0, err
	}
	const workers = 32
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	for range rate { // warm up
		if err := a.once(client); err != nil {
			return nil, 0, err
		}
	}
	before, err := processorTime(cmd.Process.Pid)
	if err != nil {
		return nil, 0, err
	}
	n := rate * seconds
	due := make(chan time.Time, n)
	took := make([][]time.Duration, workers)
	errs := make(chan error, n)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for t := range due {
				if err := a.once(client); err != nil {
					errs <- err
				}
				took[w] = append(took[w], time.Since(t))
			}
		})
	}
	began := time.Now()
	for i := range n {
		t := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(t))
		due <- time.Now() // not t: how late the timer wakes us is not theirs
	}
	close(due)
	all.Wait()
	after, err := processorTime(cmd.Process.Pid)
	if err != nil {
		return nil, 0, err
	}
	select {
	case err := <-errs:
		return nil, 0, err
	default:
	}
	out := slices.Concat(took...)
	slices.Sort(out)
	return out, after - before, nil
}

// processorTime is what a process has used so far, as Linux tells it.
func processorTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The fields behind the command's name, which may hold anything.
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	const user, system, tick = 11, 12, 10 * time.Millisecond
	var sum time.Duration
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

func (a *ask) once(client *http.Client) error {
	resp, err := client.Post(a.url, "application/json", bytes.NewReader(a.body))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && !bytes.Contains(raw, a.ok) {
		err = fmt.Errorf("%s: %s", resp.Status, raw)
	}
	return err
}

func wait(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("does not listen")
}

func ourQuestion() []byte {
	raw, _ := json.Marshal(map[string]any{
		"subject":  map[string]any{"type": "user", "id": "alice"},
		"action":   map[string]any{"name": "tools/call", "properties": map[string]any{"operation": "write", "arguments": arguments()}},
		"resource": map[string]any{"type": "tool", "id": "mcp/server-7/tool-77", "properties": map[string]any{"uri": "erp://t50/invoices/7"}},
		"context":  map[string]any{"agent": "agent-50", "session_id": "s1"},
	})
	return raw
}

func theirQuestion() []byte {
	raw, _ := json.Marshal(map[string]any{"input": map[string]any{
		"agent": "agent-50", "tool": "mcp/server-7/tool-77", "operation": "write", "resource": "erp://t50/invoices/7", "args": arguments(),
	}})
	return raw
}

func arguments() map[string]any { return map[string]any{"amount": 12.5, "currency": "EUR"} }
