// Package alertmanagerexporter raises an alert for each cause of findings at one
// or several Alertmanagers, refreshes it while the cause lasts and resolves it.
package alertmanagerexporter

//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml
