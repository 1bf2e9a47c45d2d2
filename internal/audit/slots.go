package audit

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/genai"
)

// setter moves an attribute into its column and reports whether the column now
// says all that the attribute said. What it does not say stays in attrs.
type setter func(r *Row, v pcommon.Value) bool

// class is what becomes of an attribute.
type class struct {
	set     setter // nil: none
	content bool
	sounds  bool // content if it is text
}

// holds tells whether the attribute with that value is content.
func (c class) holds(v pcommon.Value) bool {
	if !c.sounds {
		return c.content
	}
	switch v.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return true
	default:
		return false
	}
}

func classify(key string) class {
	if set, ok := setters[key]; ok {
		return class{set: set}
	}
	if genai.IsContent(key) {
		return class{content: true}
	}
	return class{sounds: genai.SoundsLikeContent(key)}
}

// setters are the attributes that have a column. Those that internal/genai reads
// are only compared: an attribute of a wrong type, or one that lost against
// another, is kept.
var setters = map[string]setter{
	attr.ActionKind:     same(func(r *Row) *string { return &r.Kind }),
	attr.Dialect:        same(func(r *Row) *string { return &r.Dialect }),
	attr.AgentID:        same(func(r *Row) *string { return &r.AgentID }),
	attr.AgentName:      same(func(r *Row) *string { return &r.AgentName }),
	attr.AgentVersion:   same(func(r *Row) *string { return &r.AgentVersion }),
	attr.SessionID:      same(func(r *Row) *string { return &r.Session }),
	attr.ProjectID:      same(func(r *Row) *string { return &r.Project }),
	attr.TenantID:       same(func(r *Row) *string { return &r.Tenant }),
	attr.PrincipalID:    same(func(r *Row) *string { return &r.PrincipalID }),
	attr.PrincipalType:  same(func(r *Row) *string { return &r.PrincipalType }),
	attr.PrincipalGrade: same(func(r *Row) *string { return &r.PrincipalGrade }),
	attr.ToolName:       same(func(r *Row) *string { return &r.ToolName }),
	attr.ToolOperation:  same(func(r *Row) *string { return &r.ToolOperation }),
	attr.ToolResource:   same(func(r *Row) *string { return &r.ToolResource }),

	attr.UsageAccounting:    same(func(r *Row) *string { return &r.Accounting }),
	attr.InputTokens:        sameCount(func(r *Row) *Count { return &r.Input }),
	attr.OutputTokens:       sameCount(func(r *Row) *Count { return &r.Output }),
	attr.CacheReadTokens:    sameCount(func(r *Row) *Count { return &r.CacheRead }),
	attr.CacheWriteTokens:   sameCount(func(r *Row) *Count { return &r.CacheWrite }),
	attr.CacheWrite1hTokens: sameCount(func(r *Row) *Count { return &r.CacheWrite1h }),
	attr.ReasoningTokens:    sameCount(func(r *Row) *Count { return &r.Reasoning }),
	attr.UsageEstimated:     sameFlag(func(r *Row) *bool { return &r.Estimated }),
	attr.UsageInvalid:       sameFlag(func(r *Row) *bool { return &r.Invalid }),

	attr.CostUSD:           money(func(r *Row) *Decimal { return &r.Cost }),
	attr.CostInputUSD:      money(func(r *Row) *Decimal { return &r.CostInput }),
	attr.CostOutputUSD:     money(func(r *Row) *Decimal { return &r.CostOutput }),
	attr.CostCacheReadUSD:  money(func(r *Row) *Decimal { return &r.CostCacheRead }),
	attr.CostCacheWriteUSD: money(func(r *Row) *Decimal { return &r.CostCacheWrite }),
	attr.CostOtherUSD:      money(func(r *Row) *Decimal { return &r.CostOther }),
	attr.CostListUSD:       money(func(r *Row) *Decimal { return &r.CostList }),
	attr.CostReportedUSD:   money(func(r *Row) *Decimal { return &r.CostReported }),
	attr.CostStatus:        str(func(r *Row) *string { return &r.CostStatus }),
	attr.CostReason:        str(func(r *Row) *string { return &r.CostReason }),
	attr.CostPriceID:       str(func(r *Row) *string { return &r.PriceID }),
	attr.CostPriceFrom:     str(func(r *Row) *string { return &r.PriceFrom }),
	attr.CostBook:          str(func(r *Row) *string { return &r.Book }),
	attr.CostContractID:    str(func(r *Row) *string { return &r.ContractID }),
	attr.CostMatch:         str(func(r *Row) *string { return &r.Match }),
	attr.CostConditions:    str(func(r *Row) *string { return &r.Conditions }),

	attr.RunID:            str(func(r *Row) *string { return &r.RunID }),
	attr.ChainID:          str(func(r *Row) *string { return &r.ChainID }),
	attr.ChainDepth:       number(func(r *Row) *Count { return &r.ChainDepth }),
	attr.DelegationID:     str(func(r *Row) *string { return &r.DelegationID }),
	attr.Delegator:        str(func(r *Row) *string { return &r.Delegator }),
	attr.DelegationGrade:  str(func(r *Row) *string { return &r.DelegationGrade }),
	attr.BoundaryVerdict:  str(func(r *Row) *string { return &r.BoundaryVerdict }),
	attr.BoundaryRule:     str(func(r *Row) *string { return &r.BoundaryRule }),
	attr.BaselineMaturity: money(func(r *Row) *Decimal { return &r.Maturity }),
	attr.PolicyVersion:    str(func(r *Row) *string { return &r.PolicyVersion }),
	attr.DecisionID:       str(func(r *Row) *string { return &r.DecisionID }),
	attr.DecisionEffect:   str(func(r *Row) *string { return &r.DecisionEffect }),
	attr.DecisionReason:   str(func(r *Row) *string { return &r.DecisionReason }),
	attr.DecisionRule:     str(func(r *Row) *string { return &r.DecisionRule }),

	"gen_ai.operation.name":  same(func(r *Row) *string { return &r.Operation }),
	"gen_ai.provider.name":   same(func(r *Row) *string { return &r.Provider }),
	"gen_ai.request.model":   same(func(r *Row) *string { return &r.RequestModel }),
	"gen_ai.response.model":  same(func(r *Row) *string { return &r.ResponseModel }),
	"gen_ai.response.id":     same(func(r *Row) *string { return &r.ResponseID }),
	"gen_ai.conversation.id": same(func(r *Row) *string { return &r.Conversation }),
	"gen_ai.tool.call.id":    same(func(r *Row) *string { return &r.ToolCallID }),
	"gen_ai.tool.type":       same(func(r *Row) *string { return &r.ToolType }),
	"error.type":             same(func(r *Row) *string { return &r.ErrorType }),
}

