package authzen

import (
	"encoding/json"
	"strconv"
)

// Page is the part of a search's results that is asked for. The zero value asks
// for all of them.
type Page struct {
	asked  bool
	limit  int
	offset int
}

// PageInfo is the page member of an answer. NextToken is "" at the end.
type PageInfo struct {
	NextToken string `json:"next_token"`
	Count     int    `json:"count"`
	Total     int    `json:"total"`
}

// Page reads page{limit, token}. It is never an error: what cannot be read is as
// if it were not there.
func (b Body) Page() (p Page) {
	m, ok := b.m["page"].(map[string]any)
	if !ok {
		return p
	}
	p.asked = true
	if n, ok := m["limit"].(json.Number); ok {
		if limit, err := strconv.Atoi(n.String()); err == nil && limit > 0 {
			p.limit = limit
		}
	}
	if t, ok := m["token"].(string); ok {
		if at, err := strconv.Atoi(t); err == nil && at > 0 {
			p.offset = at
		}
	}
	return p
}

// Cut returns the page of all results, and what is told of it, nil where no page
// was asked for.
func (p Page) Cut(all []any) ([]any, *PageInfo) {
	if !p.asked {
		return all, nil
	}
	from := min(p.offset, len(all))
	to := len(all)
	if p.limit > 0 && p.limit < to-from {
		to = from + p.limit
	}
	info := &PageInfo{Count: to - from, Total: len(all)}
	if to < len(all) {
		info.NextToken = strconv.Itoa(to)
	}
	return all[from:to], info
}
