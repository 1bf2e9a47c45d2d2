package evidencepack_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/evidence/catalogue"
	"github.com/spanwarden/spanwarden/evidence/sqlfile"
	"github.com/spanwarden/spanwarden/internal/evidencepack"
)

var update = flag.Bool("update", false, "write the golden files anew")

// memory is a sink that keeps files.
type memory map[string]*bytes.Buffer

type file struct{ *bytes.Buffer }

func (file) Close() error { return nil }

func (m memory) Create(name string) (io.WriteCloser, error) {
	if m[name] != nil {
		return nil, fmt.Errorf("%s is there already", name)
	}
	m[name] = &bytes.Buffer{}
	return file{m[name]}, nil
}

func (m memory) fs() fstest.MapFS {
	files := fstest.MapFS{}
	for name, b := range m {
		files[name] = &fstest.MapFile{Data: b.Bytes()}
	}
	return files
}

type plain struct{}

func (plain) Render(sql string) string { return sql }

// question is one of the catalogue that has nothing to do with what is in it.
func question(t *testing.T, id string, number int, shows, controls, params string) catalogue.Query {
	t.Helper()
	where := ""
	if params != "" {
		where = " WHERE x = {session:String}"
	}
	q, err := catalogue.Parse(id, fmt.Sprintf("-- id: %s\n-- number: %d\n-- section: A\n-- question: Is %[1]s <as it should be>?\n-- controls: %[3]s\n-- shows: %[4]s\n"+
		"-- column: at # when\n-- column: agent # who\n-- column: n # how many\n%[5]s"+
		"-- population: SELECT 1\n-- not_observed: Nobody watched.\n-- zero: Nothing <occurred>.\n-- fine: All passed.\n"+
		"SELECT at, agent, n FROM {db}.t(period_start = {period_start:DateTime64(3,'UTC')}, period_end = {period_end:DateTime64(3,'UTC')})%[6]s", id, number, controls, shows, params, where))
	require.NoError(t, err)
	return q
}

// hostile are names that agents might give themselves.
var hostile = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "gnp.\u202egpj", "zero\u200bwidth\u2066isolate",
	"nul\x00bell\x07esc\x1b[2J", "\xff\xfe not UTF-8", "{{.Title}}", "</td></tr></table>", "a\nb", strings.Repeat("long ", 200), "\U000E0041tag", "＝1", "javascript:alert(1)",
}

var (
	start = time.Date(2026, 9, 28, 6, 0, 0, 0, time.UTC)
	end   = time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	now   = time.Date(2026, 10, 6, 7, 8, 9, 123456789, time.UTC)
)

func scope(t *testing.T) evidencepack.Scope {
	t.Helper()
	raw, err := os.ReadFile("testdata/controls.yaml")
	require.NoError(t, err)
	frameworks, err := catalogue.ReadControls(raw)
	require.NoError(t, err)
	s := evidencepack.Scope{
		Frameworks: frameworks, Start: start, End: end, Now: now, Seed: "se<ed", SampleSize: 3, TableRows: 20, By: "ann <ann@example.org>", ToolVersion: "v1",
		Provenance: evidence.Provenance{Server: "26.5", Database: "d", User: "auditor", Checkpoints: []evidence.Checkpoint{
			{Log: "w1/1", Size: 7, Root: "cm9vdA==", Digest: evidence.Digest("note"), Note: "note"},
		}},
		Verified: &evidencepack.Verification{Result: "incomplete", Text: "INCOMPLETE: <3 rows>\n", Report: json.RawMessage(`{"result":"incomplete"}`), Keys: []string{"k+00000000"}},
	}
	for i, p := range []*float64{new(100.0), new(99.95), new(50.0), new(0.0), new(0.1), new(99.8), nil} {
		s.Days = append(s.Days, evidencepack.Day{Day: time.Date(2026, 9, 28+i, 0, 0, 0, 0, time.UTC), Expected: 1440, Seen: 1440, Pct: p})
	}
	return s
}

