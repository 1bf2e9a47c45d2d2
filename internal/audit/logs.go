package audit

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
)

// LogEncoder turns findings into inserts. It is reusable; it is not safe for
// concurrent use.
type LogEncoder struct {
	scribe
	findings *block[FindingRow]
	configs  *block[ConfigRow]
	resource []Attr
	cuts     uint32 // of the resource
	service  string
	stats    Stats
}

// NewLogEncoder returns an encoder with no rows.
func NewLogEncoder(limits Limits) *LogEncoder {
	return &LogEncoder{scribe: scribe{limits: limits.withDefaults()}, findings: newFindingEvents(), configs: newConfigVersions()}
}

// SealFor does what Encoder.SealFor does.
func (e *LogEncoder) SealFor(w Writer) { e.findings.seals.writer, e.configs.seals.writer = w, w }

// Encode reads ld, which it never changes, and calls emit for every insert that
// is to be made; an Encoded is valid until emit returns, and equal records give
// equal tokens. A record that is no finding, or a faulty one, makes no row and is
// given to refuse. An error of emit ends the encoding and is returned.
func (e *LogEncoder) Encode(ld plog.Logs, observed time.Time, emit func(*Encoded) error, refuse func(*RefusedLog)) (Stats, error) {
	e.arena, e.stats = e.arena[:0], Stats{}
	e.findings.reset()
	e.configs.reset()
	for _, rl := range ld.ResourceLogs().All() {
		e.readResource(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if err := e.add(lr, observed.UnixNano()); err != nil {
					e.stats.Refused++
					refuse(&RefusedLog{Resource: rl, Scope: sl, Record: lr, Err: err})
				}
				if e.findings.rows == e.limits.BlockRows {
					if err := e.flush(emit); err != nil {
						return e.stats, err
					}
				}
			}
		}
	}
	return e.stats, e.flush(emit)
}

// RefusedLog is a record that is not stored and why.
type RefusedLog struct {
	Resource plog.ResourceLogs
	Scope    plog.ScopeLogs
	Record   plog.LogRecord
	Err      error
}

func (e *LogEncoder) flush(emit func(*Encoded) error) error {
	if err := flush(e.findings, emit); err != nil {
		return err
	}
	return flush(e.configs, emit)
}

func (e *LogEncoder) readResource(m pcommon.Map) {
	e.resource, e.cuts, e.service = nil, 0, "" // rows keep the old one
	for k, v := range m.All() {
		if k == "service.name" {
			e.service = v.Str()
		}
		e.resource = append(e.resource, Attr{Key: k, Value: e.cut(&e.cuts, e.textOf(v))})
	}
	e.resource = e.bound(sorted(e.resource), &e.cuts)
}

func (e *LogEncoder) add(lr plog.LogRecord, now int64) error {
	f, err := finding.FromLog(lr)
	if err != nil {
		return err
	}
	r := FindingRow{
		Tenant: f.Tenant, ID: f.ID, Type: string(f.Type), Severity: string(f.Severity), State: string(f.State),
		Key: f.Key, Controls: f.Controls, AgentID: f.Agent, Session: f.Session, Project: f.Project, Principal: f.Principal,
		Service: e.service, Rule: f.Rule, PolicyVersion: f.PolicyVersion,
		Observed: numberOf(f.Observed), Expected: numberOf(f.Expected), Limit: numberOf(f.Limit), ProjectedAt: timeOf(f.ProjectedAt),
		Stated: nanosOf(f.At), Observer: now, Resource: e.resource, Truncated: e.cuts,
	}
	r.TS, r.TSQuality = moment(r.Stated, int64(min(uint64(lr.ObservedTimestamp()), maxNanos)), now)
	r.Message = e.cut(&r.Truncated, f.Message)
	if !f.TraceID.IsEmpty() {
		r.TraceID = e.hexOf(f.TraceID[:])
	}
	if !f.SpanID.IsEmpty() {
		r.SpanID = e.hexOf(f.SpanID[:])
	}
	r.Extra = e.extra(&r, &f, lr.Attributes())
	e.stats.Truncated += int(r.Truncated)
	if r.TSQuality != tsOK {
		e.stats.Clamped++
	}
	e.findings.append(&r)
	e.findings.hashUint64(r.Stated)
	e.stats.Findings++
	if f.Type == finding.ConfigChanged {
		e.addConfig(&r, lr.Attributes())
	}
	return nil
}

func numberOf(n finding.Number) Decimal {
	v, known := n.Get()
	if !known {
		return Decimal{}
	}
	return wideDecimalOf(v)
}

// extra keeps what has no column: facts of the type, what others added, and the
// numbers and times that their columns cannot hold.
func (e *LogEncoder) extra(r *FindingRow, f *finding.Finding, m pcommon.Map) []Attr {
	var kv []Attr
	for k, v := range m.All() {
		if k == attr.ConfigContent {
			continue // the row of config_versions has it
		}
		_, fact := f.Extra[k]
		unheld := (k == attr.FindingObserved && !r.Observed.Set) || (k == attr.FindingExpected && !r.Expected.Set) ||
			(k == attr.FindingLimit && !r.Limit.Set) || (k == attr.FindingProjectedAt && !r.ProjectedAt.Set)
		if fact || unheld || !strings.HasPrefix(k, attr.Prefix) {
			kv = append(kv, Attr{Key: k, Value: e.cut(&r.Truncated, e.textOf(v))})
		}
	}
	return e.bound(sorted(kv), &r.Truncated)
}

// addConfig makes the row of config_versions, where the finding names a kind.
func (e *LogEncoder) addConfig(f *FindingRow, m pcommon.Map) {
	in := reader{scribe: &e.scribe, m: m}
	r := ConfigRow{
		Tenant: f.Tenant, Kind: in.text(attr.ConfigKind), Version: in.text(attr.ConfigVersion), Previous: in.text(attr.ConfigPrevious),
		Component: in.text(attr.ConfigComponent), Keys: in.list(attr.ConfigKeys), Files: in.list(attr.ConfigFiles), By: in.text(attr.ConfigBy),
		Diff: in.long(attr.ConfigDiff), Content: in.long(attr.ConfigContent), Declared: in.listOf(attr.ConfigDeclared, maxDeclared),
		Message: f.Message, FindingID: f.ID, Stated: f.Stated, TS: f.TS, TSQuality: f.TSQuality, Observer: f.Observer,
	}
	if r.Kind == "" {
		return
	}
	if v, ok := in.take(attr.ConfigRefused); ok {
		switch v.Type() {
		case pcommon.ValueTypeBool:
			r.Refused = v.Bool()
		default: // says why
			r.RefusedReason = e.cut(&in.cuts, e.textOf(v))
			r.Refused = r.RefusedReason != ""
		}
	}
	for _, kv := range f.Extra {
		if !in.taken[kv.Key] {
			r.Extra = append(r.Extra, kv)
		}
	}
	r.Truncated = in.cuts
	e.configs.append(&r)
	e.configs.hashUint64(r.Stated)
	e.stats.ConfigVersions++
}
