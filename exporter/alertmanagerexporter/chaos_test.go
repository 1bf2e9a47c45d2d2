package alertmanagerexporter

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/finding"
)

// Whatever breaks and whenever, in the end each Alertmanager shows the causes
// whose last finding fires, and no other: disks that fail at any operation,
// crashes, Alertmanagers that are down or answer what they like, batches that come
// again. The sender does what a sender has to: it repeats what was not taken.
func TestChaos(t *testing.T) {
	for seed := range 25 {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(uint64(seed), 11))) })
		})
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	t.Helper()
	g := newRig(t, func(c *Config) { c.Limits.PostAlerts = 3 })
	answers := []func(*http.Request, []postable) (int, error){
		nil, down, always(http.StatusInternalServerError), always(http.StatusBadRequest), always(http.StatusTooManyRequests),
	}
	last := map[string]finding.Finding{}
	old := make([]finding.Finding, 0, 400)
	for range 60 {
		time.Sleep(time.Duration(1+r.IntN(120)) * time.Second)
		for _, host := range []string{am1, am2} {
			if r.IntN(4) == 0 {
				g.fakes.set(host, answers[r.IntN(len(answers))])
			}
		}
		switch r.IntN(8) {
		case 0:
			g.disk.breakAfter(1 + r.IntN(4))
		case 1:
			g.kill()
			g.start()
			continue
		}
		var batch []finding.Finding
		for range 1 + r.IntN(5) {
			f := found(finding.BudgetExceeded, fmt.Sprintf("budget-%02d", r.IntN(12)))
			f.At = time.Now().Add(time.Duration(len(batch)) - time.Millisecond)
			if r.IntN(2) == 0 {
				f.State = finding.Resolved
			}
			last[f.Key] = f
			batch = append(batch, f)
		}
		if len(old) > 0 && r.IntN(2) == 0 {
			batch = append(batch, old[r.IntN(len(old))])
		}
		old = append(old, batch...)
		for g.e.pushLogs(t.Context(), logsOf(t, batch...)) != nil {
			g.kill() // which mends the disk
			g.start()
		}
	}
	g.kill()
	g.start()
	defer g.stop()
	time.Sleep(20 * time.Minute)
	var want []string
	for key := range last {
		if f := last[key]; f.State == finding.Firing {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	require.NotEmpty(t, want)
	g.both(want...)
}
