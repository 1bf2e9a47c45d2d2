package policy

import (
	"slices"
	"strings"
	"sync"
	_ "time/tzdata" // conditions name time zones, and a host may have none

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Bounds of conditions.
const (
	// maxCost caps a condition at load, estimated for inputs of assumedSize, and
	// each evaluation of it. The unit is CEL's own.
	maxCost        = 10_000
	assumedSize    = 128
	maxExpression  = 4 << 10
	maxNestedParse = 64
)

// condition is a compiled when. It is safe for concurrent use.
type condition struct {
	source    string
	program   cel.Program
	refs      []celRef
	readsArgs bool
}

// celRef is one path a condition reads, such as args.amount. The path ends
// where an index is computed.
type celRef struct {
	root string
	path []string
	// needs is the fact reported where the path is unknown.
	needs Fields
}

var celRoots = []string{"subject", "action", "resource", "context", "args", "now"}

var celEnv = sync.OnceValues(func() (*cel.Env, error) {
	object := cel.MapType(cel.StringType, cel.DynType)
	return cel.NewCustomEnv(append(standardLibrary(),
		cel.Variable("subject", object), cel.Variable("action", object), cel.Variable("resource", object),
		cel.Variable("context", object), cel.Variable("args", object), cel.Variable("now", cel.TimestampType),
		cel.ParserRecursionLimit(maxNestedParse), cel.ParserExpressionSizeLimit(maxExpression),
		cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
	)...)
})

// condition compiles an expression; the same text is compiled once.
func (d *reader) condition(n node) *condition {
	source := d.text(n)
	if source == "" {
		return nil
	}
	if c := d.conditions[source]; c != nil {
		return c
	}
	c, message := compileCondition(source)
	if message != "" {
		d.fail(n, "%s", message)
		return nil
	}
	if d.conditions == nil {
		d.conditions = map[string]*condition{}
	}
	d.conditions[source] = c
	return c
}

func compileCondition(source string) (c *condition, fault string) {
	env, err := celEnv()
	if err != nil {
		return nil, err.Error()
	}
	tree, issues := env.Compile(source)
	if issues.Err() != nil {
		var texts []string
		for _, e := range issues.Errors() {
			texts = append(texts, e.Message)
		}
		return nil, "is no CEL condition: " + strings.Join(texts, "; ") + "; known are " + strings.Join(celRoots, ", ")
	}
	if kind := tree.OutputType(); kind.Kind() != types.BoolKind {
		return nil, "is a CEL expression of type " + kind.String() + ", want bool"
	}
	estimate, err := env.EstimateCost(tree, sizes{})
	if err != nil {
		return nil, "cannot be estimated: " + err.Error()
	}
	if estimate.Max > maxCost {
		return nil, "may cost more than the cap on conditions allows; avoid nested loops and patterns over lists"
	}
	program, err := env.Program(tree,
		cel.EvalOptions(cel.OptPartialEval, cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, "does not compile: " + err.Error()
	}
	c = &condition{source: source, program: program, refs: celRefs(tree)}
	c.readsArgs = slices.ContainsFunc(c.refs, func(r celRef) bool { return r.root == "args" })
	return c, ""
}

// sizes assumes a size for whatever a request brings; the cap at run time holds
// where it is larger.
type sizes struct{}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if n.ComputedSize() != nil {
		return nil
	}
	return &cost.SizeEstimate{Max: assumedSize}
}

// celRefs lists the paths an expression reads.
func celRefs(tree *cel.Ast) []celRef {
	var refs []celRef
	ast.PreOrderVisit(ast.NavigateAST(tree.NativeRep()), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind || !slices.Contains(celRoots, e.AsIdent()) {
			return
		}
		n, ok := e.(ast.NavigableExpr)
		if !ok {
			return
		}
		ref := celRef{root: e.AsIdent(), path: celPath(n)}
		ref.needs = ref.fact()
		refs = append(refs, ref)
	}))
	return refs
}

// celPath follows the selections above an identifier.
func celPath(n ast.NavigableExpr) []string {
	var path []string
	for {
		up, ok := n.Parent()
		if !ok {
			return path
		}
		switch up.Kind() {
		case ast.SelectKind:
			path = append(path, up.AsSelect().FieldName())
		case ast.CallKind:
			call := up.AsCall()
			if call.FunctionName() != operators.Index || call.Args()[0].ID() != n.ID() || call.Args()[1].Kind() != ast.LiteralKind {
				return path
			}
			key, ok := call.Args()[1].AsLiteral().Value().(string)
			if !ok {
				return path
			}
			path = append(path, key)
		default:
			return path
		}
		n = up
	}
}

func (r *celRef) fact() Fields {
	first := ""
	if len(r.path) > 0 {
		first = r.path[0]
	}
	switch r.root {
	case "args":
		return FieldArgs
	case "now":
		return FieldTime
	case "subject":
		if first == "properties" {
			return FieldSubject
		}
		return FieldPrincipal
	case "action":
		if first == "properties" {
			return FieldAction
		}
		return FieldOperation
	case "resource":
		return FieldResource
	default:
		if first == "principal" {
			return FieldPrincipal
		}
		return FieldContext
	}
}

// eval evaluates the condition. An error of evaluation is unknown: it never
// makes an allow match and always makes a deny or ask match at run time.
func (c *condition) eval(q *Request) (Truth, Fields) {
	vars := q.celVars()
	vars.patterns = vars.patterns[:0]
	var missing Fields
	for i := range c.refs {
		if p := vars.unknown(&c.refs[i], q); p != nil {
			vars.patterns = append(vars.patterns, p)
			missing |= c.refs[i].needs
		}
	}
	out, _, err := c.program.Eval(vars)
	if err != nil {
		return Unknown, missing | FieldWhen
	}
	switch v := out.(type) {
	case types.Bool:
		return truthOf(bool(v)), 0
	case *types.Unknown:
		return Unknown, missing
	default:
		return Unknown, FieldWhen
	}
}
