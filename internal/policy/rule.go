package policy

import (
	"slices"
	"time"
)

// listKind says which of the three lists a rule stands in.
type listKind uint8

const (
	inAllow listKind = iota
	inAsk
	inDeny
)

var listNames = [...]string{"allow", "ask", "deny"}

// Place is where something stands in a file.
type Place struct {
	File         string
	Line, Column int
}

// Approvers are who may approve what an ask rule holds back.
type Approvers struct {
	// Any holds ids such as "user:frank@acme.example" and groups such as
	// "group:finance-leads"; one of them approves. Empty: anybody not in Not.
	Any []string
	// Not holds ids, groups and the words requester and principal.
	Not []string
}

// Rate is how often a rule may be used.
type Rate struct {
	Max int64
	Per time.Duration
}

// Rule is one compiled rule. It is immutable.
type Rule struct {
	id    string
	place Place
	list  listKind
	order int // by place among all rules of the entry
	agent *Agent

	tool       *glob
	operations opSet
	resources  []*glob // nil: any
	hasArgs    bool
	args       map[string]*schema
	argNames   []string
	openArgs   bool // unlisted arguments do not matter
	data       []string
	hasData    bool
	purposes   []*glob
	when       *condition
	rate       Rate
	approvers  Approvers
	ttl        time.Duration
}

// ID returns the rule's id.
func (r *Rule) ID() string { return r.id }

// List returns the list the rule stands in: "allow", "ask" or "deny".
func (r *Rule) List() string { return listNames[r.list] }

// Place returns where the rule is written.
func (r *Rule) Place() Place { return r.place }

// Agent returns the entry the rule belongs to; nil for a rule of a grant.
func (r *Rule) Agent() *Agent { return r.agent }

// Rate returns the rule's rate; Max 0 means that it has none.
func (r *Rule) Rate() Rate { return r.rate }

// Approvers returns who may approve; only ask rules have them. The slices must
// not be written.
func (r *Rule) Approvers() Approvers { return r.approvers }

// TTL returns how long an approval of an ask rule holds; 0 is not said.
func (r *Rule) TTL() time.Duration { return r.ttl }

// Judge says whether approver, a member of groups, may approve for requester
// and principal, all written "type:id": ApprovalFits, ApprovalSelf where the
// rule forbids it for who they are, else ApprovalMismatch.
func (a Approvers) Judge(approver string, groups []string, requester, principal string) Approval {
	is := func(who string) bool { return who == approver || slices.Contains(groups, who) }
	for _, not := range a.Not {
		switch {
		case not == "requester" && requester != "" && approver == requester,
			not == "principal" && principal != "" && approver == principal:
			return ApprovalSelf
		case is(not):
			return ApprovalMismatch
		}
	}
	if len(a.Any) == 0 || slices.ContainsFunc(a.Any, is) {
		return ApprovalFits
	}
	return ApprovalMismatch
}

var (
	ruleKeys  = []string{"id", "tool", "operations", "resources", "args", "when", "rate", "description"}
	askKeys   = append(append([]string{}, ruleKeys...), "approvers", "ttl")
	denyKeys  = []string{"id", "tool", "operations", "resources", "args", "when", "description"}
	keysOf    = [...][]string{inAllow: ruleKeys, inAsk: askKeys, inDeny: denyKeys}
	partsKeys = []string{"tool", "operations", "resources", "args", "when"}
)

// rule reads one rule of a list.
func (d *reader) rule(n node, list listKind) *Rule {
	o, ok := d.object(n, keysOf[list])
	if !ok {
		return nil
	}
	r := &Rule{list: list, place: Place{d.file, o.y.Line, o.y.Column}, openArgs: list != inAllow}
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "id":
			r.id = d.text(v)
		case "tool":
			r.tool = d.glob(v, canonicalTool)
		case "operations":
			r.operations = d.operations(v)
		case "resources":
			r.resources = d.globs(v, canonicalPattern)
		case "args":
			r.hasArgs = true
			r.argNames, r.args = d.schemas(v, argKeys)
		case "when":
			r.when = d.condition(v)
		case "rate":
			r.rate = d.rate(v)
		case "approvers":
			r.approvers = d.approvers(v)
		case "ttl":
			r.ttl = d.duration(v)
		default:
			d.text(v)
		}
	}
	if _, ok := o.get("id"); !ok {
		d.fail(o.node, "a rule needs an id")
	}
	if list == inDeny && !hasAny(o, partsKeys) {
		d.fail(o.node, "a deny rule without tool, operations, resources, args or when denies everything; write tool: \"**\" if that is meant")
	}
	return r
}

func hasAny(o object, keys []string) bool {
	for _, k := range keys {
		if _, ok := o.values[k]; ok {
			return true
		}
	}
	return false
}

func (d *reader) glob(n node, canonical func(string) string) *glob {
	s := d.text(n)
	if s == "" {
		return nil
	}
	g, err := compileGlob(canonical(s))
	if err != nil {
		d.fail(n, "%q: %v", s, err)
		return nil
	}
	g.source = s
	return g
}

func (d *reader) globs(n node, canonical func(string) string) []*glob {
	items := d.list(n)
	out := make([]*glob, 0, len(items))
	for _, item := range items {
		if g := d.glob(item, canonical); g != nil {
			out = append(out, g)
		}
	}
	return out
}

func same(s string) string { return s }

func (d *reader) operations(n node) opSet {
	var set opSet
	items := d.list(n)
	for _, item := range items {
		bit := opBit(d.choice(item, operationNames...))
		if set&bit != 0 {
			d.fail(item, "is listed twice")
		}
		set |= bit
	}
	if len(items) == 0 {
		d.fail(n, "is empty: the rule would never match; leave it out for any operation")
	}
	return set
}

func (d *reader) rate(n node) Rate {
	o, ok := d.object(n, []string{"max", "per"})
	if !ok {
		return Rate{}
	}
	var r Rate
	if v, ok := o.get("max"); ok {
		if r.Max = d.whole(v, 1<<40); r.Max == 0 {
			d.fail(v, "must be 1 or more")
		}
	} else {
		d.fail(o.node, "max is missing")
	}
	if v, ok := o.get("per"); ok {
		r.Per = d.duration(v)
	} else {
		d.fail(o.node, "per is missing")
	}
	return r
}

func (d *reader) approvers(n node) Approvers {
	o, ok := d.object(n, []string{"any", "not"})
	if !ok {
		return Approvers{}
	}
	var a Approvers
	if v, ok := o.get("any"); ok {
		a.Any = d.texts(v)
	}
	if v, ok := o.get("not"); ok {
		a.Not = d.texts(v)
	}
	return a
}
