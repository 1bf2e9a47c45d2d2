package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// Budgets is an immutable set of budgets. The zero value and nil hold none.
type Budgets struct {
	version string
	list    []*Budget
	byScope [scopes][]*Budget
	byID    map[string]*Budget
	hasRun  bool
}

// Budget is one compiled budget.
type Budget struct {
	ID         string
	Scope      Scope
	Unit       Unit
	Limit      Sum
	WarnAt     []float64 // ascending
	OnExceed   Effect
	Mode       Mode
	UpperBound bool // unpriced calls count with their bound
	Controls   []string
	Reason     string

	period     period
	selects    []selector
	projection *projection
	pairs      []burnPair
}

// Period returns the period as budget files write it.
func (b *Budget) Period() string { return b.period.String() }

type selector struct {
	scope Scope
	glob  string
}

type projection struct {
	horizon time.Duration
	action  Effect
	calls   uint64
	elapsed time.Duration
	spend   float64
}

// Version returns the hash of the file: "sha256:" and 16 hex digits; "" of none.
func (b *Budgets) Version() string {
	if b == nil {
		return ""
	}
	return b.version
}

// All returns the budgets in the file's order. The slice must not be written.
func (b *Budgets) All() []*Budget {
	if b == nil {
		return nil
	}
	return b.list
}

type fileDef struct {
	Version  int         `yaml:"version"`
	Timezone string      `yaml:"timezone"`
	Budgets  []yaml.Node `yaml:"budgets"`
}

type budgetDef struct {
	ID             string            `yaml:"id"`
	Scope          string            `yaml:"scope"`
	Select         map[string]string `yaml:"select"`
	LimitUSD       yaml.Node         `yaml:"limit_usd"`
	LimitTokens    yaml.Node         `yaml:"limit_tokens"`
	LimitCalls     yaml.Node         `yaml:"limit_calls"`
	LimitToolCalls yaml.Node         `yaml:"limit_tool_calls"`
	LimitWallClock yaml.Node         `yaml:"limit_wall_clock"`
	Period         string            `yaml:"period"`
	Timezone       string            `yaml:"timezone"`
	WarnAt         []float64         `yaml:"warn_at"`
	Projection     *projectionDef    `yaml:"projection"`
	OnExceed       string            `yaml:"on_exceed"`
	Mode           string            `yaml:"mode"`
	Reason         string            `yaml:"reason"`
	Unpriced       string            `yaml:"unpriced"`
	Controls       []string          `yaml:"controls"`
}

type projectionDef struct {
	Horizon string    `yaml:"horizon"`
	Action  string    `yaml:"action"`
	Floors  floorsDef `yaml:"floors"`
}

type floorsDef struct {
	Calls    *int64   `yaml:"calls"`
	Elapsed  string   `yaml:"elapsed"`
	SpendUSD *float64 `yaml:"spend_usd"`
	Spend    *float64 `yaml:"spend"`
}

// ParseBudgets reads a budget file strictly. name is the file's name for
// errors. Its error names file, line, key and value of everything wrong.
func ParseBudgets(name string, data []byte) (*Budgets, error) {
	sum := sha256.Sum256(data)
	out := &Budgets{version: "sha256:" + hex.EncodeToString(sum[:8]), byID: map[string]*Budget{}}
	var def fileDef
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&def); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlError(name, err)
	}
	if def.Version != 1 && len(bytes.TrimSpace(data)) > 0 {
		return nil, fmt.Errorf("%s:1: version: %d is not 1", name, def.Version)
	}
	var errs []error
	for i := range def.Budgets {
		node := &def.Budgets[i]
		b, err := parseBudget(node, def.Timezone)
		if err == nil && out.byID[b.ID] != nil {
			err = fmt.Errorf("id: %q is taken by an earlier budget", b.ID)
		}
		if err != nil {
			errs = append(errs, at(name, node, err))
			continue
		}
		out.byID[b.ID] = b
		out.list = append(out.list, b)
		out.byScope[b.Scope] = append(out.byScope[b.Scope], b)
		out.hasRun = out.hasRun || b.period.kind == run
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// at puts file and line before err, the line of its key where it names one.
func at(file string, node *yaml.Node, err error) error {
	line := node.Line
	key, _, _ := strings.Cut(err.Error(), ":")
	if found := findKey(node, key); found > 0 {
		line = found
	}
	if ye, ok := errors.AsType[*yaml.TypeError](err); ok && len(ye.Errors) > 0 {
		return yamlError(file, err)
	}
	return fmt.Errorf("%s:%d: %w", file, line, err)
}

func findKey(node *yaml.Node, path string) int {
	key, rest, deeper := strings.Cut(path, ".")
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != key {
			continue
		}
		if deeper {
			if line := findKey(node.Content[i+1], rest); line > 0 {
				return line
			}
		}
		return node.Content[i].Line
	}
	return 0
}

