package policy

import "slices"

// Eval holds one action against one rule, without the entry around it: a rule
// of a grant, or one to be explained.
func (r *Rule) Eval(q *Request) Outcome {
	if !q.res.done {
		var c *catalog
		if r.agent != nil {
			c = r.agent.catalog
		}
		if c == nil {
			c = &catalog{}
		}
		c.resolve(q)
	}
	return r.eval(q)
}

// eval tries the parts in order and stops at the first that is false.
func (r *Rule) eval(q *Request) Outcome {
	out := Outcome{Truth: True}
	for p := PartTool; p <= PartRate; p++ {
		t, missing, reason := r.part(p, q, &out)
		switch t {
		case False:
			return Outcome{Truth: False, Failed: p, Reason: reason, Arg: out.Arg, passed: out.passed}
		case Unknown:
			out.Truth = Unknown
			out.Missing |= missing
		default:
		}
	}
	return out
}

// part holds an action against one part; a part that is not written is true.
func (r *Rule) part(p Part, q *Request, out *Outcome) (t Truth, missing Fields, reason Reason) {
	t = True
	switch {
	case p == PartTool && r.tool != nil:
		t, missing = r.matchTool(q)
		reason = ReasonToolNotAllowed
	case p == PartOperation && r.operations != 0:
		t, missing = r.matchOperation(q)
		reason = ReasonOperationNotAllowed
	case p == PartResource && r.resources != nil:
		t, missing = r.matchResource(q)
		reason = ReasonResourceNotAllowed
	case p == PartArgs && r.hasArgs:
		t, reason = r.matchArgs(q, out)
		missing = FieldArgs
	case p == PartPurpose && r.purposes != nil:
		t, missing = r.matchPurpose(q)
		reason = ReasonConditionFalse
	case p == PartData && r.hasData:
		t, missing = q.dataWithin(r.data)
		reason = ReasonDataNotAllowed
	case p == PartWhen && r.when != nil:
		t, missing = r.when.eval(q)
		reason = ReasonConditionFalse
	case p == PartRate && r.rate.Max > 0:
		t, missing = r.matchRate(q)
		reason = ReasonRateExceeded
	}
	return t, missing, reason
}

func (r *Rule) matchTool(q *Request) (Truth, Fields) {
	if q.res.tool == "" || q.res.unknown&FieldTool != 0 {
		return q.missing(FieldTool)
	}
	return truthOf(r.tool.match(q.res.tool)), 0
}

func (r *Rule) matchOperation(q *Request) (Truth, Fields) {
	if q.res.operation == "" || q.res.unknown&FieldOperation != 0 {
		return q.missing(FieldOperation)
	}
	return truthOf(r.operations&q.res.op != 0), 0
}

// matchResource asks of an allow rule that every resource fits, of the others
// that any does. A resource that may mean another one never fits an allow rule
// for sure, and never certainly misses another.
func (r *Rule) matchResource(q *Request) (Truth, Fields) {
	s := &q.res
	if s.resource == "" || s.unknown&FieldResource != 0 {
		return q.missing(FieldResource)
	}
	all, some := true, false
	for i := -1; i < len(s.more); i++ {
		text := s.resource
		if i >= 0 {
			text = s.more[i]
		}
		fits := matchAny(r.resources, text)
		all, some = all && fits, some || fits
	}
	switch {
	case r.list == inAllow && all && s.ambiguous, r.list != inAllow && !some && s.ambiguous:
		return Unknown, FieldResource
	case r.list == inAllow:
		return truthOf(all), 0
	default:
		return truthOf(some), 0
	}
}

// matchArgs holds the arguments against the schemas, in the order of the file,
// and notes which failed.
func (r *Rule) matchArgs(q *Request, out *Outcome) (Truth, Reason) {
	if !q.argsReadable() {
		return Unknown, ReasonNone
	}
	args := &q.Args.v
	all := True
	for i, name := range r.argNames {
		s := r.args[name]
		v, ok := args.member(name)
		if !ok {
			if s.optional {
				continue
			}
			out.Arg, out.passed = s.name, i
			return False, ReasonArgMissing
		}
		t, reason := s.check(v)
		switch t {
		case False:
			out.Arg, out.passed = s.name, i
			return False, reason
		case Unknown:
			all, out.Arg = Unknown, s.name
		default:
		}
	}
	if !r.openArgs {
		for _, name := range args.names {
			if r.args[name] == nil {
				out.Arg, out.passed = "", len(r.argNames)
				return False, ReasonArgUnlisted
			}
		}
	}
	return all, ReasonNone
}

func (r *Rule) matchPurpose(q *Request) (Truth, Fields) {
	if q.Purpose == "" || q.res.unknown&FieldPurpose != 0 {
		return q.missing(FieldPurpose)
	}
	return truthOf(matchAny(r.purposes, q.Purpose)), 0
}

// dataWithin asks that every class of the data is one of the list. Data that is
// known to have no class is within any.
func (q *Request) dataWithin(list []string) (Truth, Fields) {
	if q.res.unknown&FieldData != 0 {
		return Unknown, FieldData
	}
	for _, class := range q.res.data {
		if !slices.Contains(list, class) {
			return False, 0
		}
	}
	return True, 0
}

func (r *Rule) matchRate(q *Request) (Truth, Fields) {
	if q.Counter != nil {
		if n, known := q.Counter(r, r.rate.Per); known {
			return truthOf(n < r.rate.Max), 0
		}
	}
	return Unknown, FieldRate
}
