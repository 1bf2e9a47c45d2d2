package finding

import (
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/internal/attr"
)

// Type says what was found, such as "budget.exceeded". Besides the constants
// every "delegation.<code>" is a type: lower-case letters, digits and
// underscores, at most 64 of them.
type Type string

// The types of the contract.
const (
	BudgetWarning                   Type = "budget.warning"
	BudgetProjected                 Type = "budget.projected"
	BudgetExceeded                  Type = "budget.exceeded"
	BudgetHalt                      Type = "budget.halt"
	CostUnpriced                    Type = "cost.unpriced"
	BoundaryTool                    Type = "boundary.tool"
	BoundaryOperation               Type = "boundary.operation"
	BoundaryResource                Type = "boundary.resource"
	BoundaryArgument                Type = "boundary.argument"
	BoundaryModel                   Type = "boundary.model"
	BoundaryData                    Type = "boundary.data"
	BoundaryPrincipal               Type = "boundary.principal"
	BoundaryUnregisteredAgent       Type = "boundary.unregistered_agent"
	BoundaryExpired                 Type = "boundary.expired"
	BoundaryDeniedButExecuted       Type = "boundary.denied_but_executed"
	BoundaryExecutedWithoutDecision Type = "boundary.executed_without_decision"
	BoundaryAfterHalt               Type = "boundary.after_halt"
	BaselineRate                    Type = "baseline.rate"
	BaselineCost                    Type = "baseline.cost"
	BaselineTokens                  Type = "baseline.tokens"
	BaselineLatency                 Type = "baseline.latency"
	BaselineErrors                  Type = "baseline.errors"
	BaselineLoop                    Type = "baseline.loop"
	BaselineNovelty                 Type = "baseline.novelty"
	BaselineDrift                   Type = "baseline.drift"
	ConfigChanged                   Type = "config.changed"
)

// BoundaryTypes returns the types about boundaries, sorted.
func BoundaryTypes() (types []string) {
	for t := range severities {
		if strings.HasPrefix(string(t), "boundary.") {
			types = append(types, string(t))
		}
	}
	slices.Sort(types)
	return types
}

// DelegationPrefix begins the type of every verdict about a delegation.
const DelegationPrefix = "delegation."

const maxDelegationCode = 64

// Severity is how bad a finding is.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Rank is 1 for info to 4 for critical, and 0 for anything else.
func (s Severity) Rank() int {
	return slices.Index([]Severity{Info, Warning, High, Critical}, s) + 1
}

// Number is the severity of a log record: INFO, WARN, ERROR or FATAL, and
// unspecified for an unknown severity.
func (s Severity) Number() plog.SeverityNumber {
	switch s {
	case Info:
		return plog.SeverityNumberInfo
	case Warning:
		return plog.SeverityNumberWarn
	case High:
		return plog.SeverityNumberError
	case Critical:
		return plog.SeverityNumberFatal
	default:
		return plog.SeverityNumberUnspecified
	}
}

// Validate returns an error naming the attribute and the value.
func (s Severity) Validate() error {
	if s.Rank() == 0 {
		return classed(ReasonSeverity, fmt.Errorf("%s: %q is none of info, warning, high, critical", attr.FindingSeverity, string(s)))
	}
	return nil
}

// State tells whether the cause lasts.
type State string

// The states.
const (
	Firing   State = "firing"
	Resolved State = "resolved"
)

// severities holds the contract's defaults. A type of the baseline grows from
// warning to critical with the deviation; the processor says how far.
var severities = map[Type]Severity{
	BudgetWarning: Warning, BudgetProjected: High, BudgetExceeded: Critical, BudgetHalt: Critical,
	CostUnpriced: Warning,
	BoundaryTool: High, BoundaryOperation: High, BoundaryResource: High, BoundaryArgument: High,
	BoundaryModel: High, BoundaryData: High, BoundaryPrincipal: High, BoundaryUnregisteredAgent: High,
	BoundaryExpired: High, BoundaryDeniedButExecuted: Critical, BoundaryExecutedWithoutDecision: High,
	BoundaryAfterHalt: Critical,
	BaselineRate:      Warning, BaselineCost: Warning, BaselineTokens: Warning, BaselineLatency: Warning,
	BaselineErrors: Warning, BaselineLoop: Warning, BaselineNovelty: Warning, BaselineDrift: Warning,
	ConfigChanged: Info,
}

// delegations holds the verdicts that are not high.
var delegations = map[Type]Severity{
	"delegation.cycle": Critical, "delegation.after_halt_action": Critical,
	"delegation.denied_but_executed": Critical, "delegation.args_differ": Critical,
	"delegation.scope_escalation": Critical, "delegation.constraint_violated": Critical,
	"delegation.budget_exceeded": Critical,
	"delegation.over_grant":      Warning, "delegation.subset_unknown": Warning,
	"delegation.ambiguous_authority": Warning, "delegation.reentry": Warning,
	"delegation.incomplete_evidence": Warning,
	"delegation.silent_delegation":   Info, "delegation.unbroken_unverified": Info,
}

// controls holds the default control ids (SOC 2, ISO 27001 Annex A) by the
// part of the type before the dot, and what a single type adds.
var controls = map[string][]string{
	"budget":                          {"A1.1", "PI1.3", "A.8.6"},
	"cost":                            {"PI1.3", "PI1.1"},
	"boundary":                        {"CC6.1", "CC6.3", "A.5.15", "A.8.3"},
	"baseline":                        {"CC7.2", "A.8.16"},
	"delegation":                      {"CC6.3", "A.5.15", "A.5.18"},
	"config":                          {"CC8.1", "A.8.9", "A.8.32"},
	string(BoundaryUnregisteredAgent): {"CC6.2", "A.5.16"},
	string(BaselineLoop):              {"A1.1", "PI1.3"},
}

// Types returns the types that have a name here, sorted: all but verdicts about a
// delegation whose severity is high by default.
func Types() []Type {
	return slices.Sorted(func(yield func(Type) bool) {
		for _, named := range []map[Type]Severity{severities, delegations} {
			for t := range named {
				if !yield(t) {
					return
				}
			}
		}
	})
}

// Validate returns an error naming the attribute and the value.
func (t Type) Validate() error {
	if _, ok := severities[t]; ok || t.isDelegation() {
		return nil
	}
	return classed(ReasonType, fmt.Errorf("%s: unknown type %q", attr.FindingType, string(t)))
}

func (t Type) isDelegation() bool {
	code, ok := strings.CutPrefix(string(t), DelegationPrefix)
	return ok && code != "" && len(code) <= maxDelegationCode &&
		!strings.ContainsFunc(code, func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
		})
}

// DefaultSeverity is the contract's severity of the type; high for a verdict
// about a delegation that is not listed, and "" for an unknown type.
func (t Type) DefaultSeverity() Severity {
	if s, ok := severities[t]; ok {
		return s
	}
	if s, ok := delegations[t]; ok {
		return s
	}
	if t.isDelegation() {
		return High
	}
	return ""
}

// DefaultControls returns the ids of the controls that the type is evidence
// for, as a new slice; nil for an unknown type.
func (t Type) DefaultControls() []string {
	if t.Validate() != nil {
		return nil
	}
	family, _, _ := strings.Cut(string(t), ".")
	return slices.Concat(controls[family], controls[string(t)])
}
