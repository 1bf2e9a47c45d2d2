package baselineprocessor

import (
	"encoding/json"

	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/processor/baselineprocessor/internal/engine"
)

// version says what is looked for, and what decides when something is found. The
// content key is not among it.
func (c *Config) version(id component.ID) *finding.Version {
	opt := c.options()
	v := finding.Version{Kind: "baseline", Component: id.String(), Rules: []string{}}
	for _, t := range engine.Types() {
		active := looksFor(&opt.Default, t)
		for _, tuning := range opt.Projects {
			active = active || looksFor(&tuning, t)
		}
		if active {
			v.Rules = append(v.Rules, "baseline."+string(t))
		}
	}
	content, err := json.Marshal(map[string]any{
		"session_ttl": c.SessionTTL.String(), "cool_down": c.CoolDown.String(), "known_sessions": c.KnownSessions, "known_days": c.KnownDays,
		"no_anchor": c.NoAnchor, "tuning": tuned(&opt.Default), "projects": projects(opt.Projects), "limits": c.Limits, "rules": v.Rules,
	})
	if err != nil {
		return &v // cannot happen: numbers are finite, see Validate
	}
	v.Content, v.Version = string(content), finding.Digest(string(content))
	return &v
}

func looksFor(t *engine.Tuning, typ engine.Type) bool {
	switch {
	case t.Muted[typ]:
		return false
	case typ == engine.Loop:
		return t.Loops
	case typ == engine.Novelty:
		return t.Novelty
	}
	return true
}

func tuned(t *engine.Tuning) map[string]any {
	muted := []string{}
	for _, typ := range engine.Types() {
		if t.Muted[typ] {
			muted = append(muted, string(typ))
		}
	}
	return map[string]any{
		"warnings_per_day": t.Budget.PerDay, "probability": t.P, "ratio": t.Ratio, "loops": t.Loops, "novelty": t.Novelty, "mute": muted,
	}
}

func projects(all map[string]engine.Tuning) map[string]any {
	out := map[string]any{}
	for id, t := range all {
		out[id] = tuned(&t)
	}
	return out
}
