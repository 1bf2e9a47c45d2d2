package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileError is an error with the place in a file that caused it.
type fileError struct {
	file string
	line int
	err  error
}

func (e *fileError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %v", e.file, e.err)
	}
	return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err)
}

func (e *fileError) Unwrap() error { return e.err }

func errorAt(file string, line int, format string, args ...any) error {
	return &fileError{file: file, line: line, err: fmt.Errorf(format, args...)}
}

// decodeYAML reads one YAML document strictly: a key that is not known is an
// error, as a misspelt key must not silently be no price.
func decodeYAML(name string, data []byte, into any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return yamlError(name, err)
	}
	if len(doc.Content) == 0 {
		return nil // an empty file overrides nothing
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return errorAt(name, root.Line, "%w", errNotMapping)
	}
	if err := checkKeys(name, "", root, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	if err := root.Decode(into); err != nil {
		return yamlError(name, err)
	}
	return nil
}

// yamlError turns the library's "line 3: ..." into "file:3: ...".
func yamlError(name string, err error) error {
	if te, ok := errors.AsType[*yaml.TypeError](err); ok && len(te.Errors) > 0 {
		err = errors.New(te.Errors[0])
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, text, _ = strings.Cut(text, ": ")
	}
	return &fileError{file: name, line: line, err: errors.New(text)}
}

// checkKeys compares the keys of node with the yaml tags of t, all the way down.
func checkKeys(file, path string, node *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var errs []error
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, child := range node.Content {
			errs = append(errs, checkKeys(file, fmt.Sprintf("%s[%d]", path, i), child, t.Elem()))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i < len(node.Content); i += 2 {
			errs = append(errs, checkKeys(file, path+"."+node.Content[i].Value, node.Content[i+1], t.Elem()))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := map[string]reflect.Type{}
		for f := range t.Fields() {
			if tag := f.Tag.Get("yaml"); tag != "" {
				fields[tag] = f.Type
			}
		}
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			ft, ok := fields[key.Value]
			if !ok {
				errs = append(errs, errorAt(file, key.Line, "unknown key %q", strings.TrimPrefix(path+"."+key.Value, ".")))
				continue
			}
			errs = append(errs, checkKeys(file, path+"."+key.Value, node.Content[i+1], ft))
		}
	}
	return errors.Join(errs...)
}

// bookHeader is the first line of the generated book. What it says of the source
// holds for each row that does not say otherwise.
type bookHeader struct {
	Source sourceDef `json:"source"`
	Rows   int       `json:"rows"`
}

// decodeBook reads the generated book: a header, then one entry a line.
func decodeBook(name string, data []byte) (bookHeader, []entryDef, error) {
	var head bookHeader
	var entries []entryDef
	for line := 1; len(data) > 0; line++ {
		var row []byte
		row, data, _ = bytes.Cut(data, []byte("\n"))
		into := any(&head)
		if line > 1 {
			entries = append(entries, entryDef{file: name, line: line, Source: head.Source})
			into = &entries[len(entries)-1]
		}
		dec := json.NewDecoder(bytes.NewReader(row))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
			return head, nil, &fileError{file: name, line: line, err: err}
		}
	}
	if head.Rows != len(entries) {
		return head, nil, errorAt(name, 1, "rows: the header says %d, the file has %d", head.Rows, len(entries))
	}
	return head, entries, nil
}
