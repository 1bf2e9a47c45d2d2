package pricing

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

var (
	//go:embed book/genai-prices.jsonl
	generatedBook []byte
	//go:embed book/overlay.yaml
	overlayBook []byte
)

// Embedded returns the book that is part of the program. It needs no network
// and no file. All callers share one Book.
var Embedded = sync.OnceValues(func() (*Book, error) { return Load("", nil, nil) })

// Load returns the embedded book with the operator's overrides on it. name is
// the file's name for errors, data its content; nil means no overrides. open
// reads the files that the overrides import, by the name written there; it may
// be nil where nothing is imported.
//
// Load is pure: it reads no file and no clock. Its error names file, line, key
// and value of everything that is wrong.
func Load(name string, data []byte, open func(name string) ([]byte, error)) (*Book, error) {
	head, entries, err := decodeBook("genai-prices.jsonl", generatedBook)
	if err != nil {
		return nil, err
	}
	var overlay struct {
		Version int        `yaml:"version"`
		Entries []entryDef `yaml:"entries"`
	}
	if err := decodeYAML("overlay.yaml", overlayBook, &overlay); err != nil {
		return nil, err
	}
	base := layer(entries, named(overlay.Entries, "overlay.yaml"))
	sum := sha256.New()
	sum.Write(generatedBook)
	sum.Write(overlayBook)
	sum.Write(data)
	version := fmt.Sprintf("%s/%s+overlay.%d", head.Source.Name, head.Source.Version, overlay.Version)
	book, err := build(base, name, data, func(file string) ([]byte, error) {
		if open == nil {
			return nil, errors.New("imports are not possible here")
		}
		text, err := open(file)
		sum.Write(text)
		return text, err
	})
	if err != nil {
		return nil, err
	}
	book.version = version + "#sha256:" + hex.EncodeToString(sum.Sum(nil)[:4])
	return book, nil
}

func named(entries []entryDef, file string) []entryDef {
	for i := range entries {
		entries[i].file = file
	}
	return entries
}

// build compiles a book from base entries and an override file.
func build(base []entryDef, name string, data []byte, open func(string) ([]byte, error)) (*Book, error) {
	var o overridesDef
	if len(data) > 0 {
		if err := decodeYAML(name, data, &o); err != nil {
			return nil, err
		}
		if o.Version != 1 {
			return nil, errorAt(name, 1, "version: %d; want 1", o.Version)
		}
	}
	b := &Book{
		strict: o.Strict == nil || *o.Strict, entries: make(map[string]*entry, len(base)), providers: map[string]*provider{},
		hosts: map[string]*provider{}, domains: map[string]*provider{}, fx: map[string][]fxRate{}, reported: reportedCompare,
	}
	c := &compiler{book: b}
	c.providerTable()
	defs := layer(base, named(o.Entries, name))
	for _, im := range o.Import {
		more, err := importFile(im, open)
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		defs = layer(defs, more)
	}
	c.entries(defs)
	c.aliases(name, o.Aliases)
	c.rates(name, o.FX)
	c.reportedModes(name, o.Reported)
	c.contracts(name, o.Contracts)
	b.dearest = b.bounds()
	return b, errors.Join(c.errs...)
}

func (c *compiler) aliases(file string, defs []aliasDef) {
	for _, a := range defs {
		e := c.book.entries[a.To]
		if e == nil {
			e = c.byName(a.To)
		}
		if e == nil {
			c.fail(file, a.line, "aliases.to: %q is no known id", a.To)
			continue
		}
		p := c.book.providers[c.knownProvider(a.Provider)]
		model := strings.ToLower(strings.TrimSpace(a.Model))
		if old := p.aliases[model]; old != nil && old != e {
			c.fail(file, a.line, "aliases: %q of %q leads to both %q and %q", a.Model, a.Provider, old.id, e.id)
		}
		p.aliases[model] = e
	}
}

// byName finds "provider/model" where model is a listed name but not the id.
func (c *compiler) byName(id string) *entry {
	provider, model, ok := strings.Cut(id, "/")
	p := c.book.providers[provider]
	if !ok || p == nil {
		return nil
	}
	return p.names[strings.ToLower(model)].entry
}

func (c *compiler) rates(file string, fx map[string][]fxDef) {
	for _, currency := range slices.Sorted(maps.Keys(fx)) {
		var rates []fxRate
		for _, d := range fx[currency] {
			f, err := parseFactor(d.USD.text)
			if err != nil {
				c.fail(file, d.USD.line, "fx.%s.usd: %q: %v", currency, d.USD.text, err)
			}
			r := fxRate{from: minTime, usd: f, label: "fx:" + currency}
			if d.From.set {
				r.from = d.From.t.Unix()
			}
			rates = append(rates, r)
		}
		slices.SortFunc(rates, func(a, b fxRate) int {
			if a.from < b.from {
				return -1
			}
			return 1
		})
		for i := 1; i < len(rates); i++ {
			if rates[i].from == rates[i-1].from {
				c.fail(file, fx[currency][i].USD.line, "fx.%s: two rates from the same moment", currency)
			}
		}
		c.book.fx[strings.ToUpper(currency)] = rates
	}
}

