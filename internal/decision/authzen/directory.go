package authzen

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/policy"
)

// MaxEntities bounds a directory: a search asks about each.
const MaxEntities = 10_000

// Directory holds entities with stored properties. Without one there is nothing
// to search subjects and resources in.
type Directory struct {
	Subjects  []Entity
	Resources []Entity
	stored    map[[3]string]map[string]any
}

type fileEntity struct {
	Type       string         `yaml:"type"`
	ID         string         `yaml:"id"`
	Properties map[string]any `yaml:"properties"`
}

// ParseDirectory reads YAML: subjects and resources, lists of {type, id,
// properties}. It is strict; the error names the file, path, and everything
// wrong with it.
func ParseDirectory(path string, data []byte) (*Directory, error) {
	var f struct {
		Subjects  []fileEntity `yaml:"subjects"`
		Resources []fileEntity `yaml:"resources"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d := &Directory{stored: map[[3]string]map[string]any{}}
	var errs []error
	d.Subjects, errs = d.take(path, "subjects", f.Subjects, nil)
	d.Resources, errs = d.take(path, "resources", f.Resources, errs)
	return d, errors.Join(errs...)
}

func (d *Directory) take(path, list string, in []fileEntity, errs []error) ([]Entity, []error) {
	if len(in) > MaxEntities {
		return nil, append(errs, fmt.Errorf("%s: %s: %d entities, at most %d are taken", path, list, len(in), MaxEntities))
	}
	out := make([]Entity, 0, len(in))
	for i, e := range in {
		key := [3]string{list, e.Type, e.ID}
		switch {
		case e.Type == "" || e.ID == "":
			errs = append(errs, fmt.Errorf("%s: %s[%d]: needs type and id", path, list, i))
			continue
		case d.stored[key] != nil:
			errs = append(errs, fmt.Errorf("%s: %s[%d]: %s %q is there already", path, list, i, e.Type, e.ID))
			continue
		}
		props := e.Properties
		if props == nil {
			props = map[string]any{}
		}
		d.stored[key] = props
		out = append(out, Entity{e.Type, e.ID, props})
	}
	return out, errs
}

// Fill adds stored properties to the entities of a question.
func (d *Directory) Fill(e *Evaluation) {
	if d == nil {
		return
	}
	e.Subject.Fill(d.stored[[3]string{"subjects", e.Subject.Type, e.Subject.ID}])
	e.Resource.Fill(d.stored[[3]string{"resources", e.Resource.Type, e.Resource.ID}])
}

// Candidates are the questions that a search asks.
func (d *Directory) Candidates(k Kind, e *Evaluation) []Evaluation {
	var out []Evaluation
	switch k {
	case Actions:
		for _, op := range policy.Operations() {
			// What models and hand-overs are open to is no answer about other
			// things.
			if op == policy.OpInvokeModel && e.Resource.Type != "model" || op == policy.OpDelegate && e.Resource.Type != "agent" {
				continue
			}
			c := *e
			c.Action = Action{Name: op}
			out = append(out, c)
		}
	case Subjects:
		for _, s := range d.Subjects {
			if s.Type == e.Subject.Type {
				c := *e
				c.Subject = Entity{Type: s.Type, ID: s.ID, Properties: e.Subject.Properties}
				out = append(out, c)
			}
		}
	case Resources:
		for _, s := range d.Resources {
			if s.Type == e.Resource.Type {
				c := *e
				c.Resource = Entity{Type: s.Type, ID: s.ID, Properties: e.Resource.Properties}
				out = append(out, c)
			}
		}
	}
	return out
}

// Result is the entity that a search found.
func (e *Evaluation) Result(k Kind) any {
	switch k {
	case Subjects:
		return EntityResult{e.Subject.Type, e.Subject.ID}
	case Resources:
		return EntityResult{e.Resource.Type, e.Resource.ID}
	default:
		return ActionResult{e.Action.Name}
	}
}
