package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Outcome is what became of a vector.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "pass"
	Failed  Outcome = "FAIL"
	Skipped Outcome = "skip"
)

// Result is one vector's outcome; Notes say what differs, or why it was skipped.
type Result struct {
	Vector  *Vector
	Level   string
	Outcome Outcome
	Notes   []string
}

// Runner sends vectors to one decision point, one after the other.
type Runner struct {
	Base   string // without a final slash
	Client *http.Client
	Header http.Header // sent with every request, for authentication

	suite   *Suite
	answers map[string]*reply
}

// reply is one answer.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any // nil if it is no JSON object
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// Run sends all vectors in their order.
func (r *Runner) Run(ctx context.Context, s *Suite) []Result {
	r.suite, r.answers = s, map[string]*reply{}
	out := make([]Result, 0, len(s.Vectors))
	for i := range s.Vectors {
		v := &s.Vectors[i]
		res := Result{Vector: v, Level: s.Level(v)}
		if why := r.skip(ctx, v); why != "" {
			res.Outcome, res.Notes = Skipped, []string{why}
		} else if res.Notes = r.vector(ctx, v); len(res.Notes) > 0 {
			res.Outcome = Failed
		} else {
			res.Outcome = Passed
		}
		out = append(out, res)
	}
	return out
}

// skip says why a vector does not apply, "" if it does.
func (r *Runner) skip(ctx context.Context, v *Vector) string {
	if r.suite.Level(v) == "discovery" && !strings.HasPrefix(r.Base, "https://") {
		return "discovery needs https"
	}
	switch {
	case v.OnlyIf == "":
		return ""
	case strings.Contains(v.OnlyIf, "tenants"):
		a, err := r.send(ctx, v)
		if err == nil && a.status == http.StatusNotFound {
			return "not so: " + v.OnlyIf
		}
		return ""
	case strings.Contains(v.OnlyIf, "next_token"):
		id, _, _ := strings.Cut(v.OnlyIf, " ")
		if token, _ := r.lookup(id + ".page.next_token").(string); token == "" {
			return "not so: " + v.OnlyIf
		}
		return ""
	default:
		return "unknown condition: " + v.OnlyIf
	}
}

func (r *Runner) vector(ctx context.Context, v *Vector) []string {
	for range max(1, v.Repeat) {
		a, err := r.send(ctx, v)
		if err != nil {
			return []string{err.Error()}
		}
		r.answers[v.ID] = a
		if notes := r.check(v, a); len(notes) > 0 {
			return notes
		}
	}
	return nil
}

func (r *Runner) send(ctx context.Context, v *Vector) (*reply, error) {
	path, err := r.fill(ctx, v.Request.Path)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(path, "://") {
		path = r.Base + path
	}
	body, err := r.body(ctx, v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, v.Request.Method, path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	for k, value := range v.Request.Headers {
		req.Header.Set(k, value)
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	a := &reply{status: resp.StatusCode, header: resp.Header}
	if a.raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, err
	}
	_ = json.Unmarshal(a.raw, &a.body) // nil says that it is no object
	return a, nil
}

func (r *Runner) body(ctx context.Context, v *Vector) ([]byte, error) {
	if v.Request.RawBody != nil {
		if strings.HasPrefix(*v.Request.RawBody, "${1 MiB + 1 byte") {
			return oversized(1<<20 + 1), nil
		}
		text, err := r.fill(ctx, *v.Request.RawBody)
		return []byte(text), err
	}
	text, err := r.fill(ctx, string(v.Request.Body))
	return []byte(text), err
}

// oversized is a good question of n bytes.
func oversized(n int) []byte {
	const head = `{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"},"padding":"`
	return []byte(head + strings.Repeat("x", n-len(head)-2) + `"}`)
}

// fill puts in what only the runner knows.
func (r *Runner) fill(ctx context.Context, text string) (string, error) {
	for {
		before, rest, found := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return text, nil
		}
		value, err := r.value(ctx, name)
		if err != nil {
			return "", err
		}
		text = before + value + after
	}
}

func (r *Runner) value(ctx context.Context, name string) (string, error) {
	if name == "base_url" {
		return r.Base, nil
	}
	if strings.HasSuffix(name, "_endpoint") {
		a, err := r.send(ctx, &Vector{Request: Request{Method: http.MethodGet, Path: "/.well-known/authzen-configuration"}})
		if err != nil {
			return "", err
		}
		if text, ok := a.body[name].(string); ok {
			return text, nil
		}
		return "", fmt.Errorf("the metadata document has no %s", name)
	}
	if text, ok := r.lookup(name).(string); ok {
		return text, nil
	}
	return "", fmt.Errorf("nobody knows ${%s}", name)
}

// lookup returns a member of an earlier answer: vector id, then member names.
func (r *Runner) lookup(path string) any {
	for id, a := range r.answers {
		rest, ok := strings.CutPrefix(path, id+".")
		if !ok {
			continue
		}
		var at any = a.body
		for name := range strings.SplitSeq(rest, ".") {
			m, _ := at.(map[string]any)
			at = m[name]
		}
		if at != nil {
			return at
		}
	}
	return nil
}
