// Package respond is how people answer to findings: they acknowledge or close
// them. Each answer is an event of its own beside those of the finding; nothing
// is changed. The command line and whatever else takes answers are its shells.
package respond

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// Finding is what an answer has to know of a finding.
type Finding struct {
	Tenant, ID, Type, Severity string
	State                      string // of its last event
	Key, Agent, Session        string
	Project, Principal, Rule   string
	ClosedBy                   string
	LastEvent                  time.Time
}

var (
	// ErrNotFound means that no finding has the id, or one that begins with it.
	ErrNotFound = errors.New("no such finding")
	// ErrAmbiguous means that several findings do.
	ErrAmbiguous = errors.New("several findings begin with it")
	// ErrClosed means that the finding is closed already.
	ErrClosed = errors.New("is closed")
)

// minPrefix keeps a slip of the finger from naming a finding.
const minPrefix = 4

// Find returns the finding with the id, or the only one whose id begins with it.
func Find(ctx context.Context, conn driver.Conn, id string) (Finding, error) {
	if len(id) < minPrefix {
		return Finding{}, fmt.Errorf("finding %q: want the id or at least %d characters of it", id, minPrefix)
	}
	rows, err := conn.Query(ctx, `SELECT tenant_id, finding_id, type, severity, state, key, agent_id, session_id, project_id, principal_id, rule, closed_by, last_event
FROM findings WHERE startsWith(finding_id, {id:String}) ORDER BY finding_id = {id:String} DESC, finding_id LIMIT 6`, clickhouse.Named("id", id))
	if err != nil {
		return Finding{}, fmt.Errorf("finding %q: %w", id, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var found []Finding
	for rows.Next() {
		var f Finding
		if err := rows.Scan(&f.Tenant, &f.ID, &f.Type, &f.Severity, &f.State, &f.Key, &f.Agent, &f.Session, &f.Project, &f.Principal,
			&f.Rule, &f.ClosedBy, &f.LastEvent); err != nil {
			return Finding{}, fmt.Errorf("finding %q: %w", id, err)
		}
		found = append(found, f)
	}
	if err := rows.Err(); err != nil {
		return Finding{}, fmt.Errorf("finding %q: %w", id, err)
	}
	return choose(id, found)
}

// choose takes the finding with the very id, else the only one. The exact one
// comes first; one id in two tenants is two findings.
func choose(id string, found []Finding) (Finding, error) {
	switch {
	case len(found) == 0:
		return Finding{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	case len(found) == 1 || (found[0].ID == id && found[1].ID != id):
		return found[0], nil
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].ID
		if found[i].Tenant != "" {
			names[i] += " (tenant " + found[i].Tenant + ")"
		}
	}
	return Finding{}, fmt.Errorf("%w: %q: %s", ErrAmbiguous, id, strings.Join(names, ", "))
}

// Answer is what somebody says to a finding.
type Answer struct {
	State  string // audit.Acknowledged or audit.Closed
	By     string // who; required
	Reason string // why; required
	Ticket string
}

// maxText bounds what an answer says, in bytes.
const maxText = 4096

// Validate returns every fault at once.
func (a *Answer) Validate() error {
	var errs []error
	if a.State != audit.Acknowledged && a.State != audit.Closed {
		errs = append(errs, fmt.Errorf("state: want %s or %s, not %q", audit.Acknowledged, audit.Closed, a.State))
	}
	for _, t := range []struct{ name, value string }{{"by", a.By}, {"reason", a.Reason}} {
		if strings.TrimSpace(t.value) == "" {
			errs = append(errs, fmt.Errorf("%s: missing; it stays on record", t.name))
		}
	}
	for _, t := range []struct{ name, value string }{{"by", a.By}, {"reason", a.Reason}, {"ticket", a.Ticket}} {
		if len(t.value) > maxText {
			errs = append(errs, fmt.Errorf("%s: %d bytes, at most %d", t.name, len(t.value), maxText))
		}
	}
	return errors.Join(errs...)
}

// Log takes rows and seals them; oplog.Session is one.
type Log interface {
	Insert(ctx context.Context, observed int64, encode func(audit.Writer) (*audit.Encoded, error)) error
}

// Record appends the answer to what is known of the finding and returns the time
// it bears: now, or just after the last event where a clock runs ahead, so that
// the answer is the last word.
func Record(ctx context.Context, log Log, f *Finding, a *Answer, now time.Time) (time.Time, error) {
	if err := a.Validate(); err != nil {
		return time.Time{}, err
	}
	if f.State == audit.Closed {
		return time.Time{}, fmt.Errorf("finding %s %w, by %s at %s; it opens again when it fires", f.ID, ErrClosed, f.ClosedBy, f.LastEvent.UTC().Format(time.RFC3339))
	}
	if !now.After(f.LastEvent) {
		now = f.LastEvent.Add(time.Nanosecond)
	}
	ts := now.UnixNano()
	rows := []audit.FindingRow{{
		Tenant: f.Tenant, ID: f.ID, Type: f.Type, Severity: f.Severity, State: a.State, Key: f.Key,
		AgentID: f.Agent, Session: f.Session, Project: f.Project, Principal: f.Principal, Rule: f.Rule,
		By: a.By, Note: a.Reason, Ticket: a.Ticket,
		Stated: uint64(max(ts, 0)), TS: ts, Observer: ts, TSQuality: "ok",
	}}
	return now, log.Insert(ctx, ts, func(w audit.Writer) (*audit.Encoded, error) { return audit.SealFindings(w, rows) })
}
