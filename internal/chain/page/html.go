package page

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/spanwarden/spanwarden/internal/chain"
)

//go:embed page.html
var source string

var tmpl = template.Must(template.New("page").Parse(source))

// HTML writes the page as one file that loads nothing: no script, no font, no
// image. Everything that came from spans is escaped.
func HTML(p *chain.Page) ([]byte, error) {
	data := struct {
		ID       string
		Graph    drawing
		Sections []section
	}{clean(p.Chain.ID), draw(p), sections(p)}
	for i := range data.Sections {
		for k := range data.Sections[i].Lines {
			data.Sections[i].Lines[k].Text = clean(data.Sections[i].Lines[k].Text)
		}
	}
	var b bytes.Buffer
	err := tmpl.Execute(&b, data)
	return b.Bytes(), err
}
