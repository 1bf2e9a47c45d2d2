package chain

import "slices"

// Code is a reason of a verdict, and the verdict itself.
type Code string

// The codes, in the order in which the first of a chain's reasons is its
// verdict. Unbroken is the verdict where there is no reason.
const (
	Cycle                   Code = "cycle"
	AfterHaltAction         Code = "after_halt_action"
	DeniedButExecuted       Code = "denied_but_executed"
	ArgsDiffer              Code = "args_differ"
	ScopeEscalation         Code = "scope_escalation"
	ConstraintViolated      Code = "constraint_violated"
	BudgetExceeded          Code = "budget_exceeded"
	BoundaryViolated        Code = "boundary_violation"
	RevokedAuthority        Code = "revoked_authority"
	ExpiredAuthority        Code = "expired_authority"
	NotYetValid             Code = "not_yet_valid"
	DepthExceeded           Code = "depth_exceeded"
	PrincipalChanged        Code = "principal_changed"
	MissingPrincipal        Code = "missing_principal"
	OrphanRun               Code = "orphan_run"
	InvisibleDelegation     Code = "invisible_delegation"
	DelegationNotAllowed    Code = "delegation_not_allowed"
	UnregisteredAgent       Code = "unregistered_agent"
	GhostDelegatee          Code = "ghost_delegatee"
	SharedIdentity          Code = "shared_identity"
	SelfApproval            Code = "self_approval"
	ApprovalMismatch        Code = "approval_mismatch"
	ApprovalMissing         Code = "approval_missing"
	ExecutedWithoutDecision Code = "executed_without_decision"
	BrokenLink              Code = "broken_link"
	OverGrant               Code = "over_grant"
	SubsetUnknown           Code = "subset_unknown"
	AmbiguousAuthority      Code = "ambiguous_authority"
	Reentry                 Code = "reentry"
	IncompleteEvidence      Code = "incomplete_evidence"
	SilentDelegation        Code = "silent_delegation"
	UnbrokenUnverified      Code = "unbroken_unverified"
	Unbroken                Code = "unbroken"
)

// Severity is that of a finding.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	High     Severity = "high"
	Critical Severity = "critical"
)

// codeInfo is a line of the verdict table.
type codeInfo struct {
	code     Code
	severity Severity
	controls []string // OWASP Top 10 for Agentic Applications
	// other is the finding of another processor that is raised instead.
	other string
	// late means that only time proves it: it is found when a chain settles.
	late bool
	// says is what a person reads of it.
	says string
}

