package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// provider and the types below are what we read of the package's data.
type provider struct {
	ID          string   `json:"id"`
	PricingURLs []string `json:"pricing_urls"`
	Models      []model  `json:"models"`
}

type model struct {
	ID     string          `json:"id"`
	Match  clause          `json:"match"`
	Prices json.RawMessage `json:"prices"`
}

type clause struct {
	Or         []clause `json:"or"`
	And        []clause `json:"and"`
	Equals     string   `json:"equals"`
	StartsWith string   `json:"starts_with"`
	EndsWith   string   `json:"ends_with"`
	Contains   string   `json:"contains"`
	Regex      string   `json:"regex"`
}

type conditional struct {
	Constraint *struct {
		Type      string `json:"type"`
		StartDate string `json:"start_date"`
	} `json:"constraint"`
	Prices map[string]json.RawMessage `json:"prices"`
}

// names are the ways to match one entry, as the book writes them.
type names struct {
	Exact []string `json:"exact,omitempty"`
	Dated []string `json:"dated,omitempty"`
	Loose []string `json:"loose,omitempty"`
}

type entry struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Match    names  `json:"match"`
	Rates    []rate `json:"rates"`
	Source   struct {
		URL string `json:"url,omitempty"`
	} `json:"source"`
}

type rate struct {
	From    string                 `json:"from,omitempty"`
	To      string                 `json:"to,omitempty"`
	PerMtok map[string]json.Number `json:"per_mtok,omitempty"`
	Context []contextTier          `json:"context,omitempty"`
	PerK    map[string]json.Number `json:"per_k,omitempty"`
	PerHour map[string]json.Number `json:"per_hour,omitempty"`
}

type contextTier struct {
	Above   int64                  `json:"above"`
	PerMtok map[string]json.Number `json:"per_mtok"`
}

