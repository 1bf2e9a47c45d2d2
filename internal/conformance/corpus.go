package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Corpus is a folder of recorded runs with their truth.
type Corpus struct {
	Dir       string
	Scenarios []Scenario // by name
}

// Scenario is one recorded run. Requests and Truth are each optional: a folder
// may hold a recording without a truth, or a truth without a recording.
type Scenario struct {
	Name string
	// Requests holds raw OTLP JSON, one ExportTraceServiceRequest each, in the
	// order in which the stack sent them.
	Requests [][]byte
	// Truth is nil where the folder states none: nothing can be compared.
	Truth *Truth
}

// Tokens are totals over model calls. Input includes cache reads and writes,
// output includes reasoning.
type Tokens struct {
	Calls       int64 `json:"calls"`
	InputTotal  int64 `json:"input_total"`
	CacheRead   int64 `json:"cache_read"`
	CacheWrite  int64 `json:"cache_write"`
	OutputTotal int64 `json:"output_total"`
	Reasoning   int64 `json:"reasoning"`

	// missing has a bit for each field above that a truth does not state. Zero in
	// totals that an observer fills.
	missing uint8
}

// UnmarshalJSON notes which fields are not stated, so that a missing total is
// not taken for 0.
func (t *Tokens) UnmarshalJSON(raw []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	*t = Tokens{}
	for i, f := range t.fields() {
		if json.Unmarshal(fields[f.json], f.value) != nil {
			t.missing |= 1 << i
		}
	}
	return nil
}

// tokenField names one total in truth.json and in a Difference.
type tokenField struct {
	json, field string
	value       *int64
}

func (t *Tokens) fields() [6]tokenField {
	return [6]tokenField{
		{"calls", "calls", &t.Calls},
		{"input_total", "input", &t.InputTotal},
		{"cache_read", "cache_read", &t.CacheRead},
		{"cache_write", "cache_write", &t.CacheWrite},
		{"output_total", "output", &t.OutputTotal},
		{"reasoning", "reasoning", &t.Reasoning},
	}
}

// Truth is what the model server and the tools noted about one run. A nil field
// is one that the folder does not state; it is not compared.
type Truth struct {
	ServiceName string            `json:"service_name"`
	LLM         *LLM              `json:"llm"`
	Totals      *Tokens           `json:"totals"`
	Visible     *Tokens           `json:"totals_visible_to_client"`
	ByModel     map[string]Tokens `json:"by_model"`
	ByAgent     map[string]Tokens `json:"by_agent"`
	Calls       []Call            `json:"calls"`
	Tools       *Tools            `json:"tools"`
	Identity    *Identity         `json:"identity"`
}

// LLM counts HTTP attempts at the model server.
type LLM struct {
	Failed          int64  `json:"failed"`
	GenerationCalls *int64 `json:"generation_calls"`
	EmbeddingCalls  *int64 `json:"embedding_calls"`
}

// Call is one HTTP attempt at the model server.
type Call struct {
	API               string   `json:"api"`
	RequestModel      string   `json:"request_model"`
	ResponseModel     string   `json:"response_model"`
	ResponseID        string   `json:"response_id"`
	HTTPStatus        int      `json:"http_status"`
	Agent             string   `json:"agent"`
	UsageSentToClient bool     `json:"usage_sent_to_client"`
	Usage             Tokens   `json:"usage"`
	Spans             []string `json:"span_ids_mentioning_response_id"`
}

// Tools says which tool calls models asked for and which functions ran.
type Tools struct {
	Requested []struct {
		Name string `json:"name"`
		Kind string `json:"kind"` // function, delegation, handoff
	} `json:"requested_by_model"`
	Executed []struct {
		Name string `json:"name"`
	} `json:"user_functions_executed"`
}

// Identity lists the sessions, threads and users that a run declared.
type Identity struct {
	Sessions []string `json:"sessions"`
	Threads  []string `json:"threads"`
	Users    []string `json:"users"`
}

// Load reads a folder. A folder without truth.json, or with scenarios that
// truth.json does not know, loads: those scenarios have no Truth.
func Load(dir string) (*Corpus, error) {
	truths, err := loadTruths(filepath.Join(dir, "truth.json"))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", dir, err)
	}
	byName := map[string]Scenario{}
	for name, t := range truths {
		byName[name] = Scenario{Name: name, Truth: t}
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".jsonl")
		s := byName[name]
		s.Name = name
		if s.Requests, err = loadRequests(f); err != nil {
			return nil, err
		}
		byName[name] = s
	}
	if len(byName) == 0 {
		return nil, fmt.Errorf("folder %q holds neither truth.json nor any *.jsonl", dir)
	}
	c := &Corpus{Dir: dir, Scenarios: make([]Scenario, 0, len(byName))}
	for _, s := range byName {
		c.Scenarios = append(c.Scenarios, s)
	}
	slices.SortFunc(c.Scenarios, func(a, b Scenario) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

func loadTruths(file string) (map[string]*Truth, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]*Truth{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the truth: %w", err)
	}
	var doc struct {
		Scenarios map[string]json.RawMessage `json:"scenarios"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	out := map[string]*Truth{}
	for name, msg := range doc.Scenarios {
		t, err := parseTruth(msg)
		if err != nil {
			return nil, fmt.Errorf("reading %q, scenario %q: %w", file, name, err)
		}
		out[name] = t
	}
	return out, nil
}

// parseTruth reads each part on its own: one that has another shape than here is
// left out, and so not compared, without spoiling the rest.
func parseTruth(raw []byte) (*Truth, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	return &Truth{
		ServiceName: part[string](parts["service_name"]),
		LLM:         part[*LLM](parts["llm"]),
		Totals:      part[*Tokens](parts["totals"]),
		Visible:     part[*Tokens](parts["totals_visible_to_client"]),
		ByModel:     part[map[string]Tokens](parts["by_model"]),
		ByAgent:     part[map[string]Tokens](parts["by_agent"]),
		Calls:       part[[]Call](parts["calls"]),
		Tools:       part[*Tools](parts["tools"]),
		Identity:    part[*Identity](parts["identity"]),
	}, nil
}

func part[T any](raw json.RawMessage) T {
	var v, none T
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		return none
	}
	return v
}

func loadRequests(file string) ([][]byte, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a recording: %w", err)
	}
	var out [][]byte
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, line)
		}
	}
	return out, nil
}
