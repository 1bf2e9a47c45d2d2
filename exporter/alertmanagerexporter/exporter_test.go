package alertmanagerexporter

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadata"
	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadatatest"
	"github.com/spanwarden/spanwarden/internal/finding"
)

func TestRaiseRefreshResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		halt := found(finding.BudgetHalt, "halt")
		r.send(halt)
		r.both("halt")
		assert.Equal(t, 1, r.fakes.requests(am1), "at once, in one post")
		time.Sleep(24 * time.Hour)
		r.both("halt")
		assert.InDelta(t, 24*60, r.fakes.requests(am1), 40, "once a minute")
		r.send(over(halt))
		r.both()
		n := r.fakes.requests(am1)
		time.Sleep(time.Hour)
		assert.Equal(t, n, r.fakes.requests(am1), "what is over needs no posts")
	})
}

func TestPointsInTimeLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.send(found(finding.BoundaryTool, "shell"))
		time.Sleep(50 * time.Minute)
		again := found(finding.BoundaryTool, "shell")
		again.ID = "another action, the same cause"
		r.send(again)
		time.Sleep(50 * time.Minute)
		r.both("shell")
		time.Sleep(11 * time.Minute)
		r.both()
	})
}

func TestDeadCollectorLetsAlertsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.send(found(finding.BudgetHalt, "halt"))
		r.both("halt")
		r.kill()
		time.Sleep(5 * time.Minute)
		r.both()
		r.start()
		defer r.stop()
		r.both("halt")
	})
}

func TestDownForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am1, down)
		r.fakes.set(am2, always(http.StatusInternalServerError))
		want := make([]string, 0, 90)
		for i := range 90 {
			f := found(finding.BoundaryTool, fmt.Sprintf("tool-%03d", i))
			want = append(want, f.Key)
			r.send(f)
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		assert.Less(t, r.fakes.requests(am1), 400, "backoff")
		assert.Greater(t, r.fakes.requests(am1), 100, "but no giving up")
		assert.Len(t, r.logs.FilterMessageSnippet("does not take alerts").All(), 2, "one line for each, not one for each attempt")
		r.fakes.set(am1, nil)
		time.Sleep(time.Minute)
		r.shows(am1, want...)
		r.shows(am2)
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, want...)
		time.Sleep(time.Hour)
		r.both()
	})
}

func TestOneOfTwoDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am2, down)
		halt := found(finding.BudgetHalt, "halt")
		r.send(halt, found(finding.BudgetExceeded, "spent"))
		r.shows(am1, "halt", "spent")
		time.Sleep(2 * time.Hour)
		r.send(over(halt))
		r.shows(am1, "spent")
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, "spent")
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		status := func(want componentstatus.Status) {
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			require.Equal(t, want, r.host.is())
		}
		r.fakes.set(am1, down)
		r.fakes.set(am2, down)
		r.send(found(finding.BudgetHalt, "halt"))
		status(componentstatus.StatusRecoverableError)
		r.fakes.set(am1, nil)
		status(componentstatus.StatusRecoverableError)
		r.fakes.set(am2, nil)
		status(componentstatus.StatusOK)
	})
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		r.fakes.set(am2, func(req *http.Request, _ []postable) (int, error) {
			<-req.Context().Done() // until the client has had enough
			return 0, req.Context().Err()
		})
		r.send(found(finding.BudgetHalt, "halt"))
		r.shows(am1, "halt")
		time.Sleep(time.Hour)
		r.shows(am1, "halt")
		r.shows(am2)
		r.fakes.set(am2, nil)
		time.Sleep(time.Minute)
		r.shows(am2, "halt")
	})
}

func TestOneAlertIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		picky := func(_ *http.Request, posted []postable) (int, error) {
			for _, a := range posted {
				if a.Labels["finding_key"] == "bad" {
					return http.StatusBadRequest, nil
				}
			}
			return http.StatusOK, nil
		}
		r.fakes.set(am1, picky)
		r.send(found(finding.BoundaryTool, "a"), found(finding.BoundaryTool, "bad"), found(finding.BoundaryTool, "c"), found(finding.BoundaryTool, "d"))
		r.shows(am1, "a", "c", "d")
		r.shows(am2, "a", "bad", "c", "d")
		logged := r.logs.FilterMessageSnippet("will never take this alert").All()
		require.Len(t, logged, 1)
		assert.Contains(t, fmt.Sprint(logged[0].ContextMap()["labels"]), "finding_key:bad")
		metadatatest.AssertEqualExporterAlertmanagerAlertsDropped(t, r.tel, dropped(0, 1), ignoreTime()...)
		time.Sleep(30 * time.Minute)
		r.shows(am1, "a", "c", "d")
		time.Sleep(31 * time.Minute)
		r.both()
	})
}

