package judge

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spanwarden/spanwarden/internal/attr"
	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/genai"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Daily names the cause of a finding that is told once a day, "" of one that is
// told for each action: an entry that is missing or has run out is one cause,
// however much its agent does meanwhile.
func (out *Judgement) Daily(f *Facts) string {
	switch out.Finding {
	case string(finding.BoundaryUnregisteredAgent), string(finding.BoundaryExpired):
		return strings.Join([]string{out.Finding, f.Tenant, out.who(f), f.Start.UTC().Format(time.DateOnly)}, "\x00")
	default:
		return ""
	}
}

// Reported reports whether the finding is told by this processor. Where a
// delegation processor stands in front, hand-overs and approvals are its to find:
// one cause, one finding.
func (out *Judgement) Reported(f *Facts) bool {
	return out.Finding != "" && (!f.Chained || !strings.HasPrefix(out.Finding, finding.DelegationPrefix))
}

// Found words the finding of a judgement that has one. It never holds the value
// of an argument, nor a resource, which may be made from one.
func (out *Judgement) Found(f *Facts) finding.Finding {
	who := out.who(f)
	kind := finding.Type(out.Finding)
	cause := []string{hex.EncodeToString(f.TraceID[:]), hex.EncodeToString(f.SpanID[:]), out.Rule}
	key := "boundary/" + who + "/" + or(out.Rule, "-") + "/" + or(f.object(), "-")
	if out.Daily(f) != "" {
		cause = []string{who, f.Start.UTC().Format(time.DateOnly)}
		key = "boundary/" + who
	}
	x := finding.New(kind, f.Tenant, key, cause...)
	x.At = f.End
	if x.At.IsZero() {
		x.At = f.Start
	}
	x.TraceID, x.SpanID = f.TraceID, f.SpanID
	x.Agent, x.Session, x.Project, x.Principal = or(f.Agent.ID, who), f.Session, f.Project, f.Principal.ID
	x.Rule, x.PolicyVersion = out.Rule, out.Version
	if out.Entry != nil && out.Entry.Mode() == policy.Shadow {
		x.Severity = finding.Info
	}
	x.Message = out.message(f)
	x.Extra = out.extra(f)
	return x
}

func (out *Judgement) extra(f *Facts) map[string]any {
	m := map[string]any{}
	put := func(key, v string) {
		if v != "" {
			m[key] = v
		}
	}
	put(attr.BoundaryReason, string(out.Reason))
	put(attr.BoundaryArgument, out.Arg)
	put(attr.ToolName, f.Tool)
	put(attr.ToolOperation, f.Operation)
	put(attr.ActionKind, string(f.Kind))
	if out.Entry != nil {
		put(attr.BoundaryAgent, out.Entry.ID())
	}
	if out.Assumed {
		m[attr.BoundaryAssumed] = []any{"registry"}
	}
	return m
}

// who is the entry's id, or how the agent names itself.
func (out *Judgement) who(f *Facts) string {
	if out.Entry != nil {
		return out.Entry.ID()
	}
	return f.Agent.ID
}

// object is what the action was done with.
func (f *Facts) object() string {
	switch {
	case f.ModelCall:
		return f.Model
	case f.Tool != "":
		return f.Tool
	default:
		return f.Delegatee
	}
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// did says what was done, as in "called tool send_email".
func (f *Facts) did() string {
	switch {
	case f.ModelCall:
		return "called model " + name(f.Model)
	case f.Delegatee != "":
		return "handed work to " + name(f.Delegatee)
	case f.Kind == genai.KindAgent:
		return "ran"
	case f.Tool != "":
		return "called tool " + name(f.Tool)
	default:
		return "did a " + string(f.Kind)
	}
}

// message is one sentence that a person can act on.
func (out *Judgement) message(f *Facts) string {
	what := "agent " + name(out.who(f)) + " " + f.did()
	if out.Entry == nil {
		return what + " and is not registered: stop it, or write an entry for it, as `spanwarden policy suggest` does"
	}
	at := " (" + place(out.Entry.Place()) + ")"
	rule := ""
	if out.Decided != nil {
		rule = name(out.Rule) + " (" + place(out.Decided.Place()) + ")"
	}
	if out.Reason == policy.ReasonDeniedByRule {
		return what + ", which rule " + rule + " forbids: stop it and find out why it tried"
	}
	fix := ": stop it, or change its entry" + at
	switch finding.Type(out.Finding) {
	case finding.BoundaryTool:
		return what + ", which no rule of its entry allows" + fix
	case finding.BoundaryModel:
		return what + ", which the models of its entry leave out" + fix
	case finding.BoundaryPrincipal:
		return what + " for " + or(name(f.Principal.ID), "nobody") + ", for whom it may not act" + fix
	case finding.BoundaryExpired:
		return what + " outside the time for which its entry is valid: stop it, or renew its entry" + at
	case finding.BoundaryData:
		return what + " on data of a class that its entry leaves out" + fix
	default:
		return what + out.refusal(rule, fix)
	}
}

// refusal goes on for what a rule, or delegation.to, refuses.
func (out *Judgement) refusal(rule, fix string) string {
	switch {
	case strings.HasPrefix(out.Finding, finding.DelegationPrefix+"approval"), out.Finding == finding.DelegationPrefix+"self_approval":
		return " without the approval that rule " + rule + " asks for: find out who let it"
	case strings.HasPrefix(out.Finding, finding.DelegationPrefix):
		return ", to whom delegation.to of its entry does not let it" + fix
	case out.Reason == policy.ReasonRateExceeded:
		return fmt.Sprintf(" more often than rule %s allows, %d in %s: stop it, or raise the rate", rule, out.Decided.Rate().Max, out.Decided.Rate().Per)
	case out.Arg != "":
		return " with argument " + name(out.Arg) + " outside what rule " + rule + " allows (" + string(out.Reason) + "): stop it, or change the rule"
	default:
		return ", but rule " + rule + " refuses its " + or(out.Failed.String(), "conditions") + " (" + string(out.Reason) + "): stop it, or change the rule"
	}
}

func place(p policy.Place) string { return p.File + ":" + strconv.Itoa(p.Line) }

// name shows what an agent wrote: without what could be taken for other words,
// and not endless.
func name(s string) string {
	const most = 120
	plain := func(r rune) bool { return !unicode.IsGraphic(r) || r == '"' || unicode.IsSpace(r) }
	if len(s) <= most && !strings.ContainsFunc(s, plain) {
		return s
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
