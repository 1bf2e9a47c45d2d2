package authzen

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"

	"github.com/spanwarden/spanwarden/internal/decision"
	"github.com/spanwarden/spanwarden/internal/ledger"
	"github.com/spanwarden/spanwarden/internal/policy"
)

// Options say what an asker cannot.
type Options struct {
	// Server is put before the bare tool names of COAZ-MCP requests.
	Server string
	Tenant string
}

// Question translates an evaluation: an actor beside the subject makes the
// subject the principal, else the subject is the actor.
func (e *Evaluation) Question(o Options) *decision.Question {
	q := &decision.Question{Adapter: "authzen"}
	r := &q.Request
	r.Source = policy.FromRequest
	e.who(q)
	e.what(q, o)
	r.SubjectType, r.SubjectID, r.SubjectProperties = e.Subject.Type, e.Subject.ID, natural(e.Subject.Properties)
	r.ActionName, r.ActionProperties = e.Action.Name, natural(e.Action.Properties)
	r.ResourceType, r.ResourceID, r.ResourceProperties = e.Resource.Type, e.Resource.ID, natural(e.Resource.Properties)
	r.Context = natural(e.Context)
	// These three are ours to say: conditions trust them.
	for _, name := range []string{"principal", "actor", "chain"} {
		delete(r.Context, name)
	}
	c := e.Context
	r.Session, r.Purpose = text(c, "session_id"), text(c, "purpose")
	q.CallID, q.DelegationID, q.Instance = text(c, "tool_call_id"), text(c, "delegation_id"), text(c, "agent_instance")
	if a, ok := c["approval"].(map[string]any); ok {
		q.ApprovalID = text(a, "id")
	}
	if list, ok := c["supported_obligations"].([]any); ok {
		q.Obligations = texts(list)
	}
	q.Estimate = usd(c["estimated_cost_usd"])
	q.Trace, q.Span = Trace(text(c, "trace_id"), text(c, "span_id"))
	q.Scopes = ledger.Scopes{
		Tenant: o.Tenant, Project: text(c, "project_id"), Session: r.Session, Principal: r.Principal.ID,
		Root: text(c, "chain_id"), Run: text(c, "run_id"), Ancestors: q.Scopes.Ancestors,
	}
	return q
}

// usd reads an amount of money; what is none is 0.
func usd(v any) ledger.Sum {
	n, ok := v.(json.Number)
	if !ok {
		return ledger.Sum{}
	}
	f, err := n.Float64()
	const most = 1e6 // USD for one action
	if err != nil || f <= 0 || f > most {
		return ledger.Sum{}
	}
	return ledger.SumOf(uint64(f * ledger.USD.Scale()))
}

// who reads actor and principal.
func (e *Evaluation) who(q *decision.Question) {
	actor, version := e.actor(q)
	subjectType := e.Subject.Type
	if subjectType == "identity" {
		subjectType = "user"
	}
	subject := policy.Principal{Type: subjectType, ID: e.Subject.ID, Grade: policy.GradeDeclared}
	switch {
	case actor != "":
		q.Declared, q.Actor = actor, declared("agent:"+actor, actor, version)
		q.Request.Principal, q.PrincipalVia = subject, "authzen:subject"
	default:
		q.Declared, q.Actor = e.Subject.ID, declared(subjectType+":"+e.Subject.ID, "", version)
		switch subjectType {
		case "agent":
			q.Actor = declared("agent:"+e.Subject.ID, e.Subject.ID, version)
			q.Request.Principal, q.PrincipalVia = principalOf(e.Context["principal"]), "authzen:context.principal"
		case "user":
			q.Request.Principal, q.PrincipalVia = subject, "authzen:subject"
		}
	}
	if q.Request.Principal.ID == "" {
		q.PrincipalVia = ""
	}
}

