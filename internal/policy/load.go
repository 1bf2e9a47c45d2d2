package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// APIVersion is what every document of a registry says in apiVersion.
const APIVersion = "spanwarden/v1alpha1"

// The kinds of documents.
const (
	KindAgentPermissions = "AgentPermissions"
	KindToolCatalog      = "ToolCatalog"
)

// File is one file of a registry.
type File struct {
	Name string
	Data []byte
}

// FileKind says what a file holds.
type FileKind uint8

// The kinds of files.
const (
	// OtherFile has nothing of a registry: neither apiVersion nor kind nor cases.
	OtherFile FileKind = iota
	// RegistryFile is to be loaded, also if it is broken.
	RegistryFile
	// CasesFile holds tests.
	CasesFile
)

// Kind says what the file holds, so that a directory may hold other files
// besides. What cannot be read counts as a registry: loading it says why.
func (f File) Kind() FileKind {
	kind := OtherFile
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return kind
		}
		if err != nil {
			return RegistryFile
		}
		if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(doc.Content[0].Content); i += 2 {
			switch doc.Content[0].Content[i].Value {
			case "apiVersion", "kind":
				return RegistryFile
			case "cases":
				kind = CasesFile
			}
		}
	}
}

// Registry is an immutable snapshot of what agents may do.
type Registry struct {
	version string
	agents  map[string]*Agent
	ordered []*Agent // by id
	catalog *catalog
	binder  binder
}

// Load reads a registry: any number of files with any number of documents each.
// Files are taken in the order of their names, so that the order they were found
// in does not matter. No file is an empty registry, in which every agent is
// unregistered. Its error joins a LoadError for every fault.
func Load(files []File) (*Registry, error) {
	d := &reader{}
	r := &Registry{agents: map[string]*Agent{}, catalog: &catalog{}}
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range sorted {
		d.file = f.Name
		d.loadFile(r, f.Data)
	}
	return d.build(r)
}

// LoadSpecs reads a registry from decoded YAML: the spec of each agent by its
// id, and the entries of a tool catalog, a list or nothing. An agent without
// agent.match is found by gen_ai.agent.name. name stands in errors.
func LoadSpecs(name string, agents map[string]yaml.Node, tools yaml.Node) (*Registry, error) {
	d := &reader{file: name}
	r := &Registry{agents: map[string]*Agent{}, catalog: &catalog{}}
	if !tools.IsZero() {
		d.catalogTools(r.catalog, node{&tools, "catalog"})
	}
	for _, id := range slices.Sorted(maps.Keys(agents)) {
		n := agents[id]
		a := d.entry(id, node{&n, "registry." + id})
		if a == nil {
			continue
		}
		if len(a.matches) == 0 {
			a.matches = []match{{
				kind: matchAttr, attrs: map[string]string{"gen_ai.agent.name": a.id}, key: "gen_ai.agent.name", agent: a,
			}}
		}
		d.addAgent(r, a)
	}
	return d.build(r)
}

func (d *reader) loadFile(r *Registry, data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			d.syntax(err)
			return
		}
		if len(doc.Content) > 0 && doc.Content[0].ShortTag() != "!!null" {
			d.document(r, node{y: doc.Content[0]})
		}
	}
}

func (d *reader) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	e := &LoadError{File: d.file, Message: text}
	if n, _ := fmt.Sscanf(text, "line %d:", &e.Line); n == 1 {
		_, e.Message, _ = strings.Cut(text, ": ")
		e.Column = 1
	}
	d.errs = append(d.errs, e)
}

func (d *reader) document(r *Registry, n node) {
	o, ok := d.object(n, []string{"apiVersion", "kind", "metadata", "spec"})
	if !ok {
		return
	}
	if v, ok := o.get("apiVersion"); !ok {
		d.fail(o.node, "apiVersion is missing, want %s", APIVersion)
	} else if s := d.text(v); s != APIVersion && s != "" {
		d.fail(v, "%q is not %s", s, APIVersion)
	}
	kind := ""
	if v, ok := o.get("kind"); ok {
		kind = d.choice(v, KindAgentPermissions, KindToolCatalog)
	} else {
		d.fail(o.node, "kind is missing, want %s or %s", KindAgentPermissions, KindToolCatalog)
	}
	spec, ok := o.get("spec")
	if !ok {
		d.fail(o.node, "spec is missing")
	}
	name, labels := d.metadata(o, kind == KindAgentPermissions)
	switch {
	case !ok:
	case kind == KindToolCatalog:
		if c, ok := d.object(spec, []string{"tools"}); ok {
			if v, ok := c.get("tools"); ok {
				d.catalogTools(r.catalog, v)
			} else {
				d.fail(c.node, "tools is missing")
			}
		}
	case kind == KindAgentPermissions:
		if a := d.entry(name, spec); a != nil {
			a.labels = labels
			a.place = Place{d.file, o.y.Line, o.y.Column}
			d.addAgent(r, a)
		}
	}
}

func (d *reader) metadata(o object, wanted bool) (name string, labels map[string]string) {
	v, ok := o.get("metadata")
	if !ok {
		if wanted {
			d.fail(o.node, "metadata is missing")
		}
		return "", nil
	}
	m, _ := d.object(v, []string{"name", "labels", "annotations"})
	if v, ok := m.get("name"); ok {
		name = d.text(v)
	} else if wanted {
		d.fail(m.node, "name is missing")
	}
	for _, key := range []string{"labels", "annotations"} {
		v, ok := m.get(key)
		if !ok {
			continue
		}
		words, _ := d.object(v, nil)
		for _, k := range words.keys {
			s := d.text(words.values[k])
			if key == "labels" {
				if labels == nil {
					labels = map[string]string{}
				}
				labels[k] = s
			}
		}
	}
	return name, labels
}

func (d *reader) addAgent(r *Registry, a *Agent) {
	if old := r.agents[a.id]; old != nil {
		d.failAt(a.place, "spec.agent.id", "agent id %q is taken by %s:%d", a.id, old.place.File, old.place.Line)
		return
	}
	a.catalog = r.catalog
	r.agents[a.id] = a
}

func (d *reader) build(r *Registry) (*Registry, error) {
	for _, id := range slices.Sorted(maps.Keys(r.agents)) {
		r.ordered = append(r.ordered, r.agents[id])
	}
	r.binder = d.binder(r.ordered)
	if err := d.err(); err != nil {
		return nil, err
	}
	r.version = r.hash()
	return r, nil
}

// Version returns "sha256:" and the hash, in hex, of the registry after defaults
// and catalogs, written as RFC 8785 JSON.
func (r *Registry) Version() string { return r.version }

// Agent returns the entry with this id, nil if there is none.
func (r *Registry) Agent(id string) *Agent { return r.agents[id] }

// Agents returns all entries by id, not to be written.
func (r *Registry) Agents() []*Agent { return r.ordered }
