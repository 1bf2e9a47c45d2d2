package evidencepack

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
)

// Format is the version of the pack's layout.
const Format = 1

// Manifest is manifest.json: the pack as a whole.
type Manifest struct {
	Format      int         `json:"format"`
	ID          string      `json:"pack_id"`
	Frameworks  []Named     `json:"frameworks"`
	Start       time.Time   `json:"period_start"`
	End         time.Time   `json:"period_end"` // not part of it
	TimeZone    string      `json:"time_zone"`
	At          time.Time   `json:"run_at"`
	By          string      `json:"run_by"`
	ToolVersion string      `json:"tool_version"`
	Seed        string      `json:"seed"`
	SampleSize  int         `json:"sample_size"`
	Verified    string      `json:"verification"` // its result, or "not verified"
	VerifiedBy  []string    `json:"verified_with_keys"`
	Store       storeOf     `json:"store"`
	Questions   []Questions `json:"questions"`
	Files       []File      `json:"files"` // all but this one and SHA256SUMS
}

// Named is a framework and its version.
type Named struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

type storeOf struct {
	evidence.Provenance
}

// Questions are one question of the pack and what was answered.
type Questions struct {
	View     string          `json:"view"`
	Question string          `json:"question"`
	Controls []string        `json:"controls"`
	State    catalogue.State `json:"state"`
	Means    string          `json:"means"`
	Rows     int             `json:"rows"`
	Sampled  int             `json:"sampled"`
	Result   string          `json:"result_digest,omitempty"`
}

func (p *Pack) manifest(w io.Writer) error {
	s := &p.scope
	m := Manifest{
		Format: Format, ID: s.ID(), Start: s.Start, End: s.End, TimeZone: "UTC", At: s.Now, By: s.By, ToolVersion: s.ToolVersion, Seed: s.Seed,
		SampleSize: s.SampleSize, Verified: "not verified", Store: storeOf{s.Provenance}, Files: p.files,
	}
	for i := range s.Frameworks {
		f := &s.Frameworks[i]
		m.Frameworks = append(m.Frameworks, Named{f.ID, f.Name, f.Version})
	}
	if s.Verified != nil {
		m.Verified, m.VerifiedBy = s.Verified.Result, s.Verified.Keys
	}
	for _, a := range p.answers {
		m.Questions = append(m.Questions, Questions{a.Query.ID, a.Query.Question, a.Query.Controls, a.State, a.Means, a.Rows, len(a.sampled), a.result()})
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return text(w, string(raw)+"\n")
}

func (p *Pack) coverageCSV(w io.Writer) error {
	cw := csv.NewWriter(w)
	lines := append(make([][]string, 0, 1+len(p.scope.Days)), []string{"day", "minutes_expected", "minutes_seen", "coverage_pct"})
	for _, d := range p.scope.Days {
		pct := ""
		if d.Pct != nil {
			pct = fmt.Sprint(*d.Pct)
		}
		lines = append(lines, []string{d.Day.Format(time.DateOnly), fmt.Sprint(d.Expected), fmt.Sprint(d.Seen), pct})
	}
	return cw.WriteAll(lines)
}

func (s *Scope) frameworkIDs() string {
	if s.Everything {
		return "all"
	}
	ids := make([]string, 0, len(s.Frameworks))
	for i := range s.Frameworks {
		ids = append(ids, s.Frameworks[i].ID)
	}
	return strings.Join(ids, " ")
}

// clock is a time as people read it, UTC.
func clock(t time.Time) string {
	text := t.UTC().Format("2006-01-02 15:04:05.000")
	text = strings.TrimSuffix(text, ".000")
	return strings.TrimSuffix(text, " 00:00:00")
}
