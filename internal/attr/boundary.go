package attr

// Written by the boundary processor beside BoundaryVerdict, BoundaryRule and
// PolicyVersion.
const (
	// BoundaryMissing names the facts that a verdict not_evaluated lacked:
	// string[], such as args, principal, actor, registry.
	BoundaryMissing = "spanwarden.boundary.missing"
	// BoundaryAgent is the id of the registry's entry that the action was held
	// against, which may differ from how the agent names itself.
	BoundaryAgent = "spanwarden.boundary.agent"
	// BoundaryReason is the code for which the entry refuses.
	BoundaryReason = "spanwarden.boundary.reason"
	// BoundaryArgument is the path of the argument that failed, never a value.
	BoundaryArgument = "spanwarden.boundary.argument"
	// BoundaryAssumed names what a verdict takes for granted: string[]; registry
	// means that the action began before the first version was loaded and was held
	// against that one.
	BoundaryAssumed = "spanwarden.boundary.assumed"

	// JudgementEvent is the name of a span event that corrects the verdict about
	// an action whose span left before it could be judged. It bears
	// AttributionAction, AttributionTrace and AttributionSpan, and what the
	// boundary processor writes on spans. The latest one counts.
	JudgementEvent = "spanwarden.judgement"
)
