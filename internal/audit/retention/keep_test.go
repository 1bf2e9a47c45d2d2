package retention

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanwarden/spanwarden/internal/audit"
	"github.com/spanwarden/spanwarden/internal/audit/verify"
	"github.com/spanwarden/spanwarden/internal/storeserver/storetest"
)

// A hold keeps what is due until it is released; it is sealed as rows are.
func TestHolds(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(span{at: day("2024-10-05"), tenant: "acme"}, span{at: day("2024-11-05"), tenant: "other"})
	ours := s.hold(Hold{Tenant: "acme", To: day("2025-01-01")})
	nobodys := s.hold(Hold{Tenant: "nobody"})
	assert.Equal(t, map[string]string{"actions 202410": Held, "actions 202411": Dropped}, s.apply())
	assert.Contains(t, s.saidAll(), "actions 202410: stays, hold ["+ours+"]")
	s.verify(verify.OK)

	holds, err := s.k.Holds(t.Context())
	require.NoError(t, err)
	require.Len(t, holds, 2)
	for _, h := range holds {
		if h.ID == ours {
			assert.Equal(t, Hold{
				ID: ours, Active: true, Matter: "Doe v. Acme", Tenant: "acme", Table: audit.All, To: day("2025-01-01"), By: "eve", Reason: "litigation", At: now,
			}, h)
		}
	}
	require.ErrorIs(t, s.k.Release(t.Context(), s.log, "hold-x", "eve", "r", now), ErrNoHold)
	s.release(ours)
	require.ErrorIs(t, s.k.Release(t.Context(), s.log, ours, "eve", "r", now), ErrReleased)
	s.release(nobodys)
	assert.Equal(t, map[string]string{"actions 202410": Dropped}, s.apply())
	s.verify(verify.OK)
	s.exec("ALTER TABLE legal_holds DELETE WHERE event = 'released' SETTINGS mutations_sync = 2")
	s.verify(verify.Tampered)
}

// A hold that is placed while a partition is being dropped counts.
func TestHoldThatIsPlacedInBetween(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(span{at: day("2024-10-05")})
	place := func() { s.hold(Hold{Table: "actions"}) }
	plan, err := s.k.Apply(t.Context(), &crashing{Log: s.log, calls: 100, then: place}, s.work())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"actions 202410": Held}, states(plan))
	s.verify(verify.OK)
}

// putContent stores content of a time; it is merged at once, as the server does some
// time.
func (s *scene) putContent(digest string, at time.Time) {
	s.Helper()
	s.exec(fmt.Sprintf("INSERT INTO content (tenant_id, digest, ts, salt, body) SELECT 'acme', '%s', %s, 'salt', 'body of %s'", digest, instant(at), digest))
	s.exec("OPTIMIZE TABLE content FINAL")
}

func (s *scene) content() string {
	s.Helper()
	return s.ask("SELECT toString(arraySort(groupUniqArray(digest))) FROM content")
}

// Content expires by itself; a hold that covers it stops that, and the last one that
// is released starts it again. What is not held goes all the same, by the job.
func TestContentUnderAHold(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(span{at: now})
	old := now.AddDate(0, 0, -40)
	s.putContent("unheld", old)
	require.Equal(t, "[]", s.content(), "it expires")
	actions := s.hold(Hold{Table: "actions"})
	s.putContent("unheld", old)
	require.Equal(t, "[]", s.content(), "a hold on another table does not stop that")

	one, two := s.hold(Hold{Table: "content", To: old.Add(time.Hour)}), s.hold(Hold{Tenant: "acme", From: old.AddDate(0, 0, -10), To: old.Add(-time.Hour)})
	s.putContent("held 1", old)
	s.putContent("held 2", old.AddDate(0, 0, -5))
	s.putContent("neither", old.Add(2*time.Hour))
	s.putContent("young", now)
	require.Equal(t, "['held 1','held 2','neither','young']", s.content())
	plan, err := s.k.Plan(t.Context(), &Policy{Name: "none"}, time.Time{}, now)
	require.NoError(t, err)
	assert.False(t, plan.ContentTTL)
	assert.Equal(t, uint64(1), plan.OverdueContent)

	s.apply()
	require.Equal(t, "['held 1','held 2','young']", s.content(), "only what nobody holds")
	assert.Equal(t, "sweep 1", s.ask("SELECT concat(kind, ' ', toString(rows)) FROM retention_events"))
	s.release(one)
	s.apply()
	require.Equal(t, "['held 2','young']", s.content(), "nobody holds the other any more")
	s.release(two)
	s.exec("OPTIMIZE TABLE content FINAL")
	assert.Equal(t, "['young']", s.content())
	s.release(actions)
	s.verify(verify.OK)

	s.exec("ALTER TABLE content REMOVE TTL") // a call ended between the TTL and the record of its hold
	s.apply()
	plan, err = s.k.Plan(t.Context(), &Policy{Name: "none"}, time.Time{}, now)
	require.NoError(t, err)
	assert.True(t, plan.ContentTTL)
}