// rows are one an hour, by agents with hostile names.
func rows(n int) evidence.Answer {
	a := evidence.Answer{
		Columns: []string{"at", "agent", "n", "list", "blank", "coverage_pct", "unsealed_rows", "redelivered", "view_version"},
		Types:   []string{"DateTime64(9, 'UTC')", "String", "Float64", "Array(String)", "String", "Nullable(Float64)", "UInt64", "UInt64", "String"},
	}
	for i := range n {
		name := hostile[i%len(hostile)]
		a.Rows = append(a.Rows, []any{start.Add(time.Duration(i) * time.Hour), name, -float64(i) / 3, []string{name, "x"}, "", new(60.5), uint64(1), uint64(2), "v"})
	}
	return a
}

// made is a pack with an answer of every state.
func made(t *testing.T, s *evidencepack.Scope) (memory, *evidence.Manifest) {
	t.Helper()
	files := memory{}
	p := evidencepack.New(files, *s)
	count := uint64(40)
	for _, c := range []struct {
		id, shows, controls string
		rows                int
		state               catalogue.State
	}{
		{"ev_exceptions", "exceptions", "CC6.1 CC7.2 AIA-14(4)(e)", 40, catalogue.ObservedExceptions},
		{"ev_records", "records", "CC7.2", 2, catalogue.Observed},
		{"ev_fine", "exceptions", "CC6.1", 0, catalogue.ObservedFine},
		{"ev_zero", "records", "CC6.1", 0, catalogue.ObservedZero},
		{"ev_nobody", "records", "CC6.1 CC7.2", 0, catalogue.NotObserved},
	} {
		q := question(t, c.id, len(p.Runs())+1, c.shows, c.controls, "")
		e := &evidence.Evidence{Answer: rows(c.rows), State: c.state, Params: map[string]string{"period_start": start.Format(sqlfile.Clock)}, SQL: "SELECT * FROM " + c.id}
		e.CoveragePct, e.Population = new(60.5), &count
		m, err := evidence.NewManifest(&q, e, &s.Provenance, evidence.Asking{By: s.By, ToolVersion: s.ToolVersion, At: now, PackID: s.ID()}, plain{})
		require.NoError(t, err)
		require.NoError(t, p.Add(&q, e, m))
	}
	q := question(t, "ev_session", 9, "records", "AIA-14(4)(e)", "-- param: session String # which\n")
	p.Skip(&q, "it wants --param session")
	whole, err := p.Close()
	require.NoError(t, err)
	return files, whole
}

func TestGolden(t *testing.T) {
	s := scope(t)
	files, whole := made(t, &s)
	again, _ := made(t, &s)
	for name, b := range files {
		assert.Equal(t, b.String(), again[name].String(), "the same input is the same bytes: %s", name)
	}
	assert.Equal(t, evidence.Digest(files["SHA256SUMS"].String()), whole.ResultDigest)
	for _, name := range []string{"report.html", "manifest.json", "coverage.csv", "answers/ev_exceptions/answer.csv", "answers/ev_records/manifest.json"} {
		golden := filepath.Join("testdata", "golden", strings.ReplaceAll(name, "/", "_"))
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
			require.NoError(t, os.WriteFile(golden, files[name].Bytes(), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), files[name].String(), "%s; if it is meant: go test ./internal/evidencepack -update", name)
	}
}