func yamlError(file string, err error) error {
	if te, ok := errors.AsType[*yaml.TypeError](err); ok && len(te.Errors) > 0 {
		err = errors.New(te.Errors[0])
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
	}
	return fmt.Errorf("%s:%d: %s", file, line, text)
}

func parseBudget(node *yaml.Node, zone string) (*Budget, error) {
	var d budgetDef
	if err := checkKeys(node, budgetKeys, ""); err != nil {
		return nil, err
	}
	if err := node.Decode(&d); err != nil {
		return nil, err
	}
	b := &Budget{ID: d.ID, Controls: d.Controls, Reason: d.Reason, WarnAt: slices.Sorted(slices.Values(d.WarnAt))}
	if d.ID == "" {
		return nil, errors.New("id: a budget needs one")
	}
	scope, err := choose("scope", d.Scope, "", scopeNames)
	if err != nil {
		return nil, err
	}
	b.Scope = Scope(scope)
	if d.Timezone != "" {
		zone = d.Timezone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("timezone: %q: %w", zone, err)
	}
	if d.Period == "" {
		d.Period = "lifetime"
	}
	if b.period, err = parsePeriod(d.Period, loc); err != nil {
		return nil, err
	}
	if d.Period == "session" && b.Scope != Session {
		return nil, fmt.Errorf("period: %q needs scope session, not %s", d.Period, b.Scope)
	}
	if err := b.parseLimit(&d); err != nil {
		return nil, err
	}
	if err := b.parseRest(&d); err != nil {
		return nil, err
	}
	return b, b.parseSelect(d.Select)
}

func (b *Budget) parseRest(d *budgetDef) error {
	for _, w := range b.WarnAt {
		if !(w > 0 && w <= 1) {
			return fmt.Errorf("warn_at: %v is not above 0 and at most 1", w)
		}
	}
	mode, err := choose("mode", d.Mode, "warn", modeNames)
	if err != nil {
		return err
	}
	effect, err := choose("on_exceed", d.OnExceed, "warn", effectNames)
	if err != nil {
		return err
	}
	unpriced, err := choose("unpriced", d.Unpriced, "ignore", []string{"ignore", "upper_bound"})
	if err != nil {
		return err
	}
	b.Mode, b.OnExceed, b.UpperBound = Mode(mode), Effect(effect), unpriced == 1
	if b.UpperBound && b.Unit != USD {
		return fmt.Errorf("unpriced: %q needs limit_usd", d.Unpriced)
	}
	if d.Projection == nil {
		return nil
	}
	return b.parseProjection(d.Projection)
}

func (b *Budget) parseProjection(d *projectionDef) error {
	action, err := choose("projection.action", d.Action, "warn", effectNames)
	if err != nil {
		return err
	}
	p := &projection{action: Effect(action), calls: 5, elapsed: 5 * time.Second, spend: b.Limit.Float() / 10}
	if d.Horizon != "" {
		if p.horizon, err = time.ParseDuration(d.Horizon); err != nil || p.horizon <= 0 {
			return fmt.Errorf("projection.horizon: %q is no positive duration", d.Horizon)
		}
	} else if !b.period.calendar() {
		return fmt.Errorf("projection.horizon: a period of %s needs one", b.period)
	}
	if c := d.Floors.Calls; c != nil {
		if *c < 0 {
			return fmt.Errorf("projection.floors.calls: %d is negative", *c)
		}
		p.calls = uint64(*c)
	}
	if s := d.Floors.Elapsed; s != "" {
		if p.elapsed, err = time.ParseDuration(s); err != nil || p.elapsed < 0 {
			return fmt.Errorf("projection.floors.elapsed: %q is no duration of 0 or more", s)
		}
	}
	if d.Floors.SpendUSD != nil && b.Unit != USD {
		return fmt.Errorf("projection.floors.spend_usd: %v of a budget of %s; use spend", *d.Floors.SpendUSD, b.Unit)
	}
	for key, v := range map[string]*float64{"spend_usd": d.Floors.SpendUSD, "spend": d.Floors.Spend} {
		if v == nil {
			continue
		}
		if !(*v >= 0) {
			return fmt.Errorf("projection.floors.%s: %v is negative", key, *v)
		}
		p.spend = *v * b.Unit.Scale()
	}
	b.projection, b.pairs = p, b.period.burnPairs()
	return nil
}

