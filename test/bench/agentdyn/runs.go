package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// run is one recorded run: what telemetry would show of it, and, apart, its
// labels.
type run struct {
	path  string
	model string // without the variant
	tag   string // model and variant
	suite string
	task  string
	day   uint16
	at    time.Time // when it was recorded
	took  time.Duration
	steps []step

	attack, executed bool // labels: only the scoring reads them
}

// step is what the user said, or one call of a tool with its result.
type step struct {
	prompt            string
	tool, args, value string
	failed            bool
}

var variants = []string{"repeat_user_prompt", "spotlighting_with_delimiting"}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Calls   []struct {
		Function string          `json:"function"`
		Args     json.RawMessage `json:"args"`
		ID       string          `json:"id"`
	} `json:"tool_calls"`
	CallID string  `json:"tool_call_id"`
	Error  *string `json:"error"`
}

type recording struct {
	Suite    string    `json:"suite_name"`
	Task     string    `json:"user_task_id"`
	Attack   *string   `json:"attack_type"`
	Security bool      `json:"security"`
	Stamp    string    `json:"evaluation_timestamp"`
	Duration float64   `json:"duration"`
	Messages []message `json:"messages"`
}

// load reads every run below dir, in the order of their paths.
func load(dir string) ([]run, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".json" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no .json file below it", dir)
	}
	slices.Sort(paths)
	runs, errs := make([]run, len(paths)), make([]error, len(paths))
	var wg sync.WaitGroup
	for k := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := k; i < len(paths); i += runtime.GOMAXPROCS(0) {
				runs[i], errs[i] = read(paths[i])
			}
		})
	}
	wg.Wait()
	return runs, errors.Join(errs...)
}

// read takes model and variant from the path, which ends in
// <model>[-<variant>]/<suite>/<task>/<attack>/<injection>.json.
func read(path string) (r run, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	var rec recording
	if err := json.Unmarshal(raw, &rec); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	parts := strings.Split(filepath.ToSlash(path), "/")
	if len(parts) < 5 {
		return r, fmt.Errorf("%s: not <model>/<suite>/<task>/<attack>/<injection>.json", path)
	}
	r = run{path: path, tag: parts[len(parts)-5], suite: rec.Suite, task: rec.Task}
	r.model = r.tag
	for _, v := range variants {
		r.model = strings.TrimSuffix(r.model, "-"+v)
	}
	if at, err := time.Parse(time.DateTime, rec.Stamp); err == nil {
		r.day, r.at = uint16(at.Unix()/86_400), at
	}
	r.took = time.Duration(max(0, min(rec.Duration, 3600)) * float64(time.Second))
	r.attack = rec.Attack != nil
	r.executed = r.attack && rec.Security
	r.steps = steps(rec.Messages)
	return r, nil
}

// steps puts each result beside its call.
func steps(messages []message) []step {
	var out []step
	at := map[string]int{}
	for i := range messages {
		m := &messages[i]
		switch m.Role {
		case "user":
			out = append(out, step{prompt: text(m.Content)})
		case "assistant":
			for _, c := range m.Calls {
				at[c.ID] = len(out)
				out = append(out, step{tool: c.Function, args: string(c.Args)})
			}
		case "tool":
			if k, ok := at[m.CallID]; ok {
				out[k].value, out[k].failed = text(m.Content), m.Error != nil && *m.Error != ""
			}
		}
	}
	return out
}

// text joins the text parts of a message's content.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	var all []string
	for _, p := range parts {
		all = append(all, p.Content)
	}
	return strings.Join(all, "\n")
}
