package attr

// PriceEvent is the name of a span event: the rates that the span, as the first one,
// was priced by. It bears CostBook, CostPriceID, CostPriceFrom, CostContractID and
// CostConditions as the span does, and what is below.
const (
	PriceEvent    = "spanwarden.price"
	PriceProvider = "spanwarden.price.provider"
	PriceModel    = "spanwarden.price.model"
	// PriceRates are string[], each a meter (input, output, cache_read, cache_write,
	// cache_write_1h, reasoning), numerator, denominator and USD per million, parted by
	// blanks. An amount is quantity × numerator ÷ denominator pico-USD, rounded half to
	// even.
	PriceRates = "spanwarden.price.rates"
	// PriceMarginal is written, as true, only where tokens beyond a size cost another
	// price, so that rates alone do not give the amount.
	PriceMarginal = "spanwarden.price.marginal"
	PriceSource   = "spanwarden.price.source"

	// CostMeters lists what a call was billed for beside its tokens, such as
	// "audio_in=12,request=1".
	CostMeters = "spanwarden.cost.meters"
)