func entryOf(p provider, m model) ([]byte, error) {
	e := entry{ID: p.ID + "/" + m.ID, Provider: p.ID}
	if len(p.PricingURLs) > 0 {
		e.Source.URL = p.PricingURLs[0]
	}
	collect(&e.Match, m.ID, m.Match)
	if p.ID == "aws" {
		bedrockNames(&e.Match, m.ID)
	}
	for _, list := range []*[]string{&e.Match.Exact, &e.Match.Dated, &e.Match.Loose} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	var err error
	if e.Rates, err = ratesOf(m.Prices); err != nil {
		return nil, err
	}
	if len(e.Rates) == 1 && isFree(e) {
		e.Rates[0].PerMtok = map[string]json.Number{"input": "0", "output": "0"}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(e)
	return bytes.TrimSpace(out.Bytes()), err
}

// isFree tells the entries that are free from those that nobody priced: the
// package writes no price at all for both.
func isFree(e entry) bool {
	r := e.Rates[0]
	if len(r.PerMtok)+len(r.PerK)+len(r.PerHour) > 0 {
		return false
	}
	return strings.HasSuffix(e.ID, ":free") || e.Provider == "github-copilot" || e.ID == "openai/moderation" ||
		strings.HasPrefix(e.ID, "google/gemma-")
}

var (
	partialDate = regexp.MustCompile(`(-20[0-9]{2})?[-@]?$`)
	datePattern = regexp.MustCompile(`^\^([a-z0-9./\\-]+)-(\\d\{8\}|\\d\{4\}-\\d\{2\}-\\d\{2\})\$$`)
)

// collect sorts the clauses of a match rule by how far they can be trusted. A
// prefix is trusted for the name itself and the name with a date, never for
// whatever else begins so.
func collect(n *names, id string, c clause) {
	for _, alternative := range c.Or {
		collect(n, id, alternative)
	}
	switch {
	case c.Equals != "":
		n.Exact = append(n.Exact, strings.ToLower(c.Equals))
	case c.StartsWith != "":
		prefix := strings.ToLower(c.StartsWith)
		n.Loose = append(n.Loose, prefix+"*")
		if strings.HasPrefix(prefix, "ft:") && !strings.HasPrefix(id, "ft:") {
			return // a fine-tuned model is never its base
		}
		base := partialDate.ReplaceAllString(prefix, "")
		n.Exact, n.Dated = append(n.Exact, base), append(n.Dated, base)
	case c.EndsWith != "":
		n.Loose = append(n.Loose, "*"+strings.ToLower(c.EndsWith))
	case c.Contains != "":
		n.Loose = append(n.Loose, "*"+strings.ToLower(c.Contains)+"*")
	case c.Regex != "":
		if m := datePattern.FindStringSubmatch(c.Regex); m != nil {
			n.Dated = append(n.Dated, strings.ReplaceAll(m[1], `\`, ""))
			return
		}
		if m := regexp.MustCompile(`^\^([a-z0-9.\\-]+)\\\[fast=(true|false)\\\]\$$`).FindStringSubmatch(c.Regex); m != nil {
			n.Exact = append(n.Exact, strings.ReplaceAll(m[1], `\`, "")+"[fast="+m[2]+"]")
		}
	case len(c.And) > 0:
		for _, part := range c.And {
			if part.StartsWith != "" {
				n.Loose = append(n.Loose, strings.ToLower(part.StartsWith)+"*")
			}
		}
	}
	if strings.ToLower(id) == id && !strings.HasPrefix(id, "regional.") && !strings.HasSuffix(id, "-") {
		n.Exact = append(n.Exact, id)
	}
}

var bedrockVersion = regexp.MustCompile(`:[0-9]+$`)

// bedrockNames adds the names by which the entry's own id is called. The book
// calls every geography but global "regional"; callers write the bare id for it.
func bedrockNames(n *names, id string) {
	bare := strings.TrimPrefix(id, "regional.")
	n.Exact = append(n.Exact, bare)
	if bedrockVersion.MatchString(bare) {
		n.Exact = append(n.Exact, bedrockVersion.ReplaceAllString(bare, ""))
	}
}

var meters = map[string][2]string{
	"input_mtok":              {"per_mtok", "input"},
	"output_mtok":             {"per_mtok", "output"},
	"cache_read_mtok":         {"per_mtok", "cache_read"},
	"cache_write_mtok":        {"per_mtok", "cache_write"},
	"cache_write_1h_mtok":     {"per_mtok", "cache_write_1h"},
	"output_reasoning_mtok":   {"per_mtok", "reasoning"},
	"output_citation_mtok":    {"per_mtok", "citation"},
	"input_audio_mtok":        {"per_mtok", "audio_in"},
	"cache_audio_read_mtok":   {"per_mtok", "audio_cached"},
	"output_audio_mtok":       {"per_mtok", "audio_out"},
	"input_image_mtok":        {"per_mtok", "image_in"},
	"cache_image_read_mtok":   {"per_mtok", "image_cached"},
	"output_image_mtok":       {"per_mtok", "image_out"},
	"input_video_mtok":        {"per_mtok", "video_in"},
	"output_video_mtok":       {"per_mtok", "video_out"},
	"requests_kcount":         {"per_k", "request"},
	"web_searches_kcount":     {"per_k", "web_search"},
	"storage_searches_kcount": {"per_k", "file_search"},
	"input_document_kpages":   {"per_k", "page"},
	"audio_hours":             {"per_hour", "audio"},
	"input_audio_hours":       {"per_hour", "audio"},

	"input_annotated_document_kpages": {"per_k", "annotated_page"},
	"input_text_messages_kcount":      {"per_k", "text_message"},
}

func ratesOf(raw json.RawMessage) ([]rate, error) {
	list := []conditional{{}}
	if bytes.HasPrefix(raw, []byte("[")) {
		list = nil
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(raw, &list[0].Prices); err != nil {
		return nil, err
	}
	var rates []rate
	for _, c := range list {
		// Hours of the day cannot be combined with dates in this data, which makes
		// them wrong before the hours existed: the overlay has those rates.
		if c.Constraint != nil && c.Constraint.Type != "start_date" {
			continue
		}
		r, err := rateOf(c.Prices)
		if err != nil {
			return nil, err
		}
		if c.Constraint != nil {
			r.From = c.Constraint.StartDate
		}
		rates = append(rates, r)
	}
	slices.SortFunc(rates, func(a, b rate) int { return strings.Compare(a.From, b.From) })
	for i := 1; i < len(rates); i++ {
		rates[i-1].To = rates[i].From
	}
	return rates, nil
}

func rateOf(prices map[string]json.RawMessage) (rate, error) {
	r := rate{PerMtok: map[string]json.Number{}, PerK: map[string]json.Number{}, PerHour: map[string]json.Number{}}
	kinds := map[string]map[string]json.Number{"per_mtok": r.PerMtok, "per_k": r.PerK, "per_hour": r.PerHour}
	tiers := map[int64]map[string]json.Number{}
	for key, raw := range prices {
		meter, ok := meters[key]
		if !ok {
			return r, fmt.Errorf("no meter for the price %q", key)
		}
		var plain json.Number
		if json.Unmarshal(raw, &plain) == nil {
			kinds[meter[0]][meter[1]] = plain
			continue
		}
		var tiered struct {
			Base  json.Number `json:"base"`
			Tiers []struct {
				Start int64       `json:"start"`
				Price json.Number `json:"price"`
			} `json:"tiers"`
		}
		if err := json.Unmarshal(raw, &tiered); err != nil {
			return r, err
		}
		if meter[0] != "per_mtok" {
			return r, errors.New("a tiered price that is not for tokens: " + key)
		}
		r.PerMtok[meter[1]] = tiered.Base
		for _, t := range tiered.Tiers {
			if tiers[t.Start] == nil {
				tiers[t.Start] = map[string]json.Number{}
			}
			tiers[t.Start][meter[1]] = t.Price
		}
	}
	for above, prices := range tiers {
		r.Context = append(r.Context, contextTier{Above: above, PerMtok: prices})
	}
	slices.SortFunc(r.Context, func(a, b contextTier) int { return int(a.Above - b.Above) })
	return r, nil
}
