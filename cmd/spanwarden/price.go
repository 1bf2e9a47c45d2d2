package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

func init() { commands = append(commands, newPriceCommand) }

func newPriceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "price",
		Aliases: []string{"prices"},
		Short:   "The price book: explain a price, check an override file, compare with cases",
	}
	cmd.AddCommand(newPriceExplainCommand(), newPriceCheckCommand(), newPriceEvalCommand())
	return cmd
}

// loadPrices returns the embedded book, with the overrides of a file if one is
// named. What the file imports is looked for beside it.
func loadPrices(file string) (*pricing.Book, error) {
	if file == "" {
		return pricing.Embedded()
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return pricing.Load(file, data, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		return os.ReadFile(name)
	})
}

func newPriceCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Validate an override file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := loadPrices(args[0])
			if err != nil {
				return err
			}
			base, err := pricing.Embedded()
			if err != nil {
				return err
			}
			if err := pricing.CheckReload(base, book); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %d prices, book %s\n", args[0], book.Size(), book.Version())
			return err
		},
	}
}

// explainFlags are the flags of price explain.
type explainFlags struct {
	query  pricing.Query
	counts map[pricing.Meter]*int64
	at     string
	prices string
}

func newPriceExplainCommand() *cobra.Command {
	f := explainFlags{counts: map[pricing.Meter]*int64{}}
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say what a model call costs, by which rule and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			book, err := loadPrices(f.prices)
			if err != nil {
				return err
			}
			f.query.Time = time.Now()
			if f.at != "" {
				if f.query.Time, err = time.Parse(time.RFC3339, f.at); err != nil {
					return fmt.Errorf("--at: %q is no RFC 3339 time such as 2026-09-24T12:00:00Z", f.at)
				}
			}
			for name, m := range explainCounts {
				if cmd.Flags().Changed(name) {
					f.query.Usage.Set(m, *f.counts[m])
				}
			}
			return printExplanation(cmd.OutOrStdout(), &f.query, book.Explain(&f.query))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.query.Provider, "provider", "", "provider, in any spelling")
	flags.StringVar(&f.query.ResponseModel, "model", "", "model, as the response names it")
	flags.StringVar(&f.query.RequestModel, "request-model", "", "model, as the request names it")
	flags.StringVar(&f.query.ServiceTier, "tier", "", "service tier of the response")
	flags.StringVar(&f.query.Speed, "speed", "", "speed of the response, such as fast")
	flags.StringVar(&f.query.Region, "region", "", "processing region, such as eu")
	flags.StringVar(&f.query.Host, "host", "", "server address")
	flags.StringVar(&f.at, "at", "", "start of the call, RFC 3339 (default now)")
	flags.StringVar(&f.prices, "prices", "", "override file")
	for name, m := range explainCounts {
		f.counts[m] = flags.Int64(name, 0, explainHelp(m))
	}
	return cmd
}

// explainCounts are the counts that can be given as flags.
var explainCounts = map[string]pricing.Meter{
	"input": pricing.MeterInput, "output": pricing.MeterOutput, "cache-read": pricing.MeterCacheRead,
	"cache-write": pricing.MeterCacheWrite, "cache-write-1h": pricing.MeterCacheWrite1h, "reasoning": pricing.MeterReasoning,
	"audio-in": pricing.MeterAudioIn, "audio-out": pricing.MeterAudioOut, "web-search": pricing.MeterWebSearch,
}

func explainHelp(m pricing.Meter) string {
	if m == pricing.MeterInput {
		return "input tokens in total, cache reads and writes included"
	}
	return strings.ReplaceAll(m.String(), "_", " ") + " count"
}

func printExplanation(w io.Writer, q *pricing.Query, x pricing.Explanation) error {
	r := &x.Result
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", key, value)
		}
	}
	status := string(r.Status)
	if r.Reason != pricing.ReasonNone {
		status += " (" + string(r.Reason) + ")"
	}
	line("status", status)
	line("provider", r.Provider)
	line("price", r.PriceID)
	line("matched by", string(r.Match))
	line("valid from", r.PriceFrom)
	line("at", q.Time.UTC().Format(time.RFC3339))
	line("contract", r.ContractID)
	line("conditions", r.Conditions.String())
	for _, l := range x.Lines {
		note := ""
		if l.Assumed {
			note = "  (assumed)"
		}
		fmt.Fprintf(&b, "  %-16s %12d × %s = %s USD%s\n", l.Meter, l.Quantity, unitPrice(l), l.Amount, note)
	}
	if r.Status != pricing.StatusUnpriced {
		line("total", r.Total.String()+" USD")
		line("list", r.List.String()+" USD")
	}
	line("source", strings.TrimSpace(x.SourceName+" "+x.SourceURL+" "+x.SourceChecked))
	line("note", x.SourceNote)
	line("why", why(r))
	line("near names", strings.Join(x.Near, ", "))
	line("book", r.Book)
	_, err := io.WriteString(w, b.String())
	return err
}

// unitPrice writes a price as price files do.
func unitPrice(l pricing.Line) string {
	switch l.Per {
	case 1:
		return (pricing.Pico(l.Price) * 1_000_000).String() + " USD/1M"
	case 1000:
		return pricing.Pico(l.Price).String() + " USD/1k"
	default:
		return pricing.Pico(l.Price).String() + " USD/h (in ms)"
	}
}

func why(r *pricing.Result) string {
	switch r.Reason {
	case pricing.ReasonUnknownProvider:
		return "no provider of this name has prices, and a named provider is never replaced by a guess"
	case pricing.ReasonUnknownModel:
		return "no entry of this provider lists this name, as it is, with a date, or normalised"
	case pricing.ReasonLooseMatchRefused:
		return "only a loose pattern fits this name, and a wrong price is worse than none"
	case pricing.ReasonMissingModel:
		return "no model is given"
	case pricing.ReasonNoUsage:
		return "nothing is known of what the call used, which is not 0"
	case pricing.ReasonInvalidUsage:
		return "the counts contradict each other or cannot be counts"
	case pricing.ReasonNoRateAtTime:
		return "the entry has no price, or no exchange rate, at this time"
	case pricing.ReasonNoRateForUsage:
		return "the entry has no price for what was used"
	default:
	}
	switch r.Match {
	case pricing.MatchAlias:
		return "an alias leads to this entry"
	case pricing.MatchExact:
		return "the entry lists exactly this name"
	case pricing.MatchDated:
		return "the entry lists this name as one that may carry a date"
	case pricing.MatchNormalised:
		return "the entry lists this name without its platform's prefix, geography or date form"
	case pricing.MatchFallback:
		return "the provider resells this model at its vendor's price"
	case pricing.MatchLoose:
		return "a loose pattern fits, which strict: false allows"
	case pricing.MatchContract:
		return "the contract states the price"
	default:
		return ""
	}
}

var errDisagree = errors.New("prices disagree with the cases")
