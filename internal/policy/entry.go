package policy

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	specKeys = []string{
		"agent", "owner", "purpose", "risk_tier", "change", "mode", "decisions", "valid", "principals", "deny", "ask", "allow", "models", "data",
		"budgets", "delegation", "halt_on",
	}
	budgetKinds = []string{"cost_usd", "tokens", "calls", "tool_calls", "wall_clock"}
	grades      = []string{"verified", "declared", "structural", "correlated"}
	periods     = []string{"lifetime", "session", "run", "hour", "day", "week", "month"}
	findingType = regexp.MustCompile(`^(boundary|delegation|budget|baseline|cost)\.[a-z0-9_]+$`)
)

// entry reads the spec of one agent.
func (d *reader) entry(name string, n node) *Agent {
	o, ok := d.object(n, specKeys)
	if !ok {
		return nil
	}
	a := &Agent{
		name: name, id: name, place: Place{d.file, o.y.Line, o.y.Column}, mode: Enforce,
		principals: principals{direct: true}, byID: map[string]*Rule{},
	}
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "agent":
			d.identity(a, v)
		case "owner":
			a.owner = d.text(v)
		case "purpose":
			a.purpose = d.short(v)
		case "risk_tier":
			a.riskTier = d.choice(v, riskTiers...)
		case "change":
			a.change = d.change(v)
		case "mode":
			a.mode = Mode(d.choice(v, string(Shadow), string(Warn), string(Enforce)))
		case "decisions":
			a.decisions = d.choice(v, "required", "optional") == "required"
		case "valid":
			d.valid(a, v)
		case "principals":
			d.principals(a, v)
		case "allow":
			d.rules(a, v, inAllow)
		case "ask":
			d.rules(a, v, inAsk)
		case "deny":
			d.rules(a, v, inDeny)
		case "models":
			d.models(a, v)
		case "data":
			d.data(a, v)
		case "budgets":
			d.budgets(a, v)
		case "delegation":
			a.delegation = d.delegation(v)
		case "halt_on":
			d.haltOn(a, v)
		}
	}
	if _, ok := o.get("owner"); !ok {
		d.fail(o.node, "owner is missing: name the accountable person")
	}
	d.finish(a, o)
	return a
}

// finish checks what needs the whole entry and builds its indexes.
func (d *reader) finish(a *Agent, o object) {
	slices.SortStableFunc(a.rules, func(x, y *Rule) int {
		return cmp.Or(cmp.Compare(x.place.Line, y.place.Line), cmp.Compare(x.place.Column, y.place.Column))
	})
	for i, r := range a.rules {
		r.order, r.agent = i, a
		a.lists[r.list] = append(a.lists[r.list], r)
		a.index[r.list].add(r.tool, int32(len(a.lists[r.list])-1))
		if r.operations&opInvokeModel != 0 {
			a.special[r.list] = append(a.special[r.list], r)
		}
	}
	if a.delegation != nil {
		v, _ := o.get("delegation")
		d.scope(a, v)
	}
	if len(d.errs) == 0 { // what is refused needs no hash, and may be endless
		a.resolved = resolveSpec(a, o.node)
	}
}

// scope checks that each id the agent may pass on is one of its rights.
func (d *reader) scope(a *Agent, delegation node) {
	block, ok := d.object(delegation, delegationKeys)
	if !ok {
		return
	}
	v, ok := block.get("scope")
	if !ok {
		return
	}
	for _, item := range d.list(v) {
		id, _ := d.scalar(item, "a string", "!!str")
		switch r := a.byID[id]; {
		case r == nil:
			d.fail(item, "%q names no rule of this entry", id)
		case r.list == inDeny:
			d.fail(item, "%q is a deny rule: there is nothing to pass on", id)
		}
	}
}

func (d *reader) rules(a *Agent, n node, list listKind) {
	for _, item := range d.list(n) {
		r := d.rule(item, list)
		if r == nil {
			continue
		}
		if old := a.byID[r.id]; old != nil && r.id != "" {
			d.fail(item, "rule id %q is taken by the rule on line %d", r.id, old.place.Line)
			continue
		}
		a.byID[r.id] = r
		a.rules = append(a.rules, r)
	}
}

func (d *reader) valid(a *Agent, n node) {
	o, _ := d.object(n, []string{"from", "until"})
	if v, ok := o.get("from"); ok {
		a.from = d.instant(v)
	}
	if v, ok := o.get("until"); ok {
		a.until = d.instant(v)
		if !a.from.IsZero() && !a.until.IsZero() && !a.until.After(a.from) {
			d.fail(v, "is not after from: the entry would never hold")
		}
	}
}