// What blames every post, the empty one too, is not about the alerts.
func TestEverythingIsRefused(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			defer r.stop()
			r.fakes.set(am1, always(status))
			r.fakes.set(am2, always(status))
			r.send(found(finding.BoundaryTool, "a"), found(finding.BoundaryTool, "b"), found(finding.BoundaryTool, "c"))
			time.Sleep(3 * time.Hour)
			r.fakes.set(am1, nil)
			r.fakes.set(am2, nil)
			time.Sleep(time.Minute)
			r.both("a", "b", "c")
		})
	}
}

func TestReplayRaisesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		halt, shell := found(finding.BudgetHalt, "halt"), found(finding.BoundaryTool, "shell")
		time.Sleep(time.Second)
		r.send(halt, shell)
		r.send(over(halt))
		r.both("shell")
		n := r.fakes.requests(am1)
		for range 5 {
			r.send(halt, shell)
		}
		r.both("shell")
		assert.Equal(t, n, r.fakes.requests(am1))
		time.Sleep(2 * time.Hour)
		r.both()
		r.kill()
		r.start()
		defer r.stop()
		r.send(halt, shell)
		r.both()
	})
}

func TestShadowBudgetsAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		shadow := found(finding.BudgetExceeded, "shadow")
		shadow.Severity = finding.Info
		r.send(shadow, found(finding.ConfigChanged, "config"), found(finding.BudgetWarning, "warn"))
		r.both("warn")
	})
}

func TestMinSeverity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MinSeverity = "critical" })
		defer r.stop()
		r.send(found(finding.BudgetWarning, "warn"), found(finding.BoundaryTool, "shell"), found(finding.BudgetHalt, "halt"))
		r.both("halt")
	})
}

func TestStormIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Limits.Alerts, c.Limits.Findings, c.Limits.PostAlerts = 10, 20, 7 })
		defer r.stop()
		r.send(found(finding.BudgetHalt, "halt"))
		for i := range 100 {
			r.send(found(finding.BaselineRate, fmt.Sprintf("rate-%03d", i)))
		}
		for i := range 3 {
			r.send(found(finding.BoundaryTool, fmt.Sprintf("tool-%03d", i)))
		}
		synctest.Wait()
		time.Sleep(10 * time.Minute) // what was evicted lapses
		r.both("", "halt", "rate-094", "rate-095", "rate-096", "rate-097", "rate-098", "rate-099", "tool-000", "tool-001", "tool-002")
		var summary postable
		for _, a := range r.fakes.by[am1].alerts {
			if a.Labels[labelAlertname] == "SpanwardenFindingsDropped" {
				summary = a
			}
		}
		assert.Equal(t, map[string]string{"alertname": "SpanwardenFindingsDropped", "severity": "high"}, summary.Labels)
		assert.Contains(t, summary.Annotations["summary"], "94 alerts were dropped")
		metadatatest.AssertEqualExporterAlertmanagerAlertsDropped(t, r.tel, dropped(94, 0), ignoreTime()...)
		r.kill()
		r.start()
		time.Sleep(2 * time.Hour)
		r.both("halt")
	})
}

func TestGarbageIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.stop()
		ld := logsOf(t, found(finding.BudgetHalt, "halt"), found(finding.BudgetHalt, "spoilt"))
		records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		records.At(1).Attributes().PutStr("spanwarden.finding.severity", "loud")
		records.AppendEmpty().Body().SetStr("an application's log")
		require.NoError(t, r.e.pushLogs(t.Context(), ld))
		require.NoError(t, r.e.pushLogs(t.Context(), plog.NewLogs()))
		r.both("halt")
		metadatatest.AssertEqualExporterAlertmanagerRecordsRefused(t, r.tel, refused(finding.ReasonSeverity, finding.ReasonEvent), ignoreTime()...)
		assert.Len(t, r.logs.FilterMessageSnippet("claims to be a finding").All(), 1)
	})
}

func TestStorageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.disk.breakNow(true)
		ld := logsOf(t, found(finding.BudgetHalt, "halt"))
		require.ErrorContains(t, r.e.pushLogs(t.Context(), ld), "broken disk")
		r.both("halt") // the alert goes out all the same
		r.disk.breakNow(false)
		require.NoError(t, r.e.pushLogs(t.Context(), ld), "the sender repeats it")
		r.kill()
		r.start()
		defer r.stop()
		r.both("halt")
	})
}

func TestNoStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.stop()
		id := r.cfg.Storage
		r.cfg.Storage = nil
		defer func() { r.cfg.Storage = id }()
		set := exportertest.NewNopSettings(metadata.Type)
		e, err := newExporter(set, r.cfg)
		require.NoError(t, err)
		e.dial = r.e.dial
		require.NoError(t, e.start(t.Context(), componenttest.NewNopHost()))
		r.e = e
		r.send(found(finding.BudgetHalt, "halt"))
		r.both("halt")
		time.Sleep(time.Hour)
		require.NoError(t, e.shutdown(t.Context()))
		assert.Empty(t, e.state.Changes(), "they do not pile up")
		require.NoError(t, e.shutdown(t.Context()), "twice")
	})
}

func TestShutdownPostsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.send(found(finding.BudgetHalt, "halt"))
		r.stop()
		r.both("halt")
	})
}