// Whatever an agent calls itself, the report stays a report and the sheet a sheet.
func TestHostileTextsAreHarmless(t *testing.T) {
	s := scope(t)
	s.TableRows, s.SampleSize = 100, 0
	files, _ := made(t, &s)
	page := files["report.html"].String()
	for _, never := range []string{"<script", "<img", "onerror=alert(1)>", "\u202e", "\u200b", "\u2066", "\x00", "\x07", "\x1b", "\U000E0041", "http://", "https://", "url(", "@import", "<3 rows>", "<i>identity"} {
		assert.False(t, strings.Contains(page, never), "%q", never) //nolint:testifylint // the page would be printed
	}
	assert.False(t, regexp.MustCompile(`<[a-z]+[^>]*\s(?:src|on[a-z]+)=`).MatchString(page), "no tag loads or runs anything")
	for _, want := range []string{"<script>", "⟦U+202E⟧", "zero⟦U+200B⟧width⟦U+2066⟧", "{{.Title}}", "(1000 characters, see the file)", "ann <ann@example.org>"} {
		assert.True(t, strings.Contains(html.UnescapeString(page), want), want) //nolint:testifylint // the page would be printed
	}
	assert.Equal(t, strings.Count(page, "<table"), strings.Count(page, "</table>"))
	assert.Equal(t, strings.Count(page, "<td"), strings.Count(page, "</td>"))

	lines, err := csv.NewReader(files["answers/ev_exceptions/answer.csv"]).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 41)
	for i, line := range lines[1:] {
		assert.NotRegexp(t, "^[=+\\-@\t\r＝]", line[1], hostile[i%len(hostile)])
		assert.Regexp(t, `^-?\d`, line[2], "a number stays one")
	}
	var row map[string]any
	first, _, _ := strings.Cut(files["answers/ev_exceptions/answer.jsonl"].String(), "\n")
	require.NoError(t, json.Unmarshal([]byte(first), &row))
	assert.Equal(t, hostile[0], row["agent"], "the rows themselves are as they are")
}

// The report needs nothing from outside, and every link in it leads somewhere.
func TestReportStandsAlone(t *testing.T) {
	s := scope(t)
	files, _ := made(t, &s)
	page := files["report.html"].String()
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		assert.False(t, ids[m[1]], "two of %s", m[1])
		ids[m[1]] = true
	}
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1)
	assert.NotEmpty(t, links)
	for _, m := range links {
		assert.True(t, ids[strings.TrimPrefix(m[1], "#")], m[1])
	}
	for _, want := range []string{"Nobody watched.", "All passed.", "for only 60.5% of the period: of the rest this says nothing.", "Nothing &lt;occurred&gt;.", "it wants --param session", "Integrity: incomplete", "what this evidence cannot show", "CC3 = availability"} {
		assert.True(t, strings.Contains(page, want), want) //nolint:testifylint // the page would be printed
	}
	assert.Less(t, strings.Index(page, "Is ev_exceptions"), strings.Index(page, "Is ev_fine"), "exceptions first")

	s.Verified = nil
	files, _ = made(t, &s)
	assert.Contains(t, files["report.html"].String(), "Integrity: not verified")
	assert.Contains(t, files["verification.txt"].String(), "Not verified")
}

// The sample can be drawn again by anybody, from the file and what the report says.
func TestSample(t *testing.T) {
	s := scope(t)
	files, _ := made(t, &s)
	sample := files["answers/ev_exceptions/sample.csv"].String()
	other := s
	other.Seed = "another"
	files2, _ := made(t, &other)
	assert.NotEqual(t, sample, files2["answers/ev_exceptions/sample.csv"].String())
	assert.Nil(t, files["answers/ev_records/sample.csv"], "an answer that is no longer than the sample is the sample")
	want := smallest(s.Seed, strings.SplitAfter(files["answers/ev_exceptions/answer.jsonl"].String(), "\n"), 3)
	lines, err := csv.NewReader(strings.NewReader(sample)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 4)
	for i, line := range lines[1:] {
		assert.Contains(t, want[i], `"at":"`+line[0]+`"`)
	}
}

// smallest draws independently of the pack.
func smallest(seed string, lines []string, n int) []string {
	chosen := map[int]bool{}
	for range n {
		best, digest := -1, ""
		for i, l := range lines {
			if d := evidence.Digest(seed + "\x00" + l); l != "" && !chosen[i] && (best < 0 || d < digest) {
				best, digest = i, d
			}
		}
		chosen[best] = true
	}
	var out []string
	for i, l := range lines {
		if chosen[i] {
			out = append(out, l)
		}
	}
	return out
}

func FuzzVisible(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := evidencepack.Visible(s)
		for _, r := range v {
			assert.False(t, r < ' ' && r != '\n' && r != '\t' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0x200b && r <= 0x200f, "%q", v)
		}
		assert.Equal(t, v, evidencepack.Visible(v), "what is visible stays as it is")
	})
}
