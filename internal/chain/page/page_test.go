package page

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/chain"
	"github.com/spanwarden/spanwarden/internal/chain/vectors"
)

// pages runs every vector and returns the pages at its end.
func pages(t *testing.T) map[string][]chain.Page {
	t.Helper()
	out := map[string][]chain.Page{}
	for _, dir := range []string{"vectors", "own"} {
		files, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.yaml"))
		require.NoError(t, err)
		for _, name := range files {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			f, err := vectors.Load(name, data)
			require.NoError(t, err)
			for i := range f.Vectors {
				ps, err := f.Pages(&f.Vectors[i])
				require.NoError(t, err)
				out[f.Vectors[i].ID] = ps
			}
		}
	}
	return out
}

// wellFormed reads HTML as XML, which our own is.
func wellFormed(t *testing.T, html []byte) {
	t.Helper()
	s := strings.NewReplacer("<!DOCTYPE html>", "", `<meta charset="utf-8">`, "").Replace(string(html))
	i := strings.Index(s, `<meta http-equiv`)
	s = s[:i] + s[i+strings.Index(s[i:], "\n"):]
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		_, err := d.Token()
		if err == io.EOF { //nolint:errorlint // a decoder returns it bare
			return
		}
		require.NoError(t, err)
	}
}

// Every page says all that the chain does, in both forms, and loads nothing.
func TestEveryVector(t *testing.T) {
	for id, ps := range pages(t) {
		for i := range ps {
			p := &ps[i]
			html, err := HTML(p)
			require.NoError(t, err, id)
			text := Text(p)
			wellFormed(t, html)
			for _, form := range []string{text, string(html)} {
				assert.Contains(t, form, p.Chain.ID, id)
				assert.Contains(t, form, string(p.Chain.Verdict), id)
				for _, r := range p.Runs {
					assert.Contains(t, form, r.Run.String(), id)
					assert.Contains(t, form, r.Agent, id)
				}
				for _, a := range p.Actions {
					assert.Contains(t, form, a.Span.String(), id)
				}
				for _, e := range p.Edges {
					assert.Contains(t, form, e.DelegationID, id)
				}
			}
			for _, load := range []string{"<script", "<link", "<img", "@import", "url(h", "src="} {
				assert.NotContains(t, string(html), load, id)
			}
			again, err := HTML(p)
			require.NoError(t, err)
			assert.Equal(t, html, again)
		}
	}
}

// What came from spans is shown, never obeyed.
func TestHostile(t *testing.T) {
	evil := "</text><script>alert(1)</script>\x1b[2J\n! forged line\u202e"
	p := &chain.Page{
		Chain:   chain.ChainView{ID: evil, Verdict: chain.Unbroken, Depth: -1, Missing: []string{evil}},
		Runs:    []chain.RunView{{Agent: evil, Depth: -1, Workload: evil}},
		Edges:   []chain.EdgeView{{Delegator: evil, Delegatee: evil, DelegationID: evil, Authority: true, Purpose: evil, Scope: []string{evil}}},
		Actions: []chain.ActionView{{Tool: evil, Agent: evil, Resource: evil}},
	}
	html, err := HTML(p)
	require.NoError(t, err)
	assert.NotContains(t, string(html), "<script")
	wellFormed(t, html)
	text := Text(p)
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\n! forged")
	assert.NotContains(t, text, "\u202e")
}

// A circle and a crowd are drawn within bounds.
func TestDrawing(t *testing.T) {
	p := &chain.Page{}
	for i := range 300 {
		r := chain.Ref{Span: chain.SpanID{1, byte(i), byte(i >> 8)}}
		p.Runs = append(p.Runs, chain.RunView{Run: r, Agent: "a"})
		p.Edges = append(p.Edges, chain.EdgeView{From: chain.Ref{Span: chain.SpanID{1, byte(i / 2), byte(i / 2 >> 8)}}, To: r})
	}
	p.Edges = append(p.Edges, chain.EdgeView{From: p.Runs[5].Run, To: p.Runs[0].Run})
	d := draw(p)
	assert.Len(t, d.Boxes, maxDrawn)
	assert.Equal(t, 100, d.More)
	seen := map[[2]int]bool{}
	for _, b := range d.Boxes {
		assert.False(t, seen[[2]int{b.X, b.Y}], "two boxes in one place")
		seen[[2]int{b.X, b.Y}] = true
		assert.LessOrEqual(t, b.X+b.W, d.W)
		assert.LessOrEqual(t, b.Y+b.H, d.H)
	}
}
