package catalogue

import (
	"bytes"
	_ "embed" // the controls
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed controls.yaml
var controlsFile []byte

// Framework is a set of controls, as its publisher numbers them.
type Framework struct {
	ID      string `yaml:"id"` // soc2, iso27001 …
	Name    string `yaml:"name"`
	Version string `yaml:"version"` // the publisher's
	Scope   string `yaml:"scope"`
	// Unverified are statements that we know from secondary sources only.
	Unverified []string  `yaml:"unverified"`
	Controls   []Control `yaml:"controls"`
	Aliases    []Alias   `yaml:"aliases"`
}

// Control is a control, criterion, article or rule.
type Control struct {
	// ID is unique over all frameworks: as headers of queries and findings write it.
	ID string `yaml:"id"`
	// Official is the framework's own name of it; ReadControls fills it in.
	Official string `yaml:"official"`
	Title    string `yaml:"title"`
	// Agents is what it means for agents.
	Agents string `yaml:"agents"`
}

// Alias is a mapping that is printed elsewhere and differs from the official ids.
type Alias struct {
	Printed    string   `yaml:"printed"`
	Where      string   `yaml:"where"`
	Officially string   `yaml:"officially"`
	Use        []string `yaml:"use"` // ids to look at instead
}

// Frameworks returns the control catalogue, which nobody may change.
var Frameworks = sync.OnceValues(func() ([]Framework, error) { return ReadControls(controlsFile) })

// ReadControls reads a control catalogue. All faults are returned at once.
func ReadControls(raw []byte) ([]Framework, error) {
	var file struct {
		Frameworks []Framework `yaml:"frameworks"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("reading the control catalogue: %w", err)
	}
	return file.Frameworks, checkControls(file.Frameworks)
}

func checkControls(frameworks []Framework) error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	of := map[string]string{}
	for i := range frameworks {
		f := &frameworks[i]
		if f.ID == "" || f.Name == "" || f.Version == "" || len(f.Controls) == 0 {
			fault("framework %q: wants id, name, version and controls", f.ID)
		}
		for j := range f.Controls {
			c := &f.Controls[j]
			if c.ID == "" || c.Title == "" || c.Agents == "" {
				fault("%s: control %q: wants id, title and agents", f.ID, c.ID)
			}
			if of[c.ID] != "" {
				fault("%s: control %s is there already, in %s", f.ID, c.ID, of[c.ID])
			}
			of[c.ID] = f.ID
			if c.Official == "" {
				c.Official = c.ID
			}
		}
	}
	for i := range frameworks {
		for _, a := range frameworks[i].Aliases {
			for _, id := range a.Use {
				if of[id] == "" {
					fault("%s: alias %q: there is no control %s", frameworks[i].ID, a.Printed, id)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// FindControl returns the control of the id and its framework; nil where there is
// none.
func FindControl(frameworks []Framework, id string) (*Framework, *Control) {
	for i := range frameworks {
		if j := slices.IndexFunc(frameworks[i].Controls, func(c Control) bool { return c.ID == id }); j >= 0 {
			return &frameworks[i], &frameworks[i].Controls[j]
		}
	}
	return nil, nil
}
