package genai

// usage reads the tokens of a span and decides whether they may be counted.
// Only inferences and embeddings carry usage of their own; what stands on other
// spans repeats theirs. VoltAgent turns this around.
func (it *Item) usage(r *reader, c *context, d *dialect, st *Stats) {
	a := &it.Action
	u := &r.stated // not a local: a pointer through d.counts would allocate it
	*u = r.statedCounts()
	if d.counts != nil {
		d.counts(r, c, a, u)
	}
	if a.Kind == KindEmbedding && !u.in.Known {
		u.in = r.n(nEmbedding)
	}
	own := a.Kind == KindInference || a.Kind == KindEmbedding
	if d.name == DialectVoltAgent {
		own = a.Kind == KindAgent || a.Kind == KindEmbedding
	}
	if a.Kind != KindInference && a.Kind != KindEmbedding && a.Kind != KindAgent {
		// A model's name on a tool or a step is not a model call's.
		a.Reported = ReportedCost{}
	}
	if !own {
		it.rollUp(r, u)
		return
	}
	a.Usage, a.Accounting, it.proof = u.account(habitOf(c, a))
	a.Usage.Invalid = a.Usage.Invalid || r.invalid
	if a.Accounting == AccountingNone && r.invalid {
		a.Accounting = AccountingAssumed
	}
	it.cached = u.read.N + u.write.N
	if a.Accounting == AccountingAssumed {
		st.Assumed++
		if !a.Usage.Estimated && (a.Provider == "anthropic" || a.Provider == "aws.bedrock") {
			st.AssumedRisky++
		}
	}
}

// rollUp keeps the input and output that a span repeats. Cache details on it may
// be those of the last call alone, so they are not read. A reported cost there
// is a total of others and is not taken either.
func (it *Item) rollUp(r *reader, u *stated) {
	a := &it.Action
	a.Reported = ReportedCost{}
	if !u.any() {
		return
	}
	a.Usage = Usage{Input: u.in, Output: u.out, Invalid: r.invalid}
	a.Accounting = AccountingRollup
}

// readBack overrides the reading by what a genai processor wrote before.
func (it *Item) readBack(r *reader, opts *Options) {
	if !r.has(sCKind) || (opts != nil && opts.IgnoreCanonical) {
		return
	}
	a := &it.Action
	a.Kind = knownKind(r.get(sCKind))
	a.Canonical = true
	a.Dialect = Dialect(r.get(sCDialect))
	a.Agent = Agent{ID: r.get(sCAgentID), Name: r.get(sCAgentName), Version: r.get(sCAgentVersion)}
	a.Session = r.get(sOwnSession)
	a.Project = r.get(sOwnProject)
	a.Principal = Principal{ID: r.get(sOwnPrincipal), Type: r.get(sCPrincipalType), Grade: knownGrade(r.get(sCGrade))}
	a.Inherited = parseInherited(r.get(sCInherited))
	a.Tool.Name = r.get(sCToolName)
	a.Tool.Operation = r.get(sCToolOperation)
	a.Tool.Resource = r.get(sCToolResource)
	a.Accounting = knownAccounting(r.get(sCAccounting))
	a.Duplicate = r.marks&markCDuplicate != 0
	u := &a.Usage
	u.Input, u.Output = r.n(nCInput), r.n(nCOutput)
	u.CacheRead, u.CacheWrite, u.CacheWrite1h = r.n(nCRead), r.n(nCWrite), r.n(nCWrite1h)
	u.Reasoning = r.n(nCReasoning)
	u.Estimated = r.marks&markCEstimated != 0
	u.Invalid = r.marks&markCInvalid != 0 || r.badCanon
	it.proof = proofNone
}

func knownKind(s string) Kind {
	switch k := Kind(s); k {
	case KindInference, KindEmbedding, KindTool, KindAgent, KindWorkflow, KindStep, KindRetrieval, KindMemory,
		KindGuardrail, KindHandoff, KindDecision, KindOther:
		return k
	}
	return KindOther
}

func knownGrade(s string) Grade {
	switch g := Grade(s); g {
	case GradeVerified, GradeDeclared, GradePlatform, GradeInferred, GradeMissing:
		return g
	}
	return GradeMissing
}

func knownAccounting(s string) Accounting {
	switch x := Accounting(s); x {
	case AccountingInclusive, AccountingExclusive, AccountingAssumed, AccountingRollup:
		return x
	case AccountingNone:
	}
	return AccountingNone
}
