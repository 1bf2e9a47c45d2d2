package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one running binary. A nil process is one that never started.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// start runs a binary with its output appended to a log file.
func start(log string, env []string, binary string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = out.Close() }() // the process has its own
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	// Ctrl-C reaches the demo alone, which then stops its processes in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (is it built? run: make build): %w", filepath.Base(binary), err)
	}
	p := &process{cmd: cmd, log: log, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(p.exited)
	}()
	return p, nil
}

// waitFor returns once url answers, or with the end of the log if the process
// ends before that.
func (p *process) waitFor(ctx context.Context, url string) error {
	tick := time.NewTicker(healthPoll)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer at %s: %w; its log: %s", filepath.Base(p.cmd.Path), url, ctx.Err(), p.log)
		case <-tick.C:
			if answers(ctx, url) {
				return nil
			}
		}
	}
}

// lastWords returns the last lines of the log.
func (p *process) lastWords() string {
	const lines = 12
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (p *process) kill() {
	if p != nil {
		_ = p.cmd.Process.Kill() // fails only where it has ended already
		<-p.exited
	}
}

// stopPatience is how long a process may take to drain.
const stopPatience = 30 * time.Second

func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only where it has ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
		p.kill()
		return fmt.Errorf("%s did not stop within %s; its log: %s", filepath.Base(p.cmd.Path), stopPatience, p.log)
	}
}

func post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sending: %s: %s", resp.Status, answer)
	}
	if bytes.Contains(answer, []byte("rejectedSpans")) {
		return fmt.Errorf("sending: some spans were rejected: %s", answer)
	}
	return nil
}
