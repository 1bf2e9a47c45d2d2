package alertmanagerexporter

import (
	"context"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
)

// save writes what changed. Callers that wait for each other share a write.
func (e *alertExporter) save(ctx context.Context) error {
	if e.journal == nil {
		e.mu.Lock()
		e.state.ForgetChanges()
		e.mu.Unlock()
		return nil
	}
	e.saveMu.Lock()
	defer e.saveMu.Unlock()
	e.mu.Lock()
	changes := e.state.Changes()
	var snapshot []alerts.Change
	if e.journal.heavy() {
		snapshot = e.state.Snapshot()
	}
	e.mu.Unlock()
	changes = append(e.unsaved, changes...)
	e.unsaved = nil
	var err error
	switch {
	case snapshot != nil:
		err = e.journal.compact(ctx, snapshot) // which holds the changes, too
	case len(changes) > 0:
		err = e.journal.add(ctx, changes)
	}
	if err != nil {
		e.tel.ExporterAlertmanagerStorageErrors.Add(ctx, 1)
		e.unsaved = newest(changes)
	}
	return err
}

func (e *alertExporter) saveInBackground(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := e.save(ctx); err != nil {
		e.loud.Error("The state cannot be written. Alerts go out; a restart now may forget some.", zap.Error(err))
	}
}

// newest keeps the last change of each record: what is unsaved for long must not
// grow beyond the state itself.
func newest(changes []alerts.Change) []alerts.Change {
	last := make(map[string]int, len(changes))
	for i := range changes {
		last[changes[i].Key] = i
	}
	kept := changes[:0]
	for i := range changes {
		if last[changes[i].Key] == i {
			kept = append(kept, changes[i])
		}
	}
	return kept
}
