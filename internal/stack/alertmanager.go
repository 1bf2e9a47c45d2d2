package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
)

// ErrNoAlertmanager says that none is installed.
var ErrNoAlertmanager = errors.New("no Alertmanager is installed (Debian: apt-get install prometheus-alertmanager)")

// Alertmanager is where the collector raises alerts.
func (s *Stack) Alertmanager() string { return "http://" + local(s.opts.Ports.Alertmanager) }

// StartAlertmanager starts the Alertmanager that is installed, with the given
// configuration, and waits until it is ready.
func (s *Stack) StartAlertmanager(ctx context.Context, config string) error {
	binary := ""
	for _, name := range []string{"alertmanager", "prometheus-alertmanager"} {
		if found, err := exec.LookPath(name); err == nil {
			binary = found
			break
		}
	}
	if binary == "" {
		return ErrNoAlertmanager
	}
	p, err := start(filepath.Join(s.opts.State, "alertmanager.log"), nil, binary,
		"--config.file", config, "--storage.path", filepath.Join(s.opts.State, "alertmanager"),
		"--web.listen-address", local(s.opts.Ports.Alertmanager), "--cluster.listen-address", "")
	if err != nil {
		return err
	}
	s.alertmanager = p
	return p.waitFor(ctx, s.Alertmanager()+"/-/ready")
}

// Alert is one alert as Alertmanager's API v2 tells it.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Status      struct {
		State       string   `json:"state"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
}

// Alerts returns what fires.
func (s *Stack) Alerts(ctx context.Context) (alerts []Alert, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Alertmanager()+"/api/v2/alerts", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking Alertmanager: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	err = json.NewDecoder(resp.Body).Decode(&alerts)
	return alerts, err
}