var table = []codeInfo{
	{Cycle, Critical, []string{"ASI08"}, "", false, "the run is its own ancestor: telemetry is corrupt or forged"},
	{AfterHaltAction, Critical, []string{"ASI10"}, "boundary.after_halt", false, "the action started after a halt"},
	{DeniedButExecuted, Critical, []string{"ASI02"}, "boundary.denied_but_executed", false, "the action was denied and done"},
	{ArgsDiffer, Critical, []string{"ASI02"}, "boundary.executed_without_decision", false, "the action was done with other arguments than were allowed"},
	{ScopeEscalation, Critical, []string{"ASI02", "ASI03"}, "", false, "the action is outside what was delegated"},
	{ConstraintViolated, Critical, []string{"ASI02"}, "", false, "the action breaks a limit of what was delegated"},
	{BudgetExceeded, Critical, []string{"ASI08"}, "budget.exceeded", false, "the subtree is over an ancestor's limit"},
	{BoundaryViolated, High, []string{"ASI02"}, "boundary.tool", false, "the agent's own entry refuses the action"},
	{RevokedAuthority, High, []string{"ASI03"}, "", false, "a grant on the path was revoked before the action"},
	{ExpiredAuthority, High, []string{"ASI03"}, "", false, "a grant on the path had expired"},
	{NotYetValid, High, []string{"ASI03"}, "", false, "a grant on the path was not yet valid"},
	{DepthExceeded, High, []string{"ASI08"}, "", false, "the run is deeper than the delegations above allow"},
	{PrincipalChanged, High, []string{"ASI03"}, "", false, "the run acts for another principal than the run above, and nobody took over"},
	{MissingPrincipal, High, []string{"ASI03"}, "", true, "nobody is known on whose behalf the chain began, and the entry requires one"},
	{OrphanRun, High, []string{"ASI10"}, "", true, "the run acts with no parent, link or grant, and its entry forbids that"},
	{InvisibleDelegation, High, []string{"ASI07", "ASI10"}, "", false, "work passed between agents with no grant and no standing right"},
	{DelegationNotAllowed, High, []string{"ASI03"}, "", false, "the delegator may not delegate this to this agent, or the grant belongs to other agents"},
	{UnregisteredAgent, High, []string{"ASI04", "ASI10"}, "", false, "work was delegated to an agent that has no entry"},
	{GhostDelegatee, High, []string{"ASI10"}, "", true, "an agent asked for decisions and none of its spans came"},
	{SharedIdentity, High, []string{"ASI03"}, "", false, "one identity is used from two places or by two agents"},
	{SelfApproval, High, []string{"ASI09"}, "", false, "the approver is the one who asked"},
	{ApprovalMismatch, High, []string{"ASI09"}, "", false, "the approval is for another tool, resource or other arguments"},
	{ApprovalMissing, High, []string{"ASI09"}, "", false, "an approval is required and none is valid"},
	{ExecutedWithoutDecision, High, []string{"ASI02"}, "boundary.executed_without_decision", false, "the action was done without a decision"},
	{BrokenLink, High, []string{"ASI07"}, "", true, "what the run refers to did not come in time"},
	{OverGrant, Warning, []string{"ASI03"}, "", false, "the grant says more than its giver holds"},
	{SubsetUnknown, Warning, []string{"ASI03"}, "", false, "whether the giver holds what the grant says cannot be decided"},
	{AmbiguousAuthority, Warning, []string{"ASI03"}, "", false, "only some of the paths allow the action and none is named"},
	{Reentry, Warning, []string{"ASI08"}, "", false, "the agent acts again below itself, and its entry does not foresee that"},
	{IncompleteEvidence, Warning, nil, "", true, "evidence is missing, so the chain cannot be called unbroken"},
	{SilentDelegation, Info, nil, "", true, "work was delegated and no run of the delegatee was seen"},
	{UnbrokenUnverified, Info, nil, "", true, "nothing is wrong, and not every delegation is verified"},
}

var codeRank = func() map[Code]int {
	m := make(map[Code]int, len(table))
	for i, c := range table {
		m[c.code] = i
	}
	return m
}()

// Codes returns every reason in the order of the verdict table.
func Codes() []Code {
	out := make([]Code, len(table))
	for i, c := range table {
		out[i] = c.code
	}
	return out
}

// Own returns the codes that are findings of their own: those of others are raised
// by the processor that sees the action.
func Own() (out []Code) {
	for _, c := range table {
		if c.other == "" && c.code != UnbrokenUnverified {
			out = append(out, c.code)
		}
	}
	return out
}

// Severity is the severity of a finding of the code by the table; "" for
// Unbroken and for what is no code.
func (c Code) Severity() Severity {
	if i, ok := codeRank[c]; ok {
		return table[i].severity
	}
	return ""
}

// Controls are the ids of the OWASP Top 10 for Agentic Applications.
func (c Code) Controls() []string {
	if i, ok := codeRank[c]; ok {
		return slices.Clone(table[i].controls)
	}
	return nil
}

// OnlyTimeProves reports whether the code is found when a chain settles, and so
// rides on a settle span.
func (c Code) OnlyTimeProves() bool {
	i, ok := codeRank[c]
	return ok && table[i].late
}

// sortCodes orders codes as the table does and drops repeats.
func sortCodes(cs []Code) []Code {
	slices.SortFunc(cs, func(a, b Code) int { return codeRank[a] - codeRank[b] })
	return slices.Compact(cs)
}
