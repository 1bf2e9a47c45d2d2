package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of a budget file. Each charge is held against each budget of its
// scopes, so thousands of patterns would cost more than they say.
const (
	maxFileBytes = 1 << 20
	maxBudgets   = 1_000
)

type fileDef struct {
	Version     int         `yaml:"version"`
	Timezone    string      `yaml:"timezone"`
	OnStateLoss string      `yaml:"on_state_loss"`
	Budgets     []yaml.Node `yaml:"budgets"`
}

var fileKeys = map[string][]string{"": {"version", "timezone", "on_state_loss", "budgets"}}

var budgetKeys = map[string][]string{
	"": {
		"id", "scope", "select", "limit_usd", "limit_tokens", "limit_calls", "limit_tool_calls", "limit_wall_clock",
		"period", "timezone", "warn_at", "projection", "on_exceed", "mode", "reason", "unpriced", "controls",
	},
	"projection.":        {"horizon", "action", "floors"},
	"projection.floors.": {"calls", "elapsed", "spend_usd", "spend"},
}

// ParseBudgets reads a budget file strictly. name is the file's name for
// errors. Its error names file, line, key and value of everything wrong. Empty
// data holds no budgets.
func ParseBudgets(name string, data []byte) (*Budgets, error) {
	sum := sha256.Sum256(data)
	out := &Budgets{version: "sha256:" + hex.EncodeToString(sum[:8]), timezone: time.UTC}
	root, err := document(name, data)
	switch {
	case err != nil:
		return nil, err
	case root == nil:
		return out, nil
	}
	var f faults
	f.file, f.node = name, root
	f.keys(root, fileKeys, "")
	var def fileDef
	if err := root.Decode(&def); err != nil {
		f.yaml(err)
		return nil, f.err()
	}
	if def.Version != 1 {
		f.add("version", "%d is not 1", def.Version)
	}
	loss, err := choose("on_state_loss", def.OnStateLoss, "allow", []string{"allow", "halt"})
	f.note(err)
	out.haltOnLoss = loss == 1
	if out.timezone, err = time.LoadLocation(def.Timezone); err != nil {
		f.add("timezone", "%q: %w", def.Timezone, err)
		out.timezone = time.UTC
	}
	if len(def.Budgets) > maxBudgets {
		f.add("budgets", "%d of them, %d at most", len(def.Budgets), maxBudgets)
		return nil, f.err()
	}
	for i := range def.Budgets {
		one := faults{file: name, node: resolved(&def.Budgets[i])}
		b := parseBudget(&one, out.timezone)
		if len(one.errs) == 0 {
			one.note(out.add(b))
		}
		f.errs = append(f.errs, one.errs...)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return out, nil
}

// document returns the one document of the file, nil if it is empty.
func document(name string, data []byte) (*yaml.Node, error) {
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s:1: %d bytes, %d at most", name, len(data), maxFileBytes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // no document is no fault
	} else if err != nil {
		return nil, yamlError(name, err.Error())
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document: budgets stand in one", name, max(1, more.Line))
	case !errors.Is(err, io.EOF):
		return nil, yamlError(name, err.Error())
	}
	top := resolved(root.Content[0])
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil //nolint:nilnil // comments only
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want version and budgets", name, top.Line)
	}
	return top, nil
}

// faults gathers all that is wrong with one mapping.
type faults struct {
	file string
	node *yaml.Node
	errs []error
}

// add notes a fault of a key; the line is the key's where the file has it.
func (f *faults) add(key, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %s: "+format, append([]any{f.file, f.line(key), key}, args...)...))
}

// note notes an error whose text starts with its key.
func (f *faults) note(err error) {
	if err == nil {
		return
	}
	key, _, _ := strings.Cut(err.Error(), ":")
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %w", f.file, f.line(key), err))
}

// yaml notes what the decoder found.
func (f *faults) yaml(err error) {
	te, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		f.errs = append(f.errs, yamlError(f.file, err.Error()))
		return
	}
	for _, text := range te.Errors {
		f.errs = append(f.errs, yamlError(f.file, text))
	}
}

func (f *faults) err() error { return errors.Join(f.errs...) }

func (f *faults) line(key string) int {
	if line := findKey(f.node, key); line > 0 {
		return line
	}
	return f.node.Line
}

func findKey(node *yaml.Node, path string) int {
	node = resolved(node)
	key, rest, deeper := strings.Cut(path, ".")
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != key {
			continue
		}
		if deeper {
			if line := findKey(node.Content[i+1], rest); line > 0 {
				return line
			}
		}
		return node.Content[i].Line
	}
	return 0
}

// keys refuses what no budget knows: a misspelt key must not silently be no
// limit.
func (f *faults) keys(node *yaml.Node, known map[string][]string, path string) {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if !slices.Contains(known[path], key) {
			f.errs = append(f.errs, fmt.Errorf("%s:%d: %s%s: unknown key", f.file, node.Content[i].Line, path, key))
		} else if _, deeper := known[path+key+"."]; deeper {
			f.keys(node.Content[i+1], known, path+key+".")
		}
	}
}

// resolved follows an alias to what it stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

func yamlError(file, text string) error {
	text = strings.TrimPrefix(text, "yaml: ")
	line := 1
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
	}
	return fmt.Errorf("%s:%d: %s", file, line, text)
}

func choose(key, value, def string, names []string) (int, error) {
	if value == "" {
		value = def
	}
	if i := slices.Index(names, value); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s: %q is none of %s", key, value, strings.Join(names, ", "))
}