func same(field func(*Row) *string) setter {
	return func(r *Row, v pcommon.Value) bool {
		return v.Type() == pcommon.ValueTypeStr && v.Str() == *field(r)
	}
}

func sameCount(field func(*Row) *Count) setter {
	return func(r *Row, v pcommon.Value) bool {
		c := field(r)
		return v.Type() == pcommon.ValueTypeInt && c.Set && v.Int() >= 0 && uint64(v.Int()) == c.Value
	}
}

func sameFlag(field func(*Row) *bool) setter {
	return func(r *Row, v pcommon.Value) bool {
		return v.Type() == pcommon.ValueTypeBool && v.Bool() == *field(r)
	}
}

func str(field func(*Row) *string) setter {
	return func(r *Row, v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeStr {
			return false
		}
		*field(r) = v.Str()
		return true
	}
}

func number(field func(*Row) *Count) setter {
	return func(r *Row, v pcommon.Value) bool {
		if v.Type() != pcommon.ValueTypeInt || v.Int() < 0 {
			return false
		}
		*field(r) = Count{Set: true, Value: uint64(v.Int())}
		return true
	}
}

// money takes doubles, and whole numbers for the exporters that write 1.0 as 1.
func money(field func(*Row) *Decimal) setter {
	return func(r *Row, v pcommon.Value) bool {
		amount := math.NaN()
		switch v.Type() {
		case pcommon.ValueTypeDouble:
			amount = v.Double()
		case pcommon.ValueTypeInt:
			amount = float64(v.Int())
		default:
		}
		*field(r) = decimalOf(amount)
		return field(r).Set
	}
}
