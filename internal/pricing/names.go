package pricing

import (
	"bytes"
	"slices"
	"time"
)

// normalise writes name into buf without what callers put around a model's own
// name (cost.md §3.3) and reports whether anything changed. It runs after the
// raw name was looked up: ":free" and "-v1:0" may be part of an id.
func (b *Book) normalise(buf *[maxName]byte, name []byte, p *provider, stripPrefix bool) ([]byte, bool) {
	s := name
	if bytes.HasPrefix(s, arnPrefix) {
		s = s[bytes.LastIndexByte(s, '/')+1:]
	}
	if i := bytes.Index(s, publishers); i >= 0 {
		if j := bytes.Index(s[i:], modelsPart); j >= 0 {
			s = s[i+j+len(modelsPart):]
		}
	}
	s = bytes.TrimPrefix(s, modelsPrefix)
	s = bytes.TrimPrefix(s, fireworksPrefix)
	if stripPrefix {
		s = b.withoutProvider(s, p)
	}
	out := buf[:copy(buf[:], s)]
	if p.id == "aws" {
		out = withoutGeography(out)
	}
	if i := bytes.LastIndexByte(out, '@'); i > 0 && isDate(out[i+1:]) {
		out[i] = '-'
	}
	switch {
	case p.id == "google":
		out = bytes.TrimSuffix(out, google001)
	case bytes.HasPrefix(out, ftPrefix):
		out = fineTuned(out)
	case bytes.HasPrefix(out, gpt35):
		out = append(out, 0)
		copy(out[len(gpt35):], out[len(gpt35)-1:])
		out[len(gpt35)-1] = '.'
	}
	return out, !bytes.Equal(out, name)
}

var (
	arnPrefix       = []byte("arn:")
	publishers      = []byte("publishers/")
	modelsPart      = []byte("/models/")
	modelsPrefix    = []byte("models/")
	fireworksPrefix = []byte("accounts/fireworks/models/")
	google001       = []byte("-001")
	ftPrefix        = []byte("ft:")
	dot             = []byte(".")
	gpt35           = []byte("gpt-35")
)

// withoutProvider strips one leading "provider/", and only this provider's own
// name or that of one whose models it resells.
func (b *Book) withoutProvider(s []byte, p *provider) []byte {
	i := bytes.IndexByte(s, '/')
	if i <= 0 {
		return s
	}
	q, _ := b.providerNamed(s[:i])
	if q == nil {
		return s
	}
	if q == p {
		return s[i+1:]
	}
	if slices.Contains(p.fallback, q) {
		return s[i+1:]
	}
	return s
}

// withoutGeography strips the geographies that share the regional price. Global
// and government ones have entries of their own, or no price.
func withoutGeography(s []byte) []byte {
	geography, rest, _ := bytes.Cut(s, dot)
	switch string(geography) {
	case "us", "eu", "apac", "jp", "au", "ca", "sa":
		return rest
	default:
		return s
	}
}

// fineTuned turns "ft:gpt-4o-mini-2024-07-18:org:suffix:id" into
// "ft:gpt-4o-mini". The base model keeps its own name and is never meant.
func fineTuned(s []byte) []byte {
	rest := s[len(ftPrefix):]
	if i := bytes.IndexByte(rest, ':'); i >= 0 {
		rest = rest[:i]
	}
	base, _, ok := cutDate(rest)
	if !ok {
		base = rest
		if i := bytes.LastIndexByte(rest, '-'); i > 0 && len(rest)-i == 5 && digits(rest[i+1:]) {
			base = rest[:i]
		}
	}
	return s[:len(ftPrefix)+len(base)]
}

// cutDate splits "gpt-6-sol-2026-09-01" and the like into the name and the date
// as yyyymmdd. Only real dates count.
func cutDate(s []byte) (base []byte, day int, ok bool) {
	if n := len(s) - 9; n > 0 && (s[n] == '-' || s[n] == '@') && isDate(s[n+1:]) {
		return s[:n], number8(s[n+1:]), true
	}
	if n := len(s) - 11; n > 0 && s[n] == '-' && s[n+5] == '-' && s[n+8] == '-' {
		var plain [8]byte
		copy(plain[:4], s[n+1:])
		copy(plain[4:6], s[n+6:])
		copy(plain[6:], s[n+9:])
		if isDate(plain[:]) {
			return s[:n], number8(plain[:]), true
		}
	}
	return nil, 0, false
}

func digits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) > 0
}

func number8(s []byte) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func isDate(s []byte) bool {
	if len(s) != 8 || !digits(s) {
		return false
	}
	n := number8(s)
	year, month, day := n/10000, time.Month(n/100%100), n%100
	if year < 2000 || year > 2100 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Day() == day
}

func dayOf(t time.Time) int {
	y, m, d := t.UTC().Date()
	return y*10000 + int(m)*100 + d
}

// otherDate writes the date at the end of a listed name the other way round:
// with or without dashes. "" where there is none.
func otherDate(name string) string {
	base, day, ok := cutDate([]byte(name))
	if !ok {
		return ""
	}
	layout := "-2006-01-02"
	if len(name)-len(base) == 11 {
		layout = "-20060102"
	}
	return string(base) + time.Date(day/10000, time.Month(day/100%100), day%100, 0, 0, 0, 0, time.UTC).Format(layout)
}
