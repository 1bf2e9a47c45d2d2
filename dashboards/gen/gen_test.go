package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What is committed is what the generator writes.
func TestCommitted(t *testing.T) {
	want, err := dashboards(filepath.Join("..", "..", "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not what the generator writes (%v); run go run . in dashboards/gen", name, err)
		}
	}
	there, err := filepath.Glob(filepath.Join("..", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if want[filepath.Base(file)] == nil {
			t.Errorf("%s: the generator does not write it", file)
		}
	}
}

// A word that is not one stays in the text with its sign.
func TestWords(t *testing.T) {
	files, err := dashboards(filepath.Join("..", "..", "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "rawSql") && strings.Contains(line, "@") {
				t.Errorf("%s: a word is left over in %s", name, line)
			}
		}
	}
}

func TestEvidenceFaults(t *testing.T) {
	lib := library(filepath.Join("..", "..", "evidence"))
	if _, err := lib.query("no-such-query", nil, ""); err == nil {
		t.Error("a query that is not there")
	}
	_, err := lib.query("session-actions", nil, "")
	if err == nil || !strings.Contains(err.Error(), "session-actions: no value for session") {
		t.Errorf("a parameter without a value: %v", err)
	}
}

// Grafana's own types take what is committed, every key of it, and find no fault.
func TestStrict(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	cog.NewRuntime().RegisterDataqueryVariant(variant())
	files, err := filepath.Glob(filepath.Join("..", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard.Dashboard //nolint:staticcheck // the classic schema, see page
		// the SDK returns a list of faults as an error that is never nil
		if err := d.UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
			t.Errorf("%s: %v", file, err)
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
