package page

import (
	"strings"
	"unicode"

	"github.com/spanwarden/spanwarden/internal/chain"
)

// Text writes the page as plain text, a line a statement: "!" marks what is
// wrong, "?" what is not known. What came from spans cannot break lines or move
// the cursor.
func Text(p *chain.Page) string {
	var b strings.Builder
	b.WriteString("Delegation chain ")
	b.WriteString(clean(p.Chain.ID))
	b.WriteString("\n")
	for _, s := range sections(p) {
		b.WriteString("\n")
		b.WriteString(s.Title)
		b.WriteString("\n")
		for _, l := range s.Lines {
			switch {
			case l.Bad:
				b.WriteString("  ! ")
			case l.Unknown:
				b.WriteString("  ? ")
			default:
				b.WriteString("    ")
			}
			b.WriteString(clean(l.Text))
			if l.Evidence != "" {
				b.WriteString("  <")
				b.WriteString(l.Evidence)
				b.WriteString(">")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// clean keeps control and formatting characters out of what is shown.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '\ufffd'
		}
		return r
	}, s)
}
