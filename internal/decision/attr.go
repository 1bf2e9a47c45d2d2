package decision

// Attributes of a decision's span beside those of internal/attr.
const (
	SpanName       = "spanwarden.decision"
	AttrRecord     = "spanwarden.decision.record" // canonical JSON
	AttrAnswered   = "spanwarden.decision.answered"
	AttrMode       = "spanwarden.decision.mode"
	AttrAdapter    = "spanwarden.decision.adapter"
	AttrArgsDigest = "spanwarden.decision.args_digest"
	// ApprovalSpanName is of the record of a person's answer; it bears the attributes
	// of internal/attr that begin with Approval.
	ApprovalSpanName = "spanwarden.approval"
	// ReasonMayNot is the reason of an answer that does not count: whoever gave it may
	// not approve this.
	ReasonMayNot = "approver_not_allowed"
)
