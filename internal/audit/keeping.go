package audit

// What happened to a hold.
const (
	HoldPlaced   = "placed"
	HoldReleased = "released"
)

// All stands for every tenant or every table in a hold.
const All = "*"

// HoldRow is one event of a legal hold: it is placed or released.
type HoldRow struct {
	ID, Event    string
	Matter       string
	Tenant       string // All, or the tenant's id, which may be ""
	Table        string // All, or a table
	From, To     Time   // of the rows that are held; unknown is without a bound
	By, Reason   string
	TS, Observer int64 // ns since 1970
}

func newLegalHolds() *block[HoldRow] {
	content := []column[HoldRow]{
		text("hold_id", func(r *HoldRow) string { return r.ID }),
		lowCard("event", func(r *HoldRow) *string { return &r.Event }),
		text("matter", func(r *HoldRow) string { return r.Matter }),
		lowCard("tenant", func(r *HoldRow) *string { return &r.Tenant }),
		lowCard("table_name", func(r *HoldRow) *string { return &r.Table }),
		instant("period_from", func(r *HoldRow) Time { return r.From }),
		instant("period_to", func(r *HoldRow) Time { return r.To }),
		text("by_principal", func(r *HoldRow) string { return r.By }),
		text("reason", func(r *HoldRow) string { return r.Reason }),
	}
	written := []column[HoldRow]{
		nanos("ts", func(r *HoldRow) int64 { return r.TS }),
		nanos("observed_at", func(r *HoldRow) int64 { return r.Observer }),
	}
	return newBlock("legal_holds", func(r *HoldRow) int64 { return r.TS }, content, written)
}

// The kinds of retention events.
const (
	RetentionDropped = "drop"  // a partition whose time is over
	RetentionSwept   = "sweep" // content whose time is over while a hold stops its TTL
	RetentionErased  = "erase" // content that somebody has a right to see gone
)

// RetentionRow says that rows are about to be taken out of the store, and why.
type RetentionRow struct {
	ID, Kind         string
	Table, Partition string
	Rows             uint64
	MinTS, MaxTS     Time
	Policy           string
	PolicyDays       Count // unknown where no policy was asked
	Hold             bool  // always false: held rows stay
	SeqFrom, SeqTo   Count // leaves of Logs, where there is one
	Logs             []string
	Criteria         []Attr   // of an erasure, sorted by key
	Digests          []string // of content
	By, Reason       string
	TS, Observer     int64 // ns since 1970
}

func newRetentionEvents() *block[RetentionRow] {
	content := []column[RetentionRow]{
		text("event_id", func(r *RetentionRow) string { return r.ID }),
		lowCard("kind", func(r *RetentionRow) *string { return &r.Kind }),
		lowCard("table_name", func(r *RetentionRow) *string { return &r.Table }),
		text("partition_id", func(r *RetentionRow) string { return r.Partition }),
		u64("rows", func(r *RetentionRow) uint64 { return r.Rows }),
		instant("min_ts", func(r *RetentionRow) Time { return r.MinTS }),
		instant("max_ts", func(r *RetentionRow) Time { return r.MaxTS }),
		lowCard("policy_version", func(r *RetentionRow) *string { return &r.Policy }),
		count("policy_days", func(r *RetentionRow) Count { return r.PolicyDays }),
		flag("legal_hold", func(r *RetentionRow) bool { return r.Hold }),
		count("seq_from", func(r *RetentionRow) Count { return r.SeqFrom }),
		count("seq_to", func(r *RetentionRow) Count { return r.SeqTo }),
		texts("logs", func(r *RetentionRow) []string { return r.Logs }),
		mapping("criteria", func(r *RetentionRow) []Attr { return r.Criteria }),
		texts("digests", func(r *RetentionRow) []string { return r.Digests }),
		text("executed_by", func(r *RetentionRow) string { return r.By }),
		text("reason", func(r *RetentionRow) string { return r.Reason }),
	}
	written := []column[RetentionRow]{
		nanos("ts", func(r *RetentionRow) int64 { return r.TS }),
		nanos("observed_at", func(r *RetentionRow) int64 { return r.Observer }),
	}
	return newBlock("retention_events", func(r *RetentionRow) int64 { return r.TS }, content, written)
}

func sealedBlock[R any](b *block[R], w Writer, rows []R) (*Encoded, error) {
	b.seals.writer = w
	for i := range rows {
		b.append(&rows[i])
	}
	return b.finish()
}

// EncodeHolds returns the insert of events of holds, sealed for w where it is
// somebody.
func EncodeHolds(w Writer, rows []HoldRow) (*Encoded, error) {
	return sealedBlock(newLegalHolds(), w, rows)
}

// EncodeRetention returns the insert of retention events, sealed for w where it is
// somebody.
func EncodeRetention(w Writer, rows []RetentionRow) (*Encoded, error) {
	return sealedBlock(newRetentionEvents(), w, rows)
}
