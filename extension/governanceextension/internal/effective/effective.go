// Package effective is a collector's configuration as evidence: flat, in one
// order, without secrets. It is pure.
package effective

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// Config is a configuration. Equal ones have equal texts and digests.
type Config struct {
	// Text is a JSON object: path (a::b::0) to value, each value as JSON.
	Text   string
	Digest string
	values map[string]string
}

// Change is one value that is different. An empty side is not there.
type Change struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// maxValues bounds how many values a configuration has.
const maxValues = 50_000

// hidden stands for a secret. The collector writes it itself for values that it
// knows to be secret.
const hidden = "[REDACTED]"

var errTooMany = errors.New("the configuration has too many values")

// secret are names of values that nobody but the collector may see, beside those
// that components declare.
var secret = regexp.MustCompile(`(?i)(^|[_.\-])(password|passwd|secret|token|api_?key|apikey|access_?key|private_?key|key_pem|credentials?|authorization|cookie|content_key|digest_key)($|[_.\-])`)

// Of flattens conf and takes its secrets out.
func Of(conf map[string]any) (*Config, error) {
	values := map[string]string{}
	if err := flatten(values, "", "", conf); err != nil {
		return nil, err
	}
	return fromValues(values)
}

// Parse reads what Text was.
func Parse(text string) (*Config, error) {
	var values map[string]string
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, fmt.Errorf("reading a configuration: %w", err)
	}
	return fromValues(values)
}

func fromValues(values map[string]string) (*Config, error) {
	text, err := json.Marshal(values) // sorts the keys
	if err != nil {
		return nil, fmt.Errorf("writing a configuration: %w", err)
	}
	return &Config{Text: string(text), Digest: finding.Digest(string(text)), values: values}, nil
}

func flatten(values map[string]string, path, name string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if err := flatten(values, join(path, k), k, v[k]); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
	case []any:
		for i := range v {
			if err := flatten(values, join(path, strconv.Itoa(i)), name, v[i]); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
	}
	if len(values) == maxValues {
		return errTooMany
	}
	raw, err := json.Marshal(clean(name, v))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	values[path] = string(raw)
	return nil
}

// join makes paths that JSON can hold as they are.
func join(path, key string) string {
	key = strings.ToValidUTF8(key, "\uFFFD")
	if path == "" {
		return key
	}
	return path + "::" + key
}

// clean hides what is secret by its name, and who logs in where an address says it.
func clean(name string, v any) any {
	text, ok := v.(string)
	if !ok || text == "" {
		return v
	}
	if secret.MatchString(name) {
		return hidden
	}
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hidden // an address that cannot be read may hold anything
	}
	if u.User != nil {
		u.User = url.User("REDACTED")
	}
	q := u.Query()
	for k := range q {
		if secret.MatchString(k) {
			q.Set(k, "REDACTED")
		}
	}
	if len(q) > 0 {
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// Diff lists the values that differ, by path.
func Diff(before, after *Config) (out []Change) {
	paths := map[string]bool{}
	for p := range before.values {
		paths[p] = true
	}
	for p := range after.values {
		paths[p] = true
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if b, a := before.values[p], after.values[p]; b != a {
			out = append(out, Change{p, b, a})
		}
	}
	return out
}

// Changed names the components and sections that differ: the first two parts of
// the paths.
func Changed(before, after *Config) (out []string) {
	for _, c := range Diff(before, after) {
		parts := strings.SplitN(c.Path, "::", 3)
		name := strings.Join(parts[:min(2, len(parts))], "::")
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
