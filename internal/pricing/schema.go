package pricing

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// number is a decimal exactly as the file writes it.
type number struct {
	text string
	line int
}

func (n *number) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want a number", node.Line)
	}
	n.text, n.line = node.Value, node.Line
	return nil
}

func (n *number) UnmarshalJSON(b []byte) error {
	n.text = strings.Trim(string(b), `"`)
	return nil
}

// instant is a moment in RFC 3339, or a date, which means its first second UTC.
type instant struct {
	t   time.Time
	set bool
}

func (i *instant) UnmarshalYAML(node *yaml.Node) error {
	if err := i.parse(node.Value); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

func (i *instant) UnmarshalJSON(b []byte) error { return i.parse(strings.Trim(string(b), `"`)) }

func (i *instant) parse(s string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			i.t, i.set = t.UTC(), true
			return nil
		}
	}
	return fmt.Errorf("%q is no date (2026-01-31) and no RFC 3339 time", s)
}

// entryDef is one entry of a book, an overlay or an override file.
type entryDef struct {
	ID       string    `json:"id" yaml:"id"`
	Provider string    `json:"provider" yaml:"provider"`
	Match    matchDef  `json:"match" yaml:"match"`
	Currency string    `json:"currency" yaml:"currency"`
	Rates    []rateDef `json:"rates" yaml:"rates"`
	Source   sourceDef `json:"source" yaml:"source"`

	file string
	line int
}

func (e *entryDef) UnmarshalYAML(node *yaml.Node) error {
	type plain entryDef
	e.line = node.Line
	return node.Decode((*plain)(e))
}

// matchDef lists the names of an entry. Drop removes names that a lower layer
// gives it.
type matchDef struct {
	Exact []string `json:"exact" yaml:"exact"`
	Dated []string `json:"dated" yaml:"dated"`
	Alias []string `json:"alias" yaml:"alias"`
	Loose []string `json:"loose" yaml:"loose"`
	Drop  []string `json:"drop" yaml:"drop"`
}

type rateDef struct {
	When      whenDef           `json:"when" yaml:"when"`
	From      instant           `json:"from" yaml:"from"`
	To        instant           `json:"to" yaml:"to"`
	PerMtok   map[string]number `json:"per_mtok" yaml:"per_mtok"`
	Context   []contextDef      `json:"context" yaml:"context"`
	PerK      map[string]number `json:"per_k" yaml:"per_k"`
	PerHour   map[string]number `json:"per_hour" yaml:"per_hour"`
	PerSecond map[string]number `json:"per_second" yaml:"per_second"`
	// Minimum is what is billed at least, in seconds, if anything is.
	Minimum  map[string]number `json:"minimum" yaml:"minimum"`
	Multiply number            `json:"multiply" yaml:"multiply"`

	line int
}

func (r *rateDef) UnmarshalYAML(node *yaml.Node) error {
	type plain rateDef
	r.line = node.Line
	return node.Decode((*plain)(r))
}

type whenDef struct {
	ServiceTier []string  `json:"service_tier" yaml:"service_tier"`
	Speed       []string  `json:"speed" yaml:"speed"`
	Region      []string  `json:"region" yaml:"region"`
	Platform    []string  `json:"platform" yaml:"platform"`
	Clock       *clockDef `json:"clock" yaml:"clock"`
}

// clockDef limits a rate to hours of the day. Days are those of TZ, an offset
// such as "+08:00" ("" is UTC); hours are always UTC.
type clockDef struct {
	UTC      []string `json:"utc" yaml:"utc"`
	Weekdays []string `json:"weekdays" yaml:"weekdays"`
	TZ       string   `json:"tz" yaml:"tz"`
	Except   []string `json:"except" yaml:"except"`
}

type contextDef struct {
	Above   int64             `json:"above" yaml:"above"`
	Of      string            `json:"of" yaml:"of"`
	Mode    string            `json:"mode" yaml:"mode"`
	PerMtok map[string]number `json:"per_mtok" yaml:"per_mtok"`
}

// sourceDef says where the figures come from and when someone looked.
type sourceDef struct {
	Name    string `json:"name" yaml:"name"`
	Version string `json:"version" yaml:"version"`
	URL     string `json:"url" yaml:"source_url"`
	Checked string `json:"checked" yaml:"checked"`
	Note    string `json:"note" yaml:"note"`
}

// overridesDef is an operator's price file.
type overridesDef struct {
	Version   int                `yaml:"version"`
	Strict    *bool              `yaml:"strict"`
	Reported  map[string]string  `yaml:"reported"`
	Aliases   []aliasDef         `yaml:"aliases"`
	Entries   []entryDef         `yaml:"entries"`
	Contracts []contractDef      `yaml:"contracts"`
	FX        map[string][]fxDef `yaml:"fx"`
	Import    []importDef        `yaml:"import"`
}

type aliasDef struct {
	Provider string `yaml:"provider"`
	Model    string `yaml:"model"`
	To       string `yaml:"to"`

	line int
}

func (a *aliasDef) UnmarshalYAML(node *yaml.Node) error {
	type plain aliasDef
	a.line = node.Line
	return node.Decode((*plain)(a))
}

type contractDef struct {
	ID        string            `yaml:"id"`
	Provider  string            `yaml:"provider"`
	Models    []string          `yaml:"models"`
	Select    map[string]string `yaml:"select"`
	Effective spanDef           `yaml:"effective"`
	Discount  *discountDef      `yaml:"discount"`
	Multiply  number            `yaml:"multiply"`
	Prices    map[string]number `yaml:"prices"`
	Amortize  *amortizeDef      `yaml:"amortize"`

	line int
}

func (c *contractDef) UnmarshalYAML(node *yaml.Node) error {
	type plain contractDef
	c.line = node.Line
	return node.Decode((*plain)(c))
}

type spanDef struct {
	From instant `yaml:"from"`
	To   instant `yaml:"to"`
}

type discountDef struct {
	Percent number `yaml:"percent"`
}

// amortizeDef spreads a prepaid amount; it enters the effective cost only, which
// is not counted per call.
type amortizeDef struct {
	PerHour number `yaml:"per_hour"`
	By      string `yaml:"by"`
}

type fxDef struct {
	From instant `yaml:"from"`
	USD  number  `yaml:"usd"`
}

type importDef struct {
	Format string `yaml:"format"`
	File   string `yaml:"file"`
}

var errNotMapping = errors.New("want a mapping at the top")
