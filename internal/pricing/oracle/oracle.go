// Package oracle compares the price book with files of cost cases, one JSON
// object a line, in the format of testdata/oracle/README.md.
package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// Case is one line of such a file.
type Case struct {
	ID       string                 `json:"id"`
	Group    string                 `json:"group"`
	Provider *string                `json:"provider_id"`
	URL      string                 `json:"provider_api_url"`
	Model    string                 `json:"model"`
	Time     time.Time              `json:"timestamp"`
	Usage    map[string]json.Number `json:"usage"`
	Expect   Expect                 `json:"expect"`
	Defect   any                    `json:"known_oracle_defect"`
}

// Expect is what the reference says.
type Expect struct {
	Matched bool        `json:"matched"`
	Error   string      `json:"error"`
	Exact   string      `json:"total_price_exact"`
	Total   json.Number `json:"total_price"`
}

// Verdict is the outcome of one case.
type Verdict struct {
	Case   Case
	Result pricing.Result
	// Problem says how book and case disagree; "" if they agree.
	Problem string
	// Excused says why a disagreement is right, where it is.
	Excused string
}

// Exceptions are the cases in which the book is meant to differ from the
// reference, each with the reason.
var Exceptions = map[string]string{
	"catalog-0796":    "no usage at all: unknown, though the model is free",
	"usage-0001":      "no usage at all is unknown, not 0",
	"usage-0034":      "fractional tokens are refused as invalid usage",
	"model_only-0047": "tokens on a model that is billed by the hour: no rate, not 0",
}

// Read reads a file of cases.
func Read(r io.Reader) ([]Case, error) {
	var cases []Case
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for line := 1; s.Scan(); line++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var c Case
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		cases = append(cases, c)
	}
	return cases, s.Err()
}

// Run prices one case and compares.
func Run(book *pricing.Book, c Case) Verdict {
	v := Verdict{Case: c}
	q := c.Query()
	book.Price(&q, &v.Result)
	v.Problem = compare(c, &v.Result)
	if v.Problem != "" {
		v.Excused = Exceptions[c.ID]
		if c.Defect != nil {
			v.Excused = fmt.Sprint("known defect of the reference: ", c.Defect)
		}
	}
	return v
}

// Query is the case as a query.
func (c *Case) Query() pricing.Query {
	q := pricing.Query{Host: c.URL, RequestModel: c.Model, Time: c.Time, Usage: c.usage()}
	if c.Provider != nil {
		q.Provider = *c.Provider
	}
	return q
}

var tokenKeys = map[string]pricing.Meter{
	"input_tokens": pricing.MeterInput, "output_tokens": pricing.MeterOutput,
	"cache_read_tokens": pricing.MeterCacheRead, "cache_write_tokens": pricing.MeterCacheWrite,
	"cache_write_1h_tokens": pricing.MeterCacheWrite1h, "cache_audio_read_tokens": pricing.MeterAudioCached,
	"input_audio_tokens": pricing.MeterAudioIn, "output_audio_tokens": pricing.MeterAudioOut,
	"input_image_tokens": pricing.MeterImageIn, "output_image_tokens": pricing.MeterImageOut,
	"cache_image_read_tokens": pricing.MeterImageCached, "input_video_tokens": pricing.MeterVideoIn,
	"output_video_tokens": pricing.MeterVideoOut, "cache_video_read_tokens": pricing.MeterVideoCached,
	"output_reasoning_tokens": pricing.MeterReasoning, "output_citation_tokens": pricing.MeterCitation,
	"web_searches": pricing.MeterWebSearch, "storage_searches": pricing.MeterFileSearch,
	"input_document_pages": pricing.MeterPage, "input_annotated_document_pages": pricing.MeterAnnotatedPage,
	"input_text_messages": pricing.MeterTextMessage,
}

var secondKeys = map[string]pricing.Meter{
	"audio_seconds": pricing.MeterAudioTime, "input_audio_seconds": pricing.MeterAudioTime, "video_seconds": pricing.MeterVideoTime,
}

func (c *Case) usage() pricing.Usage {
	var u pricing.Usage
	for key, n := range c.Usage {
		scale := int64(1)
		m, ok := tokenKeys[key]
		if !ok {
			if m, ok = secondKeys[key]; !ok {
				continue
			}
			scale = 1000
		}
		r, ok := new(big.Rat).SetString(n.String())
		if !ok {
			u.Invalid = true
			continue
		}
		r.Mul(r, big.NewRat(scale, 1))
		if !r.IsInt() || !r.Num().IsInt64() {
			u.Invalid = true
			continue
		}
		if old, known := u.Count(m); known { // the same seconds under two names
			u.Set(m, max(old, r.Num().Int64()))
			continue
		}
		u.Set(m, r.Num().Int64())
	}
	// A stated five-minute part means that the rest of the writes lived longer.
	if n, ok := c.Usage["cache_write_5m_tokens"]; ok {
		five, err := n.Int64()
		write, known := u.Count(pricing.MeterCacheWrite)
		if _, split := u.Count(pricing.MeterCacheWrite1h); err == nil && known && !split {
			u.Set(pricing.MeterCacheWrite1h, write-five)
		}
	}
	return u
}

func compare(c Case, r *pricing.Result) string {
	total, known := r.Total.Pico()
	switch {
	case c.Expect.Error != "":
		if r.Reason != pricing.ReasonInvalidUsage {
			return fmt.Sprintf("want invalid_usage, got %s %s %s", r.Status, r.Reason, r.Total)
		}
	case !c.Expect.Matched:
		if known && (c.Group == "unknown" || r.Match == pricing.MatchLoose) {
			return fmt.Sprintf("want no price, got %s by %s of %s", r.Total, r.Match, r.PriceID)
		}
	case !known:
		return fmt.Sprintf("want %s, got %s", want(c.Expect), r.Reason)
	case !same(want(c.Expect), total):
		return fmt.Sprintf("want %s, got %s by %s of %s", want(c.Expect), r.Total, r.Match, r.PriceID)
	}
	return ""
}

func want(e Expect) string {
	if e.Exact != "" {
		return e.Exact
	}
	return e.Total.String()
}

// same compares in whole pico-USD: prices by the hour do not divide evenly.
func same(want string, got pricing.Pico) bool {
	if i := strings.IndexByte(want, '.'); i >= 0 && len(want)-i > 19 {
		want = want[:i+19]
	}
	p, err := pricing.ParseUSD(want)
	return err == nil && p == got
}

// RunAll runs all cases.
func RunAll(book *pricing.Book, cases []Case) []Verdict {
	out := make([]Verdict, 0, len(cases))
	for _, c := range cases {
		out = append(out, Run(book, c))
	}
	return out
}
