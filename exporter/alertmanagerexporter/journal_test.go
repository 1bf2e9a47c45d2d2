package alertmanagerexporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/alerts"
	"github.com/spanwarden/spanwarden/exporter/alertmanagerexporter/internal/metadata"
)

func open(t *testing.T, d *disk) (*journal, map[string]string) {
	t.Helper()
	id := component.MustNewID("file_storage")
	j, err := openJournal(t.Context(), &host{extensions: map[component.ID]component.Component{id: d}}, id, component.NewID(metadata.Type))
	require.NoError(t, err)
	changes, damage, err := j.load(t.Context())
	require.NoError(t, err)
	require.NoError(t, damage)
	j.least = 200
	kept := map[string]string{}
	apply(kept, changes)
	return j, kept
}

func apply(to map[string]string, changes []alerts.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(to, c.Key)
			continue
		}
		to[c.Key] = string(c.Value)
	}
}

func snapshot(of map[string]string) []alerts.Change {
	out := make([]alerts.Change, 0, len(of))
	for _, k := range slices.Sorted(maps.Keys(of)) {
		out = append(out, alerts.Change{Key: k, Value: json.RawMessage(of[k])})
	}
	return out
}

// A crash at any operation loses nothing that was acknowledged and brings nothing
// back that was gone: what is loaded is the state after some save, not an earlier
// one than the last acknowledged.
func TestCrashAtAnyOperation(t *testing.T) {
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		d := newDisk()
		j, state := open(t, d)
		for range 4 {
			d.breakAfter(1 + r.IntN(40))
			after := []map[string]string{maps.Clone(state)} // states that may be loaded
			for {
				changes := []alerts.Change{{Key: fmt.Sprint("k", r.IntN(8)), Value: json.RawMessage(strconv.Itoa(r.IntN(1_000_000)))}}
				if r.IntN(3) == 0 {
					changes = append(changes, alerts.Change{Key: fmt.Sprint("k", r.IntN(8))})
				}
				apply(state, changes)
				after = append(after, maps.Clone(state))
				var err error
				if j.heavy() {
					err = j.compact(t.Context(), snapshot(state))
				} else {
					err = j.add(t.Context(), changes)
				}
				if err != nil {
					break
				}
				after = after[len(after)-1:]
			}
			d.breakNow(false)
			j, state = open(t, d)
			require.Contains(t, after, state, "seed %d", seed)
		}
		assert.Less(t, len(d.data), 60, "old entries are deleted")
	}
}

func TestDamageIsReported(t *testing.T) {
	d := newDisk()
	j, _ := open(t, d)
	require.NoError(t, j.add(t.Context(), []alerts.Change{{Key: "a", Value: json.RawMessage("1")}}))
	require.NoError(t, j.compact(t.Context(), []alerts.Change{{Key: "a", Value: json.RawMessage("1")}}))
	require.NoError(t, j.add(t.Context(), []alerts.Change{{Key: "b", Value: json.RawMessage("2")}}))
	d.data[chunkKey(1, 0)] = []byte("{torn")
	id := component.MustNewID("file_storage")
	h := &host{extensions: map[component.ID]component.Component{id: d}}
	j, err := openJournal(t.Context(), h, id, component.NewID(metadata.Type))
	require.NoError(t, err)
	changes, damage, err := j.load(t.Context())
	require.NoError(t, err)
	assert.ErrorContains(t, damage, chunkKey(1, 0))
	assert.Len(t, changes, 1, "the rest is there")

	d.data[headKey] = []byte(`{"version":99}`)
	_, _, err = j.load(t.Context())
	assert.ErrorIs(t, err, errVersion, "what another version wrote is left alone")
	for _, h := range []*host{{}, {extensions: map[component.ID]component.Component{id: nil}}} {
		_, err = openJournal(t.Context(), h, id, id)
		assert.ErrorContains(t, err, "file_storage")
	}
}

func TestLargeStateIsKeptInChunks(t *testing.T) {
	d := newDisk()
	j, _ := open(t, d)
	want := map[string]string{}
	for i := range 2000 {
		want[fmt.Sprint("key", i)] = `"` + strings.Repeat("x", 1000) + `"`
	}
	require.NoError(t, j.compact(t.Context(), snapshot(want)))
	assert.Greater(t, j.head.Chunks, 5)
	_, got := open(t, d)
	assert.Equal(t, want, got)
}
