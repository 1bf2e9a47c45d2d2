package clickhouseauditexporter

import (
	"sync"

	"go.opentelemetry.io/collector/exporter"
)

// instances are the exporters in use, one a configuration: the traces and the
// logs pipeline of one exporter share its store, its dead letters and its
// telemetry. The collector hands both factories the same *Config.
var instances = struct {
	sync.Mutex
	byConfig map[*Config]*auditExporter
}{byConfig: map[*Config]*auditExporter{}}

// acquire returns the exporter of the configuration, made when first asked for.
// Each acquire needs one release.
func acquire(set exporter.Settings, cfg *Config) (*auditExporter, error) {
	instances.Lock()
	defer instances.Unlock()
	e, ok := instances.byConfig[cfg]
	if !ok {
		var err error
		if e, err = newExporter(set, cfg); err != nil {
			return nil, err
		}
		instances.byConfig[cfg] = e
	}
	e.users++
	return e, nil
}

// release tells whether the caller was the last user of e.
func release(e *auditExporter) bool {
	instances.Lock()
	defer instances.Unlock()
	e.users--
	if e.users > 0 {
		return false
	}
	delete(instances.byConfig, e.cfg)
	return true
}
