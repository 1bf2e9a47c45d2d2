package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"go.yaml.in/yaml/v3"
)

// Deviation says where an emitter's own spans contradict reality in one
// scenario, or leave it out, and nothing on them reveals it.
type Deviation struct {
	Scenario string `yaml:"scenario"`
	// Emitter names the instrumentation and its version.
	Emitter string `yaml:"emitter"`
	Reason  string `yaml:"reason"`
	// Observed maps a Difference field to the value that is observed instead.
	Observed map[string]string `yaml:"observed"`
	// Proof holds the raw attribute values, as found on the named spans.
	Proof []Proof `yaml:"proof"`
}

// Proof points at a span of the recording and quotes it.
type Proof struct {
	Span       string         `yaml:"span"` // span id
	Attributes map[string]any `yaml:"attributes"`
	Says       string         `yaml:"says"`
}

// Deviations is the table of known emitter defects.
type Deviations []Deviation

// LoadDeviations reads the table from a YAML file. Unknown keys are errors, and
// so is an entry without a reason.
func LoadDeviations(file string) (Deviations, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the deviations: %w", err)
	}
	var out Deviations
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	for i, d := range out {
		if d.Scenario == "" || d.Reason == "" || len(d.Observed) == 0 {
			return nil, fmt.Errorf("reading %q: entry %d (scenario %q) needs scenario, reason and observed", file, i, d.Scenario)
		}
	}
	return out, nil
}

// Explain splits differences into those that the table does not account for and
// the table's fields that no longer differ: both mean that something changed.
func (ds Deviations) Explain(scenario string, diffs []Difference) (unexplained []Difference, stale []string) {
	known := map[string]string{}
	for _, d := range ds {
		if d.Scenario == scenario {
			maps.Copy(known, d.Observed)
		}
	}
	for _, d := range diffs {
		if got, ok := known[d.Field]; ok && got == d.Got {
			delete(known, d.Field)
			continue
		}
		unexplained = append(unexplained, d)
	}
	return unexplained, union(known, nil)
}
