package dashboards

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// texts are the strings in Go files.
func texts(t *testing.T, globs ...string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		require.NotEmpty(t, files, glob)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						out[s] = true
					}
				}
				return true
			})
		}
	}
	return out
}

var (
	named    = regexp.MustCompile(`'(spanwarden\.[a-z0-9_.]+)'`)
	typed    = regexp.MustCompile(`type (?:=|IN|NOT IN|!=) \(?((?:'[^']*'(?:, )?)+)|startsWith\(type, ('[^']*')`)
	word     = regexp.MustCompile(`'([^']*)'`)
	compared = regexp.MustCompile(`([a-z_.]+)(?:'\])? (=|!=|IN|NOT IN) (?:('[^']*')|\(((?:'[^']*'(?:, )?)+)\))`)
)

// What is inside a map has no column that the engine would miss: names of
// attributes and types of findings are held against the code that writes them.
func TestNames(t *testing.T) {
	attributes := texts(t, "../internal/attr/*.go")
	for s := range texts(t, "../processor/baselineprocessor/finding.go") {
		attributes["spanwarden."+s] = true // it writes them as attr.Prefix + name
	}
	types := texts(t, "../internal/finding/*.go")
	found := 0
	for _, b := range boards(t) {
		for _, q := range b.queries() {
			for _, m := range named.FindAllStringSubmatch(q.sql, -1) {
				found++
				assert.True(t, attributes[m[1]], "%s: %s: no component writes %s", b.file, q.title, m[1])
			}
			for _, m := range typed.FindAllStringSubmatch(q.sql, -1) {
				for _, w := range word.FindAllStringSubmatch(m[1]+m[2], -1) {
					found++
					assert.True(t, isType(types, w[1]), "%s: %s: there is no finding of type %s", b.file, q.title, w[1])
				}
			}
		}
	}
	assert.Greater(t, found, 30)
}

func isType(types map[string]bool, name string) bool {
	for s := range types {
		if s == name || strings.HasSuffix(name, ".") && strings.HasPrefix(s, name) {
			return true
		}
	}
	return false
}

// vocabulary says which code gives a column its values.
var vocabulary = map[string][]string{
	"usage_accounting":        {"../internal/genai/action.go"},
	"kind":                    {"../internal/genai/action.go", "../internal/chain/types.go", "../extension/governanceextension/reload.go"},
	"outcome":                 {"../internal/genai/action.go"},
	"cost_status":             {"../internal/pricing/query.go"},
	"severity":                {"../internal/finding/types.go"},
	"state":                   {"../internal/finding/types.go", "../internal/audit/findings.go"},
	"boundary_verdict":        {"../internal/policy/result.go"},
	"verdict":                 {"../internal/chain/codes.go"},
	"grade":                   {"../internal/chain/types.go", "../internal/genai/action.go"},
	"principal_grade":         {"../internal/chain/types.go", "../internal/genai/action.go"},
	"authority":               {"../internal/chain/types.go"},
	"decision_effect":         {"../internal/decision/*.go"},
	"ts_quality":              {"../internal/audit/clamp.go"},
	"scope":                   {"../internal/ledger/types.go"},
	"spanwarden.budget.scope": {"../internal/ledger/types.go"},
	"spanwarden.budget.unit":  {"../internal/ledger/types.go"},
}

// A comparison with a value that no code writes is never true, and the engine
// does not mind.
func TestValues(t *testing.T) {
	known := map[string]map[string]bool{}
	for column, files := range vocabulary {
		known[column] = texts(t, files...)
	}
	used := map[string]bool{}
	for _, b := range boards(t) {
		for _, q := range b.queries() {
			for _, m := range compared.FindAllStringSubmatch(q.sql, -1) {
				column := m[1]
				if !strings.HasPrefix(column, "spanwarden.") {
					column = column[strings.LastIndex(column, ".")+1:]
				}
				for _, w := range word.FindAllStringSubmatch(m[3]+m[4], -1) {
					if w[1] == "" || w[1] == "true" || column == "type" || column == "period_start" {
						continue // not known; a boolean; held against findings above; of evidence queries
					}
					used[column] = true
					require.NotNil(t, known[column], "%s: %s: where do values of %s come from, such as %s?", b.file, q.title, column, w[1])
					assert.True(t, known[column][w[1]], "%s: %s: nothing gives %s the value %s", b.file, q.title, column, w[1])
				}
			}
		}
	}
	assert.Len(t, used, len(vocabulary), "columns that no query compares: %v", vocabulary)
}