// Erased content is gone, body and salt, and everything verifies as before.
func TestErasure(t *testing.T) {
	s := newScene(t, storetest.Start(t))
	s.store(
		span{at: now, tenant: "acme", session: "s1", principal: "ann", content: "my number is 1"},
		span{at: now, tenant: "acme", session: "s1", principal: "ann", content: "be polite"},
		span{at: now, tenant: "acme", session: "s2", principal: "ben", content: "be polite"},
		span{at: now, tenant: "acme", session: "s2", principal: "ben", content: "my number is 2"},
		span{at: now, tenant: "acme", session: "s3", principal: "cas", content: "my number is 3"},
		span{at: now, tenant: "acme", session: "s4", content: "my number is 4"},
	)
	s.exec("INSERT INTO attributions (action_id, principal_id, settled_ts, writer_id) SELECT action_id, 'dot', now64(9), '' FROM actions WHERE session_id = 's4'")
	bodies := func() string { return s.ask("SELECT toString(arraySort(groupArray(body))) FROM content") }
	digest := func(body string) string {
		return s.ask("SELECT digest FROM content WHERE body = '" + body + "'")
	}
	by := func(e Erasure) *Erasure {
		e.By, e.Reason = "eve", "GDPR article 17"
		if e.Tenant == "" {
			e.Tenant = audit.All
		}
		return &e
	}
	all := "['be polite','my number is 1','my number is 2','my number is 3','my number is 4']"
	require.Equal(t, all, bodies())
	third := digest("my number is 3")

	hold := s.hold(Hold{Table: "content", Tenant: "acme"})
	_, err := s.k.Erase(t.Context(), s.log, by(Erasure{Principal: "ann"}), now)
	require.ErrorIs(t, err, ErrHeld)
	assert.ErrorContains(t, err, hold)
	require.Equal(t, all, bodies())
	s.release(hold)

	found, err := s.k.Find(t.Context(), by(Erasure{Principal: "ann"}))
	require.NoError(t, err)
	assert.Len(t, found.Pieces, 2)
	assert.Equal(t, uint64(1), found.Shared, "ben was told to be polite, too")
	for _, c := range []struct {
		e    Erasure
		n    int
		left string
	}{
		{Erasure{Principal: "ann", Tenant: "other"}, 0, all},
		{Erasure{Principal: "ann", KeepShared: true}, 1, "['be polite','my number is 2','my number is 3','my number is 4']"},
		{Erasure{Session: "s2"}, 2, "['my number is 3','my number is 4']"},
		{Erasure{Digests: []string{third, "no such"}}, 1, "['my number is 4']"},
		{Erasure{Principal: "dot"}, 1, "[]"},
		{Erasure{Principal: "dot"}, 0, "[]"},
	} {
		erased, err := s.k.Erase(t.Context(), s.log, by(c.e), now)
		require.NoError(t, err)
		assert.Len(t, erased.Pieces, c.n, c.e)
		assert.Len(t, erased.Records, min(c.n, 1), c.e)
		require.Equal(t, c.left, bodies(), c.e)
	}
	assert.Equal(t, "[('ann',1),('',2),('',1),('dot',1)]", s.ask("SELECT toString(groupArray((criteria['principal'], rows))) FROM (SELECT * FROM retention_events ORDER BY inserted_at)"))
	assert.Equal(t, third, s.ask("SELECT digests[1] FROM retention_events WHERE criteria['principal'] = '' AND criteria['session'] = ''"))
	assert.Equal(t, "6", s.ask("SELECT toString(countIf(length(content_refs) = 1)) FROM actions"), "the evidence is whole")

	// A collector delivers one of them again; the next run takes it out.
	s.exec("INSERT INTO content (tenant_id, digest, ts, salt, body) SELECT 'acme', '" + third + "', " + instant(now.Add(-time.Minute)) + ", 'salt', 'my number is 3'")
	s.exec("ALTER TABLE attributions DELETE WHERE principal_id = 'dot' SETTINGS mutations_sync = 2") // that nobody sealed
	s.apply()
	assert.Equal(t, "[]", bodies())
	s.verify(verify.OK)
}

func TestPolicies(t *testing.T) {
	soc2, sox, ever := Promise{"a", "soc2", 400}, Promise{"b", "sox", 2557}, Promise{"c", "none", 0}
	for name, c := range map[string]struct {
		asked, reason string
		promises      []Promise
		want          string
		err           string
	}{
		"the longest promise":         {"", "", []Promise{soc2, sox}, "sox/2557d", ""},
		"for ever is longest":         {"", "", []Promise{ever, sox}, "none/for ever", ""},
		"nothing says":                {"", "", nil, "", "no collector's log promises one"},
		"what is asked":               {"sox", "", []Promise{soc2}, "sox/2557d", ""},
		"shorter":                     {"soc2", "", []Promise{soc2, sox}, "", "the log of b says sox (2557 days)"},
		"shorter than for ever":       {"sox", " ", []Promise{ever}, "", "the log of c says none (for ever)"},
		"shorter, and there is a why": {"soc2", "merged with b", []Promise{sox}, "soc2/400d", ""},
		"none such":                   {"soc3", "", nil, "", `not "soc3"`},
	} {
		p, err := Choose(c.asked, c.reason, c.promises)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.want, p.Version(), name)
	}
	p := Policy{Name: "none"}
	assert.False(t, p.Due(time.Unix(0, 0), now))
}

func TestFaultsAreNamed(t *testing.T) {
	h := Hold{Table: "x'", From: now, To: now, By: " "}
	for _, want := range []string{"matter: missing", "by: missing", "reason: missing", `not "x'"`, "is not before"} {
		assert.ErrorContains(t, h.Validate(), want)
	}
	e := Erasure{Digests: []string{""}}
	for _, want := range []string{"by: missing", "reason: missing", `digest: want`} {
		assert.ErrorContains(t, e.Validate(), want)
	}
	e = Erasure{By: "x", Reason: "y"}
	assert.ErrorContains(t, e.Validate(), "want a digest, a session or a principal")
}
