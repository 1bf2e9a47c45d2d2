package authzen

import (
	"errors"
	"fmt"

	"github.com/spanwarden/spanwarden/internal/decision"
)

// MaxEvaluations bounds a batch.
const MaxEvaluations = 1000

// Entity is a subject or a resource.
type Entity struct {
	Type, ID   string
	Properties map[string]any
}

// Action is what is asked to be done.
type Action struct {
	Name       string
	Properties map[string]any
}

// Evaluation is one complete question.
type Evaluation struct {
	Subject  Entity
	Action   Action
	Resource Entity
	Context  map[string]any
	// ActorClient is `client.actor`, nil if it is absent.
	ActorClient any
}

// Body is a request before it is known which API it is for.
type Body struct{ m map[string]any }

// Parse reads a body. The error is fit for the asker.
func Parse(raw []byte) (Body, error) {
	m, err := decision.ParseObject(raw)
	return Body{m}, err
}

// Evaluation reads the body as one question.
func (b Body) Evaluation() (*Evaluation, error) { return evaluation(b.m, "", "") }

// Kind is what a search looks for.
type Kind string

// The kinds of searches.
const (
	Subjects  Kind = "subject"
	Resources Kind = "resource"
	Actions   Kind = "action"
)

// Search reads the body as a search: the entity that is looked for has no id, or
// one that is ignored.
func (b Body) Search(k Kind) (*Evaluation, error) { return evaluation(b.m, "", k) }

// Item is one question of a batch, or why it is none.
type Item struct {
	Evaluation *Evaluation
	Err        error
}

// Semantic says when a batch stops.
type Semantic string

// The semantics.
const (
	ExecuteAll    Semantic = "execute_all"
	DenyOnFirst   Semantic = "deny_on_first_deny"
	PermitOnFirst Semantic = "permit_on_first_permit"
)

// Stops reports whether the batch ends behind an item with this answer.
func (s Semantic) Stops(permitted bool) bool {
	return s == DenyOnFirst && !permitted || s == PermitOnFirst && permitted
}

// Batch reads the body as a batch. No items mean that it is a single question.
// Each entity of an item replaces the default whole.
func (b Body) Batch() ([]Item, Semantic, error) {
	semantic, errs := b.semantic()
	list, isList := b.m["evaluations"].([]any)
	switch {
	case b.m["evaluations"] != nil && !isList:
		errs = append(errs, errors.New("evaluations: want an array"))
	case len(list) > MaxEvaluations:
		errs = append(errs, fmt.Errorf("evaluations: %d items, at most %d are taken", len(list), MaxEvaluations))
	}
	for _, name := range []string{"subject", "action", "resource", "context"} {
		if v := b.m[name]; v != nil && len(list) > 0 {
			if _, ok := v.(map[string]any); !ok {
				errs = append(errs, fmt.Errorf("%s: want an object", name))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, semantic, err
	}
	items := make([]Item, len(list))
	for i, v := range list {
		items[i] = b.item(v, fmt.Sprintf("evaluations[%d].", i))
	}
	return items, semantic, nil
}

func (b Body) semantic() (Semantic, []error) {
	options, ok := b.m["options"].(map[string]any)
	if !ok {
		if b.m["options"] != nil {
			return ExecuteAll, []error{errors.New("options: want an object")}
		}
		return ExecuteAll, nil
	}
	switch v := options["evaluations_semantic"]; v {
	case nil, string(ExecuteAll):
		return ExecuteAll, nil
	case string(DenyOnFirst):
		return DenyOnFirst, nil
	case string(PermitOnFirst):
		return PermitOnFirst, nil
	default:
		return ExecuteAll, []error{errors.New("options.evaluations_semantic: want execute_all, deny_on_first_deny or permit_on_first_permit")}
	}
}

func (b Body) item(v any, path string) Item {
	own, ok := v.(map[string]any)
	if !ok {
		return Item{Err: fmt.Errorf("%s: want an object", path[:len(path)-1])}
	}
	m := map[string]any{}
	for _, name := range []string{"subject", "action", "resource", "context", "client"} {
		if m[name] = own[name]; m[name] == nil {
			m[name] = b.m[name]
		}
	}
	e, err := evaluation(m, path, "")
	return Item{e, err}
}

// reader collects what is wrong with a body.
type reader struct {
	path string
	errs []error
}

func (r *reader) fail(name, message string) {
	r.errs = append(r.errs, errors.New(r.path+name+": "+message))
}

// evaluation reads a question; search names the entity that is looked for.
func evaluation(m map[string]any, path string, search Kind) (*Evaluation, error) {
	r := &reader{path: path}
	e := &Evaluation{
		Subject:  r.entity(m, "subject", search != Subjects),
		Resource: r.entity(m, "resource", search != Resources),
		Context:  r.object(m, "context", ""),
	}
	if search != Actions {
		if o := r.required(m, "action"); o != nil {
			e.Action = Action{Name: r.text(o, "action", "name"), Properties: r.object(o, "properties", "action.")}
		}
	}
	if c, ok := m["client"].(map[string]any); ok {
		e.ActorClient = c["actor"]
	}
	return e, errors.Join(r.errs...)
}

func (r *reader) entity(m map[string]any, name string, identified bool) (e Entity) {
	o := r.required(m, name)
	if o == nil {
		return e
	}
	e.Type = r.text(o, name, "type")
	if identified {
		e.ID = r.text(o, name, "id")
	}
	e.Properties = r.object(o, "properties", name+".")
	return e
}

func (r *reader) required(m map[string]any, name string) map[string]any {
	switch v := m[name].(type) {
	case nil:
		r.fail(name, "is missing")
	case map[string]any:
		return v
	default:
		r.fail(name, "want an object")
	}
	return nil
}

func (r *reader) object(m map[string]any, name, prefix string) map[string]any {
	switch v := m[name].(type) {
	case nil:
	case map[string]any:
		return v
	default:
		r.fail(prefix+name, "want an object")
	}
	return nil
}

func (r *reader) text(m map[string]any, owner, name string) string {
	switch v := m[name].(type) {
	case nil:
		r.fail(owner+"."+name, "is missing")
	case string:
		if v == "" {
			r.fail(owner+"."+name, "is empty")
		}
		return v
	default:
		r.fail(owner+"."+name, "want a string")
	}
	return ""
}
