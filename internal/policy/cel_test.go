package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConditionInThreeValues(t *testing.T) {
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) // Monday, 10 o'clock in Berlin
	known := Request{
		Source: FromRequest, Time: at, Args: ParseArgs([]byte(`{"amount": 12.5, "tags": ["a"], "n": 1e400}`)),
		Principal: Principal{Type: "user", ID: "alice", Grade: GradeDeclared}, ActionProperties: map[string]any{"soft": true},
		Context: map[string]any{"x": 2.0},
	}
	span := Request{Time: at, Principal: known.Principal, Context: known.Context}
	erased := known
	erased.Args = ParseArgs([]byte(`{"amount": 1, "secret": "x"}`))
	require.True(t, erased.Args.Erase("secret"))
	lost := known
	lost.Lost = FieldSubject | FieldContext
	for when, want := range map[string]Truth{`has(subject.properties.role)`: Unknown, `context.x == 2`: Unknown, `subject.id == "alice"`: True} {
		cond, fault := compileCondition(when)
		require.Empty(t, fault)
		q := lost
		assert.Equal(t, want, (&Rule{when: cond}).Eval(&q).Truth, "%s of what was lost", when)
	}
	for _, c := range []struct {
		when                string
		known, span, erased Truth
	}{
		{`args.amount < 1000.0 && context.x == 1`, False, False, False},
		{`args.amount < 1000.0 && context.x == 2`, True, Unknown, True},
		{`args.amount < 1000 || context.x == 2`, True, True, True},
		{`args.amount == 1`, False, Unknown, True},
		{`has(args.secret)`, False, Unknown, Unknown},
		{`args["secret"] == "x"`, Unknown, Unknown, Unknown}, // no such member: an error, which is unknown
		{`has(args.missing)`, False, Unknown, False},
		{`!has(resource.properties.status) || resource.properties.status != 'archived'`, True, Unknown, True},
		{`has(action.properties.soft) && action.properties.soft == true`, True, Unknown, True},
		{`has(context.ip)`, False, Unknown, False},
		{`context.principal.type == "user" && now.getHours("Europe/Berlin") in [8,9,10]`, True, True, True},
		{`subject.id == "alice" && subject.type == "user"`, True, True, True},
		{`context.chain.depth < 2`, Unknown, Unknown, Unknown},
		{`args.tags.exists(t, t == "a")`, True, Unknown, Unknown},
		{`args.n > 3`, Unknown, Unknown, Unknown},
		{`1 / 0 == 1`, Unknown, Unknown, Unknown},
	} {
		cond, fault := compileCondition(c.when)
		require.Empty(t, fault, c.when)
		rule := &Rule{when: cond}
		for name, q := range map[string]struct {
			q    Request
			want Truth
		}{"known": {known, c.known}, "span": {span, c.span}, "erased": {erased, c.erased}} {
			assert.Equal(t, q.want, rule.Eval(&q.q).Truth, "%s of %s", c.when, name)
		}
	}
}

// TestTimeZones: by name and by offset, never the machine's own.
func TestTimeZones(t *testing.T) {
	at := time.Date(2026, 7, 2, 23, 45, 1, 7e6, time.UTC)
	for when, want := range map[string]Truth{
		`now.getHours() == 23`: True, `now.getHours("Europe/Berlin") == 1`: True, `now.getDayOfWeek("Europe/Berlin") == 5`: True,
		`now.getDate("Europe/Berlin") == 3 && now.getDayOfMonth("Europe/Berlin") == 2`: True, `now.getMonth("UTC") == 6`: True,
		`now.getHours("-08:30") == 15 && now.getMinutes("-08:30") == 15`: True, `now.getHours("+01:00") == 0`: True, `now.getHours("02:00") == 1`: True,
		`now.getFullYear("UTC") == 2026 && now.getDayOfYear("UTC") == 182 && now.getSeconds("UTC") == 1 && now.getMilliseconds("UTC") == 7`: True,
		`now.getHours("Local") >= 0`: Unknown, `now.getHours("Nowhere/City") >= 0`: Unknown, `now.getHours("+25:00") >= 0`: Unknown,
		`duration("90m").getHours() == 1`: True,
	} {
		cond, fault := compileCondition(when)
		require.Empty(t, fault, when)
		assert.Equal(t, want, (&Rule{when: cond}).Eval(&Request{Time: at}).Truth, when)
	}
}

func TestConditionsRefused(t *testing.T) {
	for _, when := range []string{
		"1", "true &&", "env.HOME == ''", "unknown_function(1)", "args.exists(a, args.exists(b, args.exists(c, a == b && b == c)))",
	} {
		_, fault := compileCondition(when)
		assert.NotEmpty(t, fault, when)
	}
}
