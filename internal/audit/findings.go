package audit

// States of a finding that people set, beside firing and resolved. Each is an
// event of its own: no row is ever changed.
const (
	Acknowledged = "acknowledged"
	Closed       = "closed"
)

// FindingRow is one event in the life of a finding: it fires, is resolved,
// acknowledged or closed.
type FindingRow struct {
	Tenant, ID, Type, Severity, State string
	Message, Key                      string
	Controls                          []string
	AgentID, Session, Project         string
	Principal, Service                string
	Rule, PolicyVersion               string
	TraceID, SpanID                   string // lower-case hex
	Observed, Expected, Limit         Decimal
	ProjectedAt                       Time
	By, Note, Ticket                  string // of acknowledged and closed
	Extra, Resource                   []Attr // sorted by key, keys distinct
	Truncated                         uint32
	// Stated is when it happened, in ns since 1970, 0 where nobody says; TS the
	// same as stored, and TSQuality whether it had to be replaced.
	Stated       uint64
	TS, Observer int64 // Observer is when the row was made
	TSQuality    string
}

func newFindingEvents() *block[FindingRow] {
	content := []column[FindingRow]{
		lowCard("tenant_id", func(r *FindingRow) *string { return &r.Tenant }),
		text("finding_id", func(r *FindingRow) string { return r.ID }),
		lowCard("type", func(r *FindingRow) *string { return &r.Type }),
		lowCard("severity", func(r *FindingRow) *string { return &r.Severity }),
		lowCard("state", func(r *FindingRow) *string { return &r.State }),
		text("message", func(r *FindingRow) string { return r.Message }),
		text("key", func(r *FindingRow) string { return r.Key }),
		lowCards("controls", func(r *FindingRow) []string { return r.Controls }),
		lowCard("agent_id", func(r *FindingRow) *string { return &r.AgentID }),
		text("session_id", func(r *FindingRow) string { return r.Session }),
		lowCard("project_id", func(r *FindingRow) *string { return &r.Project }),
		text("principal_id", func(r *FindingRow) string { return r.Principal }),
		lowCard("service_name", func(r *FindingRow) *string { return &r.Service }),
		lowCard("rule", func(r *FindingRow) *string { return &r.Rule }),
		lowCard("policy_version", func(r *FindingRow) *string { return &r.PolicyVersion }),
		text("trace_id", func(r *FindingRow) string { return r.TraceID }),
		text("span_id", func(r *FindingRow) string { return r.SpanID }),
		decimal("observed_value", func(r *FindingRow) Decimal { return r.Observed }),
		decimal("expected_value", func(r *FindingRow) Decimal { return r.Expected }),
		decimal("limit_value", func(r *FindingRow) Decimal { return r.Limit }),
		instant("projected_at", func(r *FindingRow) Time { return r.ProjectedAt }),
		text("by_principal", func(r *FindingRow) string { return r.By }),
		text("note", func(r *FindingRow) string { return r.Note }),
		text("ticket", func(r *FindingRow) string { return r.Ticket }),
		mapping("extra", func(r *FindingRow) []Attr { return r.Extra }),
		mapping("resource", func(r *FindingRow) []Attr { return r.Resource }),
		u32("attrs_truncated", func(r *FindingRow) uint32 { return r.Truncated }),
	}
	written := []column[FindingRow]{
		nanos("ts", func(r *FindingRow) int64 { return r.TS }),
		lowCard("ts_quality", func(r *FindingRow) *string { return &r.TSQuality }),
		nanos("observed_at", func(r *FindingRow) int64 { return r.Observer }),
	}
	return newBlock("finding_events", func(r *FindingRow) int64 { return r.TS }, content, written)
}

// ConfigRow is one version of a policy or configuration that came into force or
// was refused.
type ConfigRow struct {
	Tenant, Kind, Version, Previous, Component string
	Keys, Files                                []string
	By                                         string
	Refused                                    bool
	RefusedReason, Diff, Content               string
	Declared                                   []string // see attr.ConfigDeclared
	Message, FindingID                         string
	Extra                                      []Attr // sorted by key, keys distinct
	Truncated                                  uint32
	Stated                                     uint64 // as of FindingRow
	TS, Observer                               int64
	TSQuality                                  string
}

func newConfigVersions() *block[ConfigRow] {
	content := []column[ConfigRow]{
		lowCard("tenant_id", func(r *ConfigRow) *string { return &r.Tenant }),
		lowCard("kind", func(r *ConfigRow) *string { return &r.Kind }),
		text("version", func(r *ConfigRow) string { return r.Version }),
		text("previous", func(r *ConfigRow) string { return r.Previous }),
		lowCard("component", func(r *ConfigRow) *string { return &r.Component }),
		texts("changed_keys", func(r *ConfigRow) []string { return r.Keys }),
		texts("files", func(r *ConfigRow) []string { return r.Files }),
		text("by_principal", func(r *ConfigRow) string { return r.By }),
		flag("refused", func(r *ConfigRow) bool { return r.Refused }),
		text("refused_reason", func(r *ConfigRow) string { return r.RefusedReason }),
		text("diff", func(r *ConfigRow) string { return r.Diff }),
		text("content", func(r *ConfigRow) string { return r.Content }),
		texts("declared", func(r *ConfigRow) []string { return r.Declared }),
		text("message", func(r *ConfigRow) string { return r.Message }),
		text("finding_id", func(r *ConfigRow) string { return r.FindingID }),
		mapping("extra", func(r *ConfigRow) []Attr { return r.Extra }),
		u32("attrs_truncated", func(r *ConfigRow) uint32 { return r.Truncated }),
	}
	written := []column[ConfigRow]{
		nanos("ts", func(r *ConfigRow) int64 { return r.TS }),
		lowCard("ts_quality", func(r *ConfigRow) *string { return &r.TSQuality }),
		nanos("observed_at", func(r *ConfigRow) int64 { return r.Observer }),
	}
	return newBlock("config_versions", func(r *ConfigRow) int64 { return r.TS }, content, written)
}

// EncodeFindings returns the insert of events that are not from the wire and that
// nobody seals; their TS, TSQuality and Observer are taken as they are. The insert
// is valid until the next call that encodes.
func EncodeFindings(rows []FindingRow) (*Encoded, error) { return SealFindings(Writer{}, rows) }

// SealFindings does what EncodeFindings does, for a writer: an acknowledgement is
// such an event.
func SealFindings(w Writer, rows []FindingRow) (*Encoded, error) {
	b := newFindingEvents()
	b.seals.writer = w
	for i := range rows {
		b.append(&rows[i])
		b.hashUint64(rows[i].Stated)
	}
	return b.finish()
}
