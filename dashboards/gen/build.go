package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// dashboards returns all, by the names of their files.
func dashboards(evidence string) (map[string][]byte, error) {
	lib := library(evidence)
	files := map[string][]byte{}
	var errs []error
	for name, write := range map[string]func(library) *page{
		"fleet": fleet, "agent": agent, "session": session, "boundaries": boundaries,
		"delegation": delegation, "baselines": baselines, "evidence": health,
	} {
		d, err := write(lib).finish()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		raw, err := json.Marshal(d)
		errs = append(errs, err)
		text, err := readable(raw)
		errs = append(errs, err)
		files[name+".json"] = text
	}
	return files, errors.Join(errs...)
}

// readable is the same JSON with sorted keys, and < and > as they are.
func readable(raw []byte) ([]byte, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return out.Bytes(), err
}
