package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a process of a run.
type child struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

func start(log string, env []string, binary string, args ...string) (*child, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the process has its own
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (is it built? run: make bench-peer): %w", filepath.Base(binary), err)
	}
	c := &child{cmd: cmd, log: log, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(c.exited)
	}()
	return c, nil
}

// waitFor returns once url answers 200.
func (c *child) waitFor(ctx context.Context, url string) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close() // nothing in it matters
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.exited:
			return fmt.Errorf("%s ended; its log: %s", filepath.Base(c.cmd.Path), c.log)
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer at %s: %w; its log: %s", filepath.Base(c.cmd.Path), url, ctx.Err(), c.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// usage is what a process took so far.
type usage struct {
	cpu  time.Duration // user and system
	peak int64         // bytes: the most that was resident
}

// usage reads what the process itself took, from /proc.
func (c *child) usage() (u usage, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, err
	}
	// The name of the program may hold spaces; fields are counted behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, stime, ticks = 11, 12, 100 // USER_HZ is 100 on every Linux that Go runs on
	for _, field := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return u, fmt.Errorf("%s/stat: %w", dir, err)
		}
		u.cpu += time.Duration(n) * time.Second / ticks
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, err
	}
	_, after, ok := strings.Cut(string(status), "VmHWM:")
	if !ok {
		return u, fmt.Errorf("%s/status has no VmHWM", dir)
	}
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	u.peak = kib << 10
	return u, err
}

// stop asks the process to end, as an operator would, and returns all the CPU time
// that it took.
func (c *child) stop() (time.Duration, error) {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case <-c.exited:
		return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), nil
	case <-time.After(2 * time.Minute):
		return 0, errors.New(filepath.Base(c.cmd.Path) + " does not stop; its log: " + c.log)
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails only where it has ended already
	<-c.exited
}
