package costprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// pricer asks a book about one span after another without allocating. It is not
// safe for concurrent use.
type pricer struct {
	query  pricing.Query
	result pricing.Result
	item   *genai.Item
}

func newPricer() *pricer {
	p := &pricer{}
	p.query.Select = p.selectAttribute
	return p
}

// price answers what the item's model call costs. Only a model call may be
// asked about: see statusOf.
func (p *pricer) price(book *pricing.Book, item *genai.Item) *pricing.Result {
	a := &item.Action
	p.item = item
	q := &p.query
	q.Provider, q.Gateway, q.Host = a.Provider, a.Gateway, a.ServerAddress
	q.ResponseModel, q.RequestModel = a.ResponseModel, a.RequestModel
	q.ServiceTier, q.Speed, q.Region = a.ServiceTier, a.Speed, a.Region
	q.Time = item.Span.StartTimestamp().AsTime()
	q.Reported = pricing.Reported(a.Reported)
	q.Usage = meters(&a.Usage)
	book.Price(q, &p.result)
	return &p.result
}

// selectAttribute is what contracts select on: "resource.team" is the resource
// attribute team, anything else an attribute of the span, then of the resource.
func (p *pricer) selectAttribute(key string) (string, bool) {
	if name, ok := strings.CutPrefix(key, "resource."); ok {
		return text(p.item.Resource.Attributes(), name)
	}
	if value, ok := text(p.item.Span.Attributes(), key); ok {
		return value, true
	}
	return text(p.item.Resource.Attributes(), key)
}

func text(m pcommon.Map, key string) (string, bool) {
	value, ok := m.Get(key)
	if !ok {
		return "", false
	}
	return value.AsString(), true
}

// meters translates canonical token counts; what is unknown stays unknown.
func meters(u *genai.Usage) pricing.Usage {
	out := pricing.Usage{Estimated: u.Estimated, Invalid: u.Invalid}
	set := func(m pricing.Meter, c genai.Count) {
		if c.Known {
			out.Set(m, c.N)
		}
	}
	set(pricing.MeterInput, u.Input)
	set(pricing.MeterOutput, u.Output)
	set(pricing.MeterCacheRead, u.CacheRead)
	set(pricing.MeterCacheWrite, u.CacheWrite)
	set(pricing.MeterCacheWrite1h, u.CacheWrite1h)
	set(pricing.MeterReasoning, u.Reasoning)
	set(pricing.MeterAudioIn, u.AudioInput)
	set(pricing.MeterAudioOut, u.AudioOutput)
	set(pricing.MeterAudioCached, u.AudioCached)
	set(pricing.MeterImageIn, u.ImageInput)
	set(pricing.MeterImageOut, u.ImageOutput)
	set(pricing.MeterWebSearch, u.WebSearches)
	return out
}
