package alertmanagerexporter

import (
	"fmt"
	"slices"
	"strings"
)

// template is a text with placeholders in braces, such as "{agent}". There are no
// braces outside placeholders.
type template []part

// part is a text, or a placeholder if field is not empty.
type part struct {
	text, field string
}

// Prefixes of placeholders for attributes of the record and of its resource.
const (
	attributePrefix = "attribute."
	resourcePrefix  = "resource."
)

// parseTemplate returns an error that names the placeholder that does not exist.
func parseTemplate(text string) (template, error) {
	var t template
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("%q holds a } without its {", before)
		}
		if before != "" {
			t = append(t, part{text: before})
		}
		if !found {
			break
		}
		field, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("%q holds a { without its }", text)
		}
		if err := checkField(field); err != nil {
			return nil, err
		}
		t = append(t, part{field: field})
		text = after
	}
	return t, nil
}

func checkField(field string) error {
	for _, prefix := range []string{attributePrefix, resourcePrefix} {
		if name, ok := strings.CutPrefix(field, prefix); ok && name != "" && !strings.Contains(name, "{") {
			return nil
		}
	}
	if _, ok := fields[field]; ok {
		return nil
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("there is no placeholder {%s}; there are %s, attribute.<name> and resource.<name>", field, strings.Join(names, ", "))
}

// render fills the placeholders in. An unknown value is an empty text.
func (t template) render(value func(field string) string) string {
	if len(t) == 1 && t[0].field == "" {
		return t[0].text
	}
	var b strings.Builder
	for _, p := range t {
		if p.field == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(value(p.field))
	}
	return b.String()
}

// vacant is true if the template has placeholders and all of them are empty: then
// what is left is a frame around nothing.
func (t template) vacant(value func(field string) string) bool {
	var found bool
	for _, p := range t {
		if p.field != "" {
			found = true
			if value(p.field) != "" {
				return false
			}
		}
	}
	return found
}
