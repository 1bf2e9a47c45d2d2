package governanceextension

import (
	"encoding/json"
	"time"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// registerEntry is an agent's entry as the audit store's table agent_registry reads
// it. What nobody said is left out.
type registerEntry struct {
	Owner       string   `json:"owner"`
	Purpose     string   `json:"purpose,omitempty"`
	RiskTier    string   `json:"risk_tier,omitempty"`
	Versions    []string `json:"versions,omitempty"`
	Scopes      []string `json:"scopes,omitempty"`
	ScopesCut   bool     `json:"scopes_cut,omitempty"`
	Ticket      string   `json:"ticket,omitempty"`
	RequestedBy string   `json:"requested_by,omitempty"`
	ApprovedBy  string   `json:"approved_by,omitempty"`
	ApprovedAt  string   `json:"approved_at,omitempty"` // RFC 3339
	Version     string   `json:"version,omitempty"`
	ValidFrom   string   `json:"valid_from,omitempty"`
	ValidTo     string   `json:"valid_to,omitempty"`
	Digest      string   `json:"digest"`
}

// maxEntry bounds an entry in bytes: the audit store cuts texts of 16 KiB, and half
// of a JSON object is none.
const maxEntry = 15 << 10

func entryJSON(e *policy.Entry) string {
	out := registerEntry{
		Owner: e.Owner, Purpose: e.Purpose, RiskTier: e.RiskTier, Versions: e.Versions, Scopes: e.Scopes, ScopesCut: e.ScopesCut,
		Ticket: e.Change.Ticket, RequestedBy: e.Change.RequestedBy, ApprovedBy: e.Change.ApprovedBy, ApprovedAt: rfc3339(e.Change.ApprovedAt),
		Version: e.Change.Version, ValidFrom: rfc3339(e.From), ValidTo: rfc3339(e.Until), Digest: e.Digest,
	}
	for {
		raw, err := json.Marshal(&out)
		switch {
		case err != nil:
			return "{}" // cannot happen: all are texts
		case len(raw) <= maxEntry || len(out.Scopes)+len(out.Versions) == 0:
			return string(raw)
		}
		out.Scopes, out.ScopesCut = out.Scopes[:len(out.Scopes)/2], true
		if len(out.Scopes) == 0 {
			out.Versions = nil
		}
	}
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