// actor returns the agent that acts for the subject: the outermost act, what the
// context says, or client.actor. Inner acts are those who asked it.
func (e *Evaluation) actor(q *decision.Question) (id, version string) {
	version = text(e.Context, "agent_version")
	act, _ := e.Subject.Properties["act"].(map[string]any)
	if id = text(act, "sub"); id != "" {
		for range policy.MaxDepth {
			if act, _ = act["act"].(map[string]any); text(act, "sub") == "" {
				break
			}
			q.Scopes.Ancestors = append(q.Scopes.Ancestors, text(act, "sub"))
		}
		return id, version
	}
	for _, v := range []any{e.Context["agent"], e.ActorClient} {
		switch v := v.(type) {
		case string:
			id = v
		case map[string]any:
			if id = text(v, "id"); id == "" {
				id = text(v, "sub")
			}
			if version == "" {
				version = text(v, "version")
			}
		}
		if id != "" {
			return id, version
		}
	}
	return "", version
}

// declared is an identity that nobody has verified.
func declared(subject, name, version string) policy.Identity {
	id := policy.Identity{Subject: subject, Version: version}
	if name != "" {
		id.Attr = func(key string) (string, bool) {
			return name, key == "gen_ai.agent.id" || key == "gen_ai.agent.name"
		}
	}
	return id
}

func principalOf(v any) policy.Principal {
	switch v := v.(type) {
	case string:
		if kind, id, ok := strings.Cut(v, ":"); ok && kind != "" && id != "" {
			return policy.Principal{Type: kind, ID: id, Grade: policy.GradeDeclared}
		}
	case map[string]any:
		if kind, id := text(v, "type"), text(v, "id"); kind != "" && id != "" {
			return policy.Principal{Type: kind, ID: id, Grade: policy.GradeDeclared}
		}
	}
	return policy.Principal{}
}

// what reads tool, operation, resource, arguments and model.
func (e *Evaluation) what(q *decision.Question, o Options) {
	r, a, res := &q.Request, e.Action.Properties, e.Resource
	r.Tool = res.Type
	if res.Type == "tool" {
		r.Tool = res.ID
		if o.Server != "" && e.Action.Name == "tools/call" && !strings.Contains(res.ID, "/") {
			r.Tool = "mcp/" + o.Server + "/" + res.ID
		}
	}
	r.Operation = text(a, "operation")
	if _, known := policy.OperationOf(e.Action.Name); r.Operation == "" && (known || e.Action.Name == "tools/call") {
		r.Operation = e.Action.Name
	}
	r.Resource = text(res.Properties, "uri")
	if r.Resource == "" && res.Type != "tool" {
		r.Resource = res.Type + "/" + res.ID
	}
	q.SetArgs(a["arguments"])
	r.Model = text(a, "model")
	if res.Type == "model" {
		r.Model = res.ID
	}
	switch d := res.Properties["data"].(type) {
	case string:
		r.Data = []string{d}
	case []any:
		r.Data = texts(d)
	}
}

// Trace reads trace and span id in hex; what is no valid id is none.
func Trace(trace, span string) (t [16]byte, s [8]byte) {
	if len(trace) == 32 {
		if _, err := hex.Decode(t[:], []byte(trace)); err != nil {
			return [16]byte{}, s
		}
	}
	if len(span) == 16 && t != [16]byte{} {
		if _, err := hex.Decode(s[:], []byte(span)); err != nil {
			s = [8]byte{}
		}
	}
	return t, s
}

// natural is properties as conditions take them. It is a copy.
func natural(m map[string]any) map[string]any {
	out, _ := decision.Natural(m).(map[string]any)
	return out
}

func text(m map[string]any, name string) string {
	s, _ := m[name].(string)
	return s
}

func texts(list []any) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Fill puts stored properties where none were sent: what is sent wins.
func (e *Entity) Fill(stored map[string]any) {
	if len(stored) == 0 {
		return
	}
	out := maps.Clone(stored)
	maps.Copy(out, e.Properties)
	e.Properties = out
}
