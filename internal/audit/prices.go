package audit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// PriceRow is one rate of a price that calls were billed by. It repeats nobody's
// word: the price book is named, and the same price is the same row.
type PriceRow struct {
	Book, PriceID, PriceFrom, ContractID, Conditions string
	Provider, Model                                  string
	TokenType                                        string
	Num, Den, PerMillion                             string
	Marginal                                         bool
	Source                                           string
	At                                               int64 // ms since 1970
}

func newPrices() *block[PriceRow] {
	content := []column[PriceRow]{
		lowCard("book", func(r *PriceRow) *string { return &r.Book }),
		lowCard("price_id", func(r *PriceRow) *string { return &r.PriceID }),
		lowCard("price_from", func(r *PriceRow) *string { return &r.PriceFrom }),
		lowCard("contract_id", func(r *PriceRow) *string { return &r.ContractID }),
		lowCard("conditions", func(r *PriceRow) *string { return &r.Conditions }),
		lowCard("provider", func(r *PriceRow) *string { return &r.Provider }),
		lowCard("model", func(r *PriceRow) *string { return &r.Model }),
		lowCard("token_type", func(r *PriceRow) *string { return &r.TokenType }),
		text("unit_cost_num", func(r *PriceRow) string { return r.Num }),
		text("unit_cost_den", func(r *PriceRow) string { return r.Den }),
		text("usd_per_million", func(r *PriceRow) string { return r.PerMillion }),
		flag("marginal", func(r *PriceRow) bool { return r.Marginal }),
		text("source", func(r *PriceRow) string { return r.Source }),
		millis("first_used", func(r *PriceRow) int64 { return r.At }),
	}
	b := &block[PriceRow]{table: "prices", hashed: len(content), batchID: new(proto.ColFixedStr16), rowIx: new(proto.ColUInt32), columns: content}
	return b.ready()
}

var errRate = errors.New("want meter, numerator, denominator and USD per million, parted by blanks")

// addPrice reads the rates that a span was priced by.
func (e *Encoder) addPrice(ev ptrace.SpanEvent, now int64) error {
	in := reader{scribe: &e.scribe, m: ev.Attributes()}
	if err := missing(&in, attr.CostBook); err != nil {
		return err
	}
	at, _ := moment(uint64(ev.Timestamp()), now, now)
	r := PriceRow{
		Book: in.text(attr.CostBook), PriceID: in.text(attr.CostPriceID), PriceFrom: in.text(attr.CostPriceFrom),
		ContractID: in.text(attr.CostContractID), Conditions: in.text(attr.CostConditions), Provider: in.text(attr.PriceProvider),
		Model: in.text(attr.PriceModel), Marginal: in.flag(attr.PriceMarginal), Source: in.text(attr.PriceSource), At: at / 1e6,
	}
	rates := in.list(attr.PriceRates)
	rows := make([]PriceRow, 0, len(rates))
	for _, rate := range rates {
		parts := strings.Fields(rate)
		if len(parts) != 4 || !wholeNumber(parts[1]) || !wholeNumber(parts[2]) {
			return fmt.Errorf("%s: %q: %w", attr.PriceRates, rate, errRate)
		}
		r.TokenType, r.Num, r.Den, r.PerMillion = parts[0], parts[1], parts[2], parts[3]
		rows = append(rows, r)
	}
	for i := range rows {
		e.records.prices.append(&rows[i])
		e.stats.Prices++
	}
	return nil
}

// maxDigits is what a 256-bit integer holds with room for a count of tokens.
const maxDigits = 57

func wholeNumber(s string) bool {
	return s != "" && len(s) <= maxDigits && strings.Trim(s, "0123456789") == ""
}