// parseLimit takes the one limit of the budget.
func (b *Budget) parseLimit(d *budgetDef) error {
	found := 0
	for i, n := range []*yaml.Node{&d.LimitUSD, &d.LimitTokens, &d.LimitCalls, &d.LimitToolCalls, &d.LimitWallClock} {
		if n.IsZero() {
			continue
		}
		found++
		b.Unit = Unit(i)
		key := "limit_" + b.Unit.String()
		limit, err := parseAmount(n.Value, b.Unit)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", key, n.Value, err)
		}
		b.Limit = SumOf(limit)
	}
	if found != 1 {
		return fmt.Errorf("id: %q has %d limits, want one of limit_usd, limit_tokens, limit_calls, limit_tool_calls, limit_wall_clock", b.ID, found)
	}
	if b.Unit == WallClock && b.period.kind == rolling {
		return fmt.Errorf("period: %s cannot limit wall_clock", b.period)
	}
	return nil
}

func parseAmount(s string, u Unit) (uint64, error) {
	switch u {
	case USD:
		p, err := pricing.ParseUSD(s)
		return uint64(p), err
	case WallClock:
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, errors.New("want a duration of 0 or more, as in 30m")
		}
		return uint64(d), nil
	default:
		var n uint64
		if s == "" {
			return 0, errors.New("want a whole number of 0 or more")
		}
		for _, c := range s {
			if c < '0' || c > '9' || n > math.MaxUint64/10-1 {
				return 0, errors.New("want a whole number of 0 or more")
			}
			n = n*10 + uint64(c-'0')
		}
		return n, nil
	}
}

func (b *Budget) parseSelect(m map[string]string) error {
	for key, glob := range m {
		s := slices.Index(scopeNames, key)
		if s < 0 {
			return fmt.Errorf("select: %q is no scope", key)
		}
		if glob == "" {
			return fmt.Errorf("select.%s: an empty pattern matches nothing", key)
		}
		b.selects = append(b.selects, selector{Scope(s), glob})
	}
	return nil
}

func choose(key, value, def string, names []string) (int, error) {
	if value == "" {
		value = def
	}
	if i := slices.Index(names, value); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s: %q is none of %s", key, value, strings.Join(names, ", "))
}

var budgetKeys = map[string][]string{
	"": {
		"id", "scope", "select", "limit_usd", "limit_tokens", "limit_calls", "limit_tool_calls", "limit_wall_clock",
		"period", "timezone", "warn_at", "projection", "on_exceed", "mode", "reason", "unpriced", "controls",
	},
	"projection.":        {"horizon", "action", "floors"},
	"projection.floors.": {"calls", "elapsed", "spend_usd", "spend"},
}

// checkKeys refuses what no budget knows: a misspelt key must not silently be
// no limit.
func checkKeys(node *yaml.Node, known map[string][]string, path string) error {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if !slices.Contains(known[path], key) {
			return fmt.Errorf("%s%s: unknown key", path, key)
		}
		if _, deeper := known[path+key+"."]; deeper {
			if err := checkKeys(node.Content[i+1], known, path+key+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckEdit reports what a new set may not do without saying why: raising a
// budget's mode needs its reason. Lowering one is free.
func (b *Budgets) CheckEdit(next *Budgets) error {
	var errs []error
	for _, n := range next.All() {
		if b == nil {
			break
		}
		if o := b.byID[n.ID]; o != nil && n.Mode > o.Mode && n.Reason == "" {
			errs = append(errs, fmt.Errorf("budget %q: mode: raising it from %s to %s needs a reason", n.ID, o.Mode, n.Mode))
		}
	}
	return errors.Join(errs...)
}

// globMatch reports whether s fits the pattern, whose * stands for any text.
func globMatch(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], next
	}
}

// matches reports whether the budget applies to an action of these scopes. A
// pattern of * also takes what is unknown.
func (b *Budget) matches(s *Scopes) bool {
	for _, sel := range b.selects {
		if !globMatch(sel.glob, s.key(sel.scope)) {
			return false
		}
	}
	return true
}

func (s *Scopes) key(scope Scope) string {
	switch scope {
	case Tenant:
		return s.Tenant
	case Project:
		return s.Project
	case Agent:
		return s.Agent
	case Session:
		return s.Session
	case Principal:
		return s.Principal
	default:
		return s.Root
	}
}
