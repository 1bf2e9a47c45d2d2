package decision

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Question is one action that somebody asks about, as an adapter understood it.
type Question struct {
	// Adapter is who translated it: authzen, claude-code, ext_authz, litellm.
	Adapter string
	// Actor is what the asker says of who acts, Verified what a connection
	// proved. Verified wins where it names a registered agent.
	Actor, Verified policy.Identity
	// VerifiedPrincipal is on whose behalf the connection's token was issued. It
	// counts only where Verified names a registered agent: a gateway's own token
	// says nothing about those it asks for.
	VerifiedPrincipal policy.Principal
	// Declared is the name under which the asker knows the actor.
	Declared string
	// Instance tells instances of an agent apart, "" if the asker does not.
	Instance string
	// Request holds everything else that is judged. Actor and Counter are set
	// when the question is bound.
	Request policy.Request
	// Args are the decoded arguments, for digests; nil if there are none.
	// ArgsUnknown says that there are some and nobody can read them.
	Args        map[string]any
	ArgsUnknown bool
	// Scopes are the keys of halts and budgets; Agent is set when bound.
	Scopes ledger.Scopes
	// Trace and Span are the asker's span, zero if it has none.
	Trace [16]byte
	Span  [8]byte
	// CallID is the tool call, DelegationID the grant, ApprovalID the approval
	// that the asker names.
	CallID, DelegationID, ApprovalID string
	// PrincipalVia says how the principal is known, as in "oauth:sub".
	PrincipalVia string
	// Estimate is what the asker expects it to cost, in ledger units of USD; 0 is
	// not known.
	Estimate ledger.Sum
	// Offer says that nothing is about to be done yet: a tool is offered to a model.
	// Nothing is reserved or counted for it, and nobody is asked.
	Offer bool
	// Obligations the asker can carry out; nil is all of ours.
	Obligations []string
	// Batch is the id of the batch that it is part of.
	Batch ID
}

// SetArgs takes arguments as decoded from JSON: an object, a string that holds
// one, or nil. Anything else is unknown, which allows nothing.
func (q *Question) SetArgs(v any) {
	switch v := v.(type) {
	case nil:
		q.Request.Args = policy.NoArgs()
	case map[string]any:
		q.Args, q.Request.Args = v, policy.ArgsOf(v)
	case string:
		m, err := ParseObject([]byte(v))
		if strings.TrimSpace(v) == "" {
			q.Request.Args = policy.NoArgs()
			return
		}
		if err == nil {
			q.Args = m
		}
		q.Request.Args = policy.ParseArgs([]byte(v))
	default:
		q.Request.Args = policy.UnknownArgs()
	}
	q.ArgsUnknown = !q.Request.Args.Known()
}

// Tuple is what the input digest covers: who, for whom, what, on what, how. It is
// made of what Canonical takes. Ask after judging: then names are resolved.
func (q *Question) Tuple(agent string) map[string]any {
	r := &q.Request
	tool, operation, resource := r.Resolved()
	if tool == "" {
		tool, operation, resource = r.Tool, r.Operation, r.Resource
	}
	t := map[string]any{
		"actor": agent, "principal": r.Principal.String(), "tool": tool, "operation": operation, "resource": resource,
		"resources": r.Resources, "model": r.Model, "delegatee": r.Delegatee, "purpose": r.Purpose, "data": r.Data, "args": q.args(),
	}
	for k, v := range t {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(t, k)
			}
		case []string:
			if len(v) == 0 {
				delete(t, k)
			}
		case nil:
			delete(t, k)
		}
	}
	return t
}

// ArgsDigest is the digest of the arguments alone, which a span can be held
// against; "" where there are none that can be read.
func (q *Question) ArgsDigest(d Digester) string {
	if q.ArgsUnknown || q.Args == nil {
		return ""
	}
	return d.Of(q.Args)
}

func (q *Question) args() any {
	if q.Args == nil {
		return nil
	}
	return q.Args
}

// Natural returns a value of JSON as CEL takes it: numbers are doubles.
func Natural(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = Natural(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Natural(item)
		}
		return out
	default:
		return v
	}
}

// class is the JSON class of the argument at a path such as /amount; "" if there
// is none.
func (q *Question) class(path string) string {
	at := q.args()
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		if at, ok = m[part]; !ok {
			return ""
		}
	}
	switch at.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// Bind finds the agent: the verified identity first, then what is declared. It
// fills in what hangs on the agent. A nil registry binds nobody.
func (q *Question) Bind(r *policy.Registry) policy.Binding {
	var b policy.Binding
	ok := false
	if r != nil {
		if q.Verified.SPIFFE != "" || q.Verified.OAuthClientID != "" {
			q.Verified.Version = q.Actor.Version
			if b, ok = r.Bind(&q.Verified); ok && q.VerifiedPrincipal.ID != "" {
				q.Request.Principal, q.PrincipalVia = q.VerifiedPrincipal, "oauth:sub"
				q.Scopes.Principal = q.VerifiedPrincipal.ID
			}
		}
		if !ok {
			b, ok = r.Bind(&q.Actor)
		}
	}
	id := q.Declared
	if ok {
		id = b.Agent.ID()
		if q.Declared != "" && q.Declared != id {
			// What spans call the agent is what a halt or a budget may name.
			q.Scopes.Ancestors = append(q.Scopes.Ancestors, q.Declared)
		}
	}
	q.Scopes.Agent = id
	q.Request.Actor = policy.Actor{ID: id, Version: q.Actor.Version, Grade: b.Grade}
	if q.Request.Actor.Grade == "" {
		q.Request.Actor.Grade = policy.GradeDeclared
	}
	return b
}

// Freshness is how old the facts are that were decided on.
type Freshness struct{ Registry, Budget time.Duration }