func (c *compiler) reportedModes(file string, modes map[string]string) {
	c.provider("openrouter").reported = reportedPrefer
	for _, who := range slices.Sorted(maps.Keys(modes)) {
		mode, ok := map[string]reportedMode{"compare": reportedCompare, "prefer": reportedPrefer, "ignore": reportedIgnore}[modes[who]]
		if !ok {
			c.fail(file, 0, "reported.%s: %q; want compare, prefer or ignore", who, modes[who])
		}
		if who == "default" {
			c.book.reported = mode
		} else {
			c.book.providers[c.knownProvider(who)].reported = mode
		}
	}
}

// ErrShrunk is returned by CheckReload.
var ErrShrunk = errors.New("the new price book loses too many ids")

// CheckReload refuses to replace a book by one that lacks more than 5 % of its
// ids: a broken file must not wipe out a good one. The error wraps ErrShrunk.
func CheckReload(old, next *Book) error {
	lost := 0
	for id := range old.entries {
		if next.entries[id] == nil {
			lost++
		}
	}
	if lost*20 > len(old.entries) {
		return fmt.Errorf("%w: %d of %d", ErrShrunk, lost, len(old.entries))
	}
	return nil
}

// importFile reads a price file of another tool.
func importFile(im importDef, open func(string) ([]byte, error)) ([]entryDef, error) {
	if im.Format != "litellm" {
		return nil, errorAt(im.File, 0, "import.format: %q; want litellm", im.Format)
	}
	data, err := open(im.File)
	if err != nil {
		return nil, errorAt(im.File, 0, "import.file: %w", err)
	}
	return litellm(im.File, data)
}

// litellmKeys are the per-token prices that are read.
var litellmKeys = map[string]string{
	"input_cost_per_token": "input", "output_cost_per_token": "output",
	"cache_read_input_token_cost": "cache_read", "cache_creation_input_token_cost": "cache_write",
	"cache_creation_input_token_cost_above_1hr": "cache_write_1h", "output_cost_per_reasoning_token": "reasoning",
	"input_cost_per_audio_token": "audio_in", "output_cost_per_audio_token": "audio_out",
}

// litellm reads a file in litellm's format: prices are USD per token there.
func litellm(file string, data []byte) ([]entryDef, error) {
	var models map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &models); err != nil {
		line := 0
		if se, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = 1 + strings.Count(string(data[:min(int(se.Offset), len(data))]), "\n")
		}
		return nil, &fileError{file: file, line: line, err: err}
	}
	var out []entryDef
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(models)) {
		var provider string
		if json.Unmarshal(models[name]["litellm_provider"], &provider) != nil || provider == "" {
			continue
		}
		line := lineOf(data, name)
		prices := map[string]number{}
		for key, component := range litellmKeys {
			raw, ok := models[name][key]
			if !ok {
				continue
			}
			d, err := parseDecimal(strings.Trim(string(raw), `"`))
			// 0.001 USD a token is 1,000 USD per million: nothing costs more.
			if usd, fits := d.scaled(12); err != nil || !fits || usd > 1_000_000_000 {
				errs = append(errs, errorAt(file, lineAfter(data, name, key), "%s.%s: %s is no price in USD per token; per million tokens?", name, key, raw))
				continue
			}
			d.exp += 6
			prices[component] = number{text: fmt.Sprintf("%de%d", d.digits, d.exp), line: line}
		}
		if len(prices) == 0 {
			continue
		}
		model := name
		if prefix, rest, ok := strings.Cut(name, "/"); ok && prefix == provider {
			model = rest
		}
		out = append(out, entryDef{
			ID: provider + "/" + model, Provider: providerID(provider), Match: matchDef{Exact: []string{model}},
			Rates: []rateDef{{PerMtok: prices}}, Source: sourceDef{Name: "litellm", URL: file}, file: file, line: line,
		})
	}
	return out, errors.Join(errs...)
}

// providerID folds a spelling by the table alone.
func providerID(name string) string {
	for i := range providerDefs {
		if slices.Contains(providerDefs[i].spelt, name) {
			return providerDefs[i].id
		}
	}
	return name
}

func lineOf(data []byte, key string) int { return lineAfter(data, key, key) }

// lineAfter returns the line of the first `"key"` at or after the first `"start"`.
func lineAfter(data []byte, start, key string) int {
	text := string(data)
	at := max(strings.Index(text, `"`+start+`"`), 0)
	at += max(strings.Index(text[at:], `"`+key+`"`), 0)
	return 1 + strings.Count(text[:at], "\n")
}
