package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCanonicalResource(t *testing.T) {
	for in, want := range map[string]string{
		"erp://invoices/INV-7":   "erp://invoices/INV-7",
		"ERP://Invoices/INV-7":   "erp://invoices/INV-7",
		"/srv/shop/a.go":         "file:///srv/shop/a.go",
		"file:/srv/a":            "file:///srv/a",
		"file://localhost/srv/a": "file:///srv/a",
		"file:////srv//a":        "file:///srv/a",
		`C:\Users\x\..\y`:        "file:///C:/Users/y",
		"/a/./b/../../c/":        "file:///c/",
		"/../../etc/passwd":      "file:///etc/passwd",
		"/a/..":                  "file:///",
		"https://H.Example.:443/a//b/../c?x=%41#f":  "https://h.example/a/c?x=A#f",
		"http://h.example:80":                       "http://h.example",
		"http://h.example:8080/":                    "http://h.example:8080/",
		"http:/h.example/x":                         "http://h.example/x",
		`http:\\h.example\x`:                        "http://h.example/x",
		"https://u:p@h.example/x":                   "https://h.example/x",
		"https://[::1]:443/x":                       "https://[::1]/x",
		"https://h\u3002example/x":                  "https://h.example/x",
		"file:///a/%2e%2e/b":                        "file:///b",
		"file:///a/e\u0301":                         "file:///a/\u00e9",
		"mailto:Bob@ACME.Example":                   "mailto:Bob@acme.example",
		"record/record-1":                           "record/record-1",
		"record/a/../b":                             "record/b",
		"agent/ocr-1":                               "agent/ocr-1",
		"plain":                                     "plain",
		"urn:x:y/../z":                              "urn:x:y/../z",
		"postgres://db.example:5432/shop/customers": "postgres://db.example/shop/customers",
		"bank://accounts/DE-1":                      "bank://accounts/DE-1",
	} {
		got, ambiguous := canonicalResource(in)
		assert.Equal(t, want, got, in)
		assert.False(t, ambiguous, in)
	}
	for in, want := range map[string]string{
		"file:///a/%252e%252e/b":   "file:///a/%2e%2e/b",
		"../a":                     "../a",
		"a/../../b":                "../b",
		"file:///a%00":             "file:///a\x00",
		"mailto:a@x.test,b@y.test": "mailto:a@x.test,b@y.test",
		"https://h%2fx.example/":   "https://h/x.example/",
	} {
		got, ambiguous := canonicalResource(in)
		assert.Equal(t, want, got, in)
		assert.True(t, ambiguous, in)
	}
}

func TestCanonicalTool(t *testing.T) {
	for in, want := range map[string]string{
		"mcp__erp__get_invoice": "mcp/erp/get_invoice", "mcp__a__b__c": "mcp/a/b__c", "mcp/erp/get": "mcp/erp/get",
		"mcp__erp": "mcp__erp", "mcp____x": "mcp____x", "e\u0301": "\u00e9", "Read": "Read", "read": "read",
	} {
		assert.Equal(t, want, canonicalTool(in))
	}
}

// FuzzCanonical: the form of a resource has no way out of a path left in it, and
// a resource that is not ambiguous is its own canonical form once the percent
// signs it may hold are written out.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"/a/../b", "https://H.example.:443/%2e%2e/x?y=%2F", `C:\a\..\b`, "file:///a/%252e%252e/b", "mailto:a@B.c", "a/../../b", "erp://x//y/.",
		"https://a@b:80@c/", "http:////h/x", "x:y", "file://h/../..", "//h/x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, ambiguous := canonicalResource(in)
		scheme, rest := splitScheme(got)
		path := rest
		if scheme != "file" { // where ? and # may stand in a name
			path, _, _ = strings.Cut(path, "?")
			path, _, _ = strings.Cut(path, "#")
		}
		if strings.HasPrefix(rest, "//") && scheme != "" {
			for segment := range strings.SplitSeq(path[2:], "/") {
				if (segment == ".." || segment == ".") && !ambiguous {
					host, _, _ := strings.Cut(path[2:], "/")
					if segment != host {
						t.Fatalf("%q: a dot segment is left in %q", in, got)
					}
				}
			}
			if scheme != strings.ToLower(scheme) {
				t.Fatalf("%q: scheme of %q", in, got)
			}
		}
		if ambiguous || strings.ContainsAny(got, "%?#") {
			return
		}
		again, _ := canonicalResource(got)
		if again != got {
			t.Fatalf("%q is %q, which is %q", in, got, again)
		}
	})
}
