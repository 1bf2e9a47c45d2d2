package retention

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/audit"
)

// Hold is what must not go, and why. The zero time is no bound.
type Hold struct {
	ID       string    `json:"id"`
	Active   bool      `json:"active"`
	Matter   string    `json:"matter"`
	Tenant   string    `json:"tenant"` // audit.All or an id
	Table    string    `json:"table"`  // audit.All or a name
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"` // exclusive
	By       string    `json:"placed_by"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"placed_at"`
	Released string    `json:"released_by,omitempty"`
}

// contentTable is not sealed and expires by a TTL of its own.
const contentTable = "content"

// maxText bounds what people say, in bytes.
const maxText = 4096

// Tables are what a hold may name beside audit.All: what goes with time.
func Tables() []string {
	kept := audit.KeptTables()
	names := append(make([]string, 0, 1+len(kept)), contentTable)
	for _, t := range kept {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}

// Validate returns every fault at once.
func (h *Hold) Validate() error {
	errs := said("matter", h.Matter, "by", h.By, "reason", h.Reason)
	if h.Table != audit.All && !slices.Contains(Tables(), h.Table) {
		errs = append(errs, fmt.Errorf("table: want %s or one of %s, not %q", audit.All, strings.Join(Tables(), ", "), h.Table))
	}
	if !h.From.IsZero() && !h.To.IsZero() && !h.From.Before(h.To) {
		errs = append(errs, fmt.Errorf("period: %s is not before %s", h.From.Format(time.RFC3339), h.To.Format(time.RFC3339)))
	}
	for name, t := range map[string]time.Time{"from": h.From, "to": h.To} {
		if !t.IsZero() && (t.Year() < 1970 || t.Year() > 2261) {
			errs = append(errs, fmt.Errorf("%s: want a time from 1970 to 2261, not %s", name, t.Format(time.RFC3339)))
		}
	}
	return errors.Join(errs...)
}

// said checks that what stays on record was said: pairs of name and value.
func said(pairs ...string) (errs []error) {
	for i := 0; i < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			errs = append(errs, fmt.Errorf("%s: missing; it stays on record", pairs[i]))
		}
		if len(pairs[i+1]) > maxText {
			errs = append(errs, fmt.Errorf("%s: %d bytes, at most %d", pairs[i], len(pairs[i+1]), maxText))
		}
	}
	return errs
}

// Covers tells whether the hold may be about rows of a table from one time to
// another, both inclusive.
func (h *Hold) Covers(table string, from, to time.Time) bool {
	return h.Active && (h.Table == audit.All || h.Table == table) &&
		(h.From.IsZero() || !to.Before(h.From)) && (h.To.IsZero() || from.Before(h.To))
}

// condition is SQL that is true for the rows of a table that are held: by column is
// their time told. A table without tenants is held for all of them.
func (h *Hold) condition(column string, hasTenant bool) string {
	parts := []string{"1"}
	if hasTenant && h.Tenant != audit.All {
		parts = append(parts, "tenant_id = "+quoted(h.Tenant))
	}
	if !h.From.IsZero() {
		parts = append(parts, column+" >= "+instant(h.From))
	}
	if !h.To.IsZero() {
		parts = append(parts, column+" < "+instant(h.To))
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// held is SQL that is true for the rows that one of the holds covers.
func held(holds []Hold, table, column string, hasTenant bool) string {
	parts := []string{"0"}
	for i := range holds {
		if h := &holds[i]; h.Active && (h.Table == audit.All || h.Table == table) {
			parts = append(parts, h.condition(column, hasTenant))
		}
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// quoted is a text in SQL, whatever its bytes are.
func quoted(s string) string { return "unhex('" + hex.EncodeToString([]byte(s)) + "')" }

func instant(t time.Time) string {
	return fmt.Sprintf("fromUnixTimestamp64Nano(%d, 'UTC')", t.UnixNano())
}
