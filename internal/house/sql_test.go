package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sqlParts are what may stand in a statement beside text that is written there:
// patterns of Go expressions, and why no input gets in by them. Everything else is
// a parameter of the query.
var sqlParts = []struct{ expression, why string }{
	{`^[a-z]\w*\.[tT]able\(.*\)$|^table\(.*\)$`, "a table of ours in the configured database, quoted"},
	{`^quoted?\(.*\)$|^chdb\.Quote(Name|String)\(.*\)$`, "quoted as an identifier or a string"},
	{`^[vq]\.suffix$`, "_all or nothing, see audit.ReadSuffix"},
	{`^strconv\.(Itoa|Format\w+)\(.*\)$`, "a number"},
	{`^step\.(SQL|Name|Checksum)$|^o\.render\(.*\)$`, "a migration out of the binary"},
	{`^schema\.Render\(q\.\w+\(\)\)$|^q\.(SQL|ID|Version|period\(\)|ofPeriod\(.*\))$|^number\(q\.\w+\)$`, "an evidence query out of the binary; its parameters are bound"},
	{`^k\.(read\(.*\)|onCluster)$|^p\.Partition$`, "a table, a month or a cluster that the store or its configuration named"},
	{`^k\.(wanted|references)\(.*\)$|^overdue\(.*\)$|^h\.condition\(.*\)$`, "conditions of retention, whose texts are unhex('…')"},
	{`^v\.period\.rows\(.*\)$|^(start|end)\.Format\(.*\)$`, "times"},
	{`^s\.SQL$`, "a statement about roles out of the binary"},
	{`^batch\.String\(\)$`, "literals that evidence/record.go quotes"},
	{`^t\.(Name|Time|BatchDigests\(.*\))$|^table\.(Canonical|RowHashes|BatchDigests)\(.*\)$|^p\.Table$`, "a sealed table, out of a fixed list"},
	{`^attr\.\w+$`, "a constant"},
	{`^tree\([ab]\)$`, "the query of a view as the server wrote it down, or ours: parsed and never run, and nothing is put into its literals"},
	{`^s\.content$`, "content or content_all"},
	{`^block\.Columns$`, "the columns of a table of ours"},
	{`^w\.ID$`, "a writer's name: letters, digits, dots and dashes (tlog.ValidName)"},
	{`^strings\.ToUpper\(p\.Digest\)$|^p\.Digest\[:32\]$|^id$`, "hex, decoded when it was read"},
}

// queryMethods take a statement as their second argument, after a context.
var queryMethods = map[string]bool{"Query": true, "QueryRow": true, "Exec": true, "Select": true, "PrepareBatch": true, "AsyncInsert": true}

// sqlSkipped are tests and generators, and the engine's own server, which runs what
// its callers send.
var sqlSkipped = []string{"test/", "dashboards/", "_build", "cmd/spanwarden-demo", "internal/storeserver/"}

// No statement is put together with what somebody sent: its parts are text that
// stands in the source, constants, and what sqlParts names. Values are parameters.
func TestStatementsHoldNoInput(t *testing.T) {
	root := "../.."
	patterns := make([]*regexp.Regexp, 0, len(sqlParts))
	for _, p := range sqlParts {
		patterns = append(patterns, regexp.MustCompile(p.expression))
	}
	seen := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || strings.HasPrefix(rel, ".git") {
			return err
		}
		for _, skip := range sqlSkipped {
			if strings.HasPrefix(rel, skip) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		for _, s := range statements(t, path) {
			seen++
			for _, part := range s.parts {
				ok := false
				for _, p := range patterns {
					ok = ok || p.MatchString(part)
				}
				assert.True(t, ok, "%s:%d: %q is part of a statement: make it a parameter, or say in sqlParts why no input gets in by it", rel, s.line, part)
			}
		}
		return nil
	}))
	assert.Greater(t, seen, 20, "statements were found")
}

type statement struct {
	line  int
	parts []string // that are not text in the source
}

// statements are the calls in a file that send SQL.
func statements(t *testing.T, path string) (out []statement) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if e, ok := isClause(set, n); ok {
			out = append(out, statement{set.Position(e.Pos()).Line, operands(set, e)})
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !queryMethods[method.Sel.Name] {
			return true
		}
		if first := text(set, call.Args[0]); first != "ctx" && !strings.HasSuffix(first, ".ctx") && !strings.HasSuffix(first, "Context()") {
			return true // not a query of a database
		}
		out = append(out, statement{set.Position(call.Pos()).Line, operands(set, call.Args[1])})
		return true
	})
	return out
}

// operands are the parts of an expression that are neither text nor a plain name:
// a name is a constant, or was put together where the same rule looks.
func operands(set *token.FileSet, e ast.Expr) (out []string) {
	switch x := e.(type) {
	case *ast.BasicLit, *ast.Ident:
		return nil
	case *ast.ParenExpr:
		return operands(set, x.X)
	case *ast.BinaryExpr:
		return append(operands(set, x.X), operands(set, x.Y)...)
	case *ast.CallExpr:
		switch text(set, x.Fun) {
		case "fmt.Sprintf":
			format, literal := x.Args[0].(*ast.BasicLit)
			for i, arg := range x.Args[1:] {
				if literal && numeric(format.Value, i) {
					continue
				}
				out = append(out, operands(set, arg)...)
			}
			return out
		case "strings.Join", "strings.TrimSpace", "strings.ReplaceAll":
			for _, arg := range x.Args {
				out = append(out, operands(set, arg)...)
			}
			return out
		}
	}
	return []string{text(set, e)}
}

var verb = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z]`)

// numeric tells whether a format writes its argument i as a number.
func numeric(format string, i int) bool {
	verbs := verb.FindAllString(strings.ReplaceAll(format, "%%", ""), -1)
	return i < len(verbs) && strings.HasSuffix(verbs[i], "d")
}

// clause is text that only SQL has.
var clause = regexp.MustCompile(`\b(SELECT [\w(*]|INSERT INTO |ALTER TABLE |DROP |WHERE \w+ (=|IN|!=)|FROM \w*[.%]?|AND \w+ = )`)

// isClause tells whether an expression puts a statement together, wherever it goes.
func isClause(set *token.FileSet, n ast.Node) (ast.Expr, bool) {
	switch x := n.(type) {
	case *ast.BinaryExpr:
		if x.Op != token.ADD {
			return nil, false
		}
		for _, side := range []ast.Expr{x.X, x.Y} {
			if lit, ok := side.(*ast.BasicLit); ok && clause.MatchString(lit.Value) {
				return x, true
			}
		}
	case *ast.CallExpr:
		if text(set, x.Fun) != "fmt.Sprintf" || len(x.Args) == 0 {
			return nil, false
		}
		lit, ok := x.Args[0].(*ast.BasicLit)
		return x, ok && clause.MatchString(lit.Value)
	}
	return nil, false
}

func text(set *token.FileSet, e ast.Expr) string {
	var b bytes.Buffer
	_ = printer.Fprint(&b, set, e) // into memory
	return b.String()
}
