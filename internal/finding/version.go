package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// Version is a version of a component's configuration that came into force, or
// was refused. Content and Diff must not hold secrets.
type Version struct {
	// Kind is registry, budgets, prices, baseline, …; Component the id of who loaded it.
	Kind, Component   string
	Version, Previous string
	// Rules are what it makes the component look for: types of findings, and of
	// budgets budget/<id>. nil is not stated, which is not none.
	Rules []string
	// Keys say what changed, Files from where it was read.
	Keys, Files   []string
	Content, Diff string
	// Refused says why it did not come into force.
	Refused string
}

// maxContent bounds Content and Diff of a version, in bytes. What is longer is left
// out: a part of it proves nothing.
const maxContent = 256 << 10

// Digest names a version after its content: "sha256:" and 64 hex digits.
func Digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Finding returns the version as a finding of type config.changed. A refused one is
// a warning: somebody believes in a version that is not in force.
func (v *Version) Finding(at time.Time) Finding {
	f := New(ConfigChanged, "", "config/"+v.Kind, v.Kind, v.Version, v.Previous, v.Refused)
	f.At, f.PolicyVersion = at, v.Version
	f.Extra = map[string]any{attr.ConfigKind: v.Kind, attr.ConfigComponent: v.Component, attr.ConfigVersion: v.Version}
	for name, list := range map[string][]string{attr.ConfigFiles: v.Files, attr.ConfigKeys: v.Keys, attr.ConfigRules: v.Rules} {
		if list != nil {
			f.Extra[name] = anys(list)
		}
	}
	for name, text := range map[string]string{attr.ConfigPrevious: v.Previous, attr.ConfigContent: v.Content, attr.ConfigDiff: v.Diff} {
		if text != "" && len(text) <= maxContent {
			f.Extra[name] = text
		}
	}
	f.Message = fmt.Sprintf("%s %s is in force", v.Kind, v.Version)
	if len(v.Keys) > 0 {
		f.Message += ": " + shortened(v.Keys)
	}
	if v.Refused != "" {
		f.Severity, f.PolicyVersion = Warning, v.Previous
		f.Extra[attr.ConfigRefused] = v.Refused
		why, _, _ := strings.Cut(v.Refused, "\n")
		f.Message = fmt.Sprintf("%s from %s was refused, %s stays in force: %s", v.Kind, strings.Join(v.Files, ", "), orNone(v.Previous), why)
	}
	return f
}

// shortened names the first few.
func shortened(keys []string) string {
	const few = 5
	if len(keys) <= few {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(keys[:few], ", "), len(keys)-few)
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}
