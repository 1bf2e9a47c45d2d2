// Package alertmanager holds the tests of the way out against a real
// Alertmanager, with the configuration that is shipped.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireEnv makes a missing Alertmanager a failure instead of a skip.
const requireEnv = "SPANWARDEN_REQUIRE_ALERTMANAGER"

// patience bounds waiting for processes. Nothing is asserted about how long they
// take.
const patience = 60 * time.Second

// find returns the path of a program, or skips the test.
func find(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	message := fmt.Sprintf("none of %s is installed (Debian: apt-get install prometheus-alertmanager)", strings.Join(names, ", "))
	if os.Getenv(requireEnv) == "1" {
		require.FailNow(tb, message)
	}
	tb.Skip(message)
	return ""
}

// manager is a real Alertmanager, as a process of ours.
type manager struct {
	t      testing.TB
	binary string
	dir    string
	config string
	addr   string
	cmd    *exec.Cmd
	log    *bytes.Buffer
}

// newManager prepares an Alertmanager with the shipped configuration, its
// webhooks at hooks and its waits short.
func newManager(tb testing.TB, hooks *webhook) *manager {
	tb.Helper()
	binary := find(tb, "prometheus-alertmanager", "alertmanager")
	raw, err := os.ReadFile("../../configs/alertmanager.yml")
	require.NoError(tb, err)
	text := strings.ReplaceAll(string(raw), "http://127.0.0.1:5001", hooks.server.URL)
	for from, to := range map[string]string{"group_wait: 10s": "group_wait: 1s", "group_interval: 1m": "group_interval: 1s"} {
		require.Contains(tb, text, from)
		text = strings.ReplaceAll(text, from, to)
	}
	dir := tb.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	require.NoError(tb, os.WriteFile(config, []byte(text), 0o600))
	m := &manager{t: tb, binary: binary, dir: dir, config: config, addr: freeAddress(tb)}
	tb.Cleanup(m.stop)
	m.start()
	return m
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, l.Close()) }()
	return l.Addr().String()
}

func (m *manager) url() string { return "http://" + m.addr }

func (m *manager) start() {
	m.t.Helper()
	m.log = &bytes.Buffer{}
	m.cmd = exec.Command(m.binary, "--config.file="+m.config, "--storage.path="+filepath.Join(m.dir, "data"),
		"--web.listen-address="+m.addr, "--cluster.listen-address=")
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	require.NoError(m.t, m.cmd.Start())
	waitFor(m.t, "Alertmanager to be ready", func() bool {
		resp, err := http.Get(m.url() + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (m *manager) stop() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill() // fails only where it has ended
	_ = m.cmd.Wait()
	if m.t.Failed() {
		m.t.Log(m.log.String())
	}
	m.cmd = nil
}

// shown is an alert as Alertmanager shows it.
type shown struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	GeneratorURL string            `json:"generatorURL"`
	EndsAt       time.Time         `json:"endsAt"`
	Status       struct {
		State       string   `json:"state"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
	Receivers []struct {
		Name string `json:"name"`
	} `json:"receivers"`
}

// alerts returns what fires now, sorted by type and key.
func (m *manager) alerts() []shown {
	resp, err := http.Get(m.url() + "/api/v2/alerts")
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	var out []shown
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil
	}
	slices.SortFunc(out, func(a, b shown) int { return strings.Compare(a.name(), b.name()) })
	return out
}

func (s *shown) name() string { return s.Labels["finding_type"] + " " + s.Labels["finding_key"] }

func (m *manager) names() []string {
	all := m.alerts()
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, a.name())
	}
	return names
}

// wants waits until exactly these alerts fire.
func (m *manager) wants(names ...string) {
	m.t.Helper()
	slices.Sort(names)
	waitFor(m.t, fmt.Sprintf("alerts %q, have %q", names, m.names()), func() bool { return slices.Equal(names, m.names()) })
}

// notification is what a receiver of Alertmanager gets.
type notification struct {
	Receiver    string            `json:"receiver"`
	Status      string            `json:"status"`
	GroupLabels map[string]string `json:"groupLabels"`
	Alerts      []struct {
		Status string            `json:"status"`
		Labels map[string]string `json:"labels"`
	} `json:"alerts"`
}

// webhook collects notifications.
type webhook struct {
	server *httptest.Server
	mu     sync.Mutex
	got    []notification
}

func newWebhook(tb testing.TB) *webhook {
	tb.Helper()
	w := &webhook{}
	w.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notification
		if json.NewDecoder(r.Body).Decode(&n) == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got = append(w.got, n)
		}
	}))
	tb.Cleanup(w.server.Close)
	return w
}

// has tells whether the receiver was notified of the alert with the status.
func (w *webhook) has(receiver, status, name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.got {
		for _, a := range n.Alerts {
			if n.Receiver == receiver && a.Status == status && a.Labels["finding_type"]+" "+a.Labels["finding_key"] == name {
				return true
			}
		}
	}
	return false
}

func (w *webhook) all() []notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			require.FailNow(tb, "waited in vain for "+what)
		case <-tick.C:
		}
	}
}