func (d *reader) principals(a *Agent, n node) {
	o, _ := d.object(n, []string{"required", "direct", "allow"})
	if v, ok := o.get("required"); ok {
		a.principals.required = d.boolean(v)
	}
	if v, ok := o.get("direct"); ok {
		a.principals.direct = d.boolean(v)
	}
	if v, ok := o.get("allow"); ok {
		a.principals.allow = d.globs(v, same)
	}
}

func (d *reader) models(a *Agent, n node) {
	o, _ := d.object(n, []string{"allow", "deny"})
	a.models.written = true
	if v, ok := o.get("allow"); ok {
		a.models.allow = d.globs(v, strings.ToLower)
	}
	if v, ok := o.get("deny"); ok {
		a.models.deny = d.globs(v, strings.ToLower)
	}
}

func (d *reader) data(a *Agent, n node) {
	o, _ := d.object(n, []string{"read", "write", "egress"})
	a.data.written = true
	if v, ok := o.get("read"); ok {
		a.data.hasRead, a.data.read = true, d.texts(v)
	}
	if v, ok := o.get("write"); ok {
		a.data.hasWrite, a.data.write = true, d.texts(v)
	}
	if v, ok := o.get("egress"); ok {
		e, _ := d.object(v, []string{"domains"})
		if v, ok := e.get("domains"); ok {
			a.data.hasEgress, a.data.egress = true, d.globs(v, canonicalDomain)
		} else {
			d.fail(v, "domains is missing")
		}
	}
}

func canonicalDomain(s string) string { return strings.TrimSuffix(strings.ToLower(s), ".") }

func (d *reader) budgets(a *Agent, n node) {
	for _, item := range d.list(n) {
		o, ok := d.object(item, []string{"kind", "limit", "per", "on_exceed"})
		if !ok {
			continue
		}
		b := BudgetSpec{Per: "lifetime", OnExceed: "warn", Place: Place{d.file, o.y.Line, o.y.Column}}
		for _, key := range []string{"kind", "limit"} {
			if _, ok := o.get(key); !ok {
				d.fail(o.node, "%s is missing", key)
			}
		}
		if v, ok := o.get("kind"); ok {
			b.Kind = d.choice(v, budgetKinds...)
		}
		if v, ok := o.get("limit"); ok {
			b.Limit = d.limit(v, b.Kind)
		}
		if v, ok := o.get("per"); ok {
			b.Per = d.period(v)
		}
		if v, ok := o.get("on_exceed"); ok {
			b.OnExceed = d.choice(v, "warn", "deny", "halt")
		}
		a.budgets = append(a.budgets, b)
	}
}

func (d *reader) limit(n node, kind string) string {
	if kind == "wall_clock" {
		d.duration(n)
		return n.y.Value
	}
	v := d.decimal(n)
	switch {
	case v == nil:
		return ""
	case v.neg:
		d.fail(n, "%s is below 0", n.y.Value)
	case kind != "cost_usd" && !v.integer():
		d.fail(n, "%s of %s is no whole number", n.y.Value, kind)
	}
	return strings.ReplaceAll(n.y.Value, "_", "")
}

func (d *reader) period(n node) string {
	s := d.text(n)
	if rest, ok := strings.CutPrefix(s, "rolling:"); ok {
		if v, err := time.ParseDuration(rest); err == nil && v >= time.Minute && v <= 366*24*time.Hour {
			return s
		}
	}
	if s != "" && !slices.Contains(periods, s) {
		d.fail(n, "%q is none of %s, rolling:<1m to 8784h>", s, strings.Join(periods, ", "))
	}
	return s
}

var delegationKeys = []string{"to", "scope", "max_depth", "max_ttl", "reentry", "require"}

func (d *reader) delegation(n node) *Delegation {
	out := &Delegation{MaxDepth: MaxDepth}
	o, _ := d.object(n, delegationKeys)
	for _, key := range o.keys {
		v := o.values[key]
		switch key {
		case "to":
			out.to = d.globs(v, same)
			for _, g := range out.to {
				out.toRaw = append(out.toRaw, g.source)
			}
		case "scope":
			out.Scope = d.texts(v)
		case "max_depth":
			out.MaxDepth = int(d.whole(v, MaxDepth))
		case "max_ttl":
			out.MaxTTL = d.duration(v)
		case "reentry":
			out.Reentry = d.boolean(v)
		case "require":
			out.Require = d.choice(v, grades...)
		}
	}
	return out
}

func (d *reader) haltOn(a *Agent, n node) {
	for _, item := range d.list(n) {
		s := d.text(item)
		if s != "" && !findingType.MatchString(s) {
			d.fail(item, "%q is no finding type such as boundary.tool or delegation.scope_escalation", s)
			continue
		}
		a.haltOn = append(a.haltOn, s)
	}
}
