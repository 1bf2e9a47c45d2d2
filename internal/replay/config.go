package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/processor"
)

// Factories are the components that a replay runs; it passes over all others of a
// configuration. The caller names them: this package knows no component.
type Factories struct {
	Extensions []extension.Factory
	Processors []processor.Factory
}

// Rules are the governance components of one configuration, in the order of its
// pipeline.
type Rules struct {
	Pipeline   string   // whose they are
	Processors []string // ids, in order
	LeftOut    []string // processors of the pipeline that a replay passes over
	Ignored    []string // settings that a replay does not follow, as component::key

	extensions, processors []part
}

type part struct {
	id      component.ID
	config  component.Config
	extends extension.Factory
	judges  processor.Factory
}

// ReadConfig reads a collector's configuration: a file, or anything else that
// `otelcol-spanwarden --config` takes from files, the environment and YAML. set
// are settings laid over it, such as "processors::cost::prices: prices.yaml".
// pipeline names one of its traces pipelines; it may be "" where one alone has
// governance processors. The error names every key and value that cannot work.
func ReadConfig(ctx context.Context, file string, set []string, pipeline string, f *Factories) (*Rules, error) {
	uris := make([]string, 0, 1+len(set))
	uris = append(uris, file)
	for _, s := range set {
		uris = append(uris, "yaml:"+s)
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              uris,
		ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
		DefaultScheme:     "env",
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	conf, err := resolver.Resolve(ctx)
	if err = errors.Join(err, resolver.Shutdown(ctx)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r := &Rules{}
	if err := r.read(conf, pipeline, f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

type document struct {
	Extensions map[string]map[string]any `mapstructure:"extensions"`
	Processors map[string]map[string]any `mapstructure:"processors"`
	Service    service                   `mapstructure:"service"`
}

type service struct {
	Extensions []string                   `mapstructure:"extensions"`
	Pipelines  map[string]pipelineSection `mapstructure:"pipelines"`
}

type pipelineSection struct {
	Processors []string `mapstructure:"processors"`
}

func (r *Rules) read(conf *confmap.Conf, pipeline string, f *Factories) error {
	var doc document
	if err := conf.Unmarshal(&doc, confmap.WithIgnoreUnused()); err != nil {
		return err
	}
	processors := map[component.Type]processor.Factory{}
	for _, p := range f.Processors {
		processors[p.Type()] = p
	}
	extensions := map[component.Type]extension.Factory{}
	for _, e := range f.Extensions {
		extensions[e.Type()] = e
	}
	var err error
	if r.Pipeline, err = doc.pipeline(pipeline, processors); err != nil {
		return err
	}
	var errs []error
	for _, name := range doc.Service.Extensions {
		id, err := idIn("service::extensions", name)
		if err != nil {
			errs = append(errs, err)
		} else if e := extensions[id.Type()]; e != nil {
			errs = append(errs, r.add("extensions", part{id: id, extends: e, config: e.CreateDefaultConfig()}, doc.Extensions))
		}
	}
	for _, name := range doc.Service.Pipelines[r.Pipeline].Processors {
		id, err := idIn("service::pipelines::"+r.Pipeline+"::processors", name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p := processors[id.Type()]
		if p == nil {
			r.LeftOut = append(r.LeftOut, name)
			continue
		}
		r.Processors = append(r.Processors, name)
		errs = append(errs, r.add("processors", part{id: id, judges: p, config: p.CreateDefaultConfig()}, doc.Processors))
	}
	return errors.Join(errs...)
}

func idIn(key, name string) (id component.ID, err error) {
	if err := id.UnmarshalText([]byte(name)); err != nil {
		return id, fmt.Errorf("%s: %q: %w", key, name, err)
	}
	return id, nil
}

// pipeline returns the name of the pipeline that is meant.
func (d *document) pipeline(named string, known map[component.Type]processor.Factory) (string, error) {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(d.Service.Pipelines)) {
		if signal, _, _ := strings.Cut(name, "/"); signal == "traces" && slices.ContainsFunc(d.Service.Pipelines[name].Processors, func(p string) bool {
			typ, _, _ := strings.Cut(p, "/")
			return slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(t component.Type) bool { return t.String() == typ })
		}) {
			found = append(found, name)
		}
	}
	types := make([]string, 0, len(known))
	for t := range known {
		types = append(types, t.String())
	}
	slices.Sort(types)
	switch {
	case named != "" && slices.Contains(found, named):
		return named, nil
	case named != "":
		return "", fmt.Errorf("service::pipelines: no traces pipeline %q with a governance processor; there are: %s", named, list(found))
	case len(found) == 0:
		return "", fmt.Errorf("service::pipelines: no traces pipeline has one of the processors %s", strings.Join(types, ", "))
	case len(found) > 1:
		return "", fmt.Errorf("service::pipelines: several pipelines have governance processors (%s): name one with --pipeline", strings.Join(found, ", "))
	}
	return found[0], nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// ignored are settings that would reach what is live.
var ignored = []string{"storage", "rebuild"}

// add reads the section of one component.
func (r *Rules) add(kind string, p part, sections map[string]map[string]any) error {
	section, ok := sections[p.id.String()]
	if !ok {
		return fmt.Errorf("%s::%s: is used and not configured", kind, p.id)
	}
	section = maps.Clone(section)
	for _, key := range ignored {
		if _, there := section[key]; there {
			delete(section, key)
			r.Ignored = append(r.Ignored, kind+"::"+p.id.String()+"::"+key)
		}
	}
	if section == nil {
		section = map[string]any{}
	}
	// The rules are those of now: files are read once.
	if t := p.id.Type().String(); t == "governance" || t == "cost" {
		section["reload_interval"] = "0s"
	}
	conf := confmap.NewFromStringMap(section)
	if err := conf.Unmarshal(p.config); err != nil {
		return fmt.Errorf("%s::%s: %w", kind, p.id, err)
	}
	if err := confmap.Validate(p.config); err != nil {
		return fmt.Errorf("%s::%s: %w", kind, p.id, err)
	}
	if p.extends != nil {
		r.extensions = append(r.extensions, p)
	} else {
		r.processors = append(r.processors, p)
	}
	return nil
}
