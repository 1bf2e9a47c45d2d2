package decision

// Attributes of a decision's span beside those of internal/attr.
const (
	SpanName       = "spanwarden.decision"
	AttrRecord     = "spanwarden.decision.record" // canonical JSON
	AttrAnswered   = "spanwarden.decision.answered"
	AttrMode       = "spanwarden.decision.mode"
	AttrAdapter    = "spanwarden.decision.adapter"
	AttrArgsDigest = "spanwarden.decision.args_digest"
)
