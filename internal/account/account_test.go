package account_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/spanwarden/spanwarden/internal/account"
)

type readCase struct {
	Exporter   string   `yaml:"exporter"`
	Receivers  []string `yaml:"receivers"`
	Processors []string `yaml:"processors"`
	Text       string   `yaml:"text"`
	Error      string   `yaml:"error"`
	Want       struct {
		Instance        string  `yaml:"instance"`
		Accepted        uint64  `yaml:"accepted"`
		Refused         uint64  `yaml:"refused"`
		Removed         uint64  `yaml:"removed"`
		Added           uint64  `yaml:"added"`
		Limited         uint64  `yaml:"limited"`
		GaveUp          uint64  `yaml:"gave_up"`
		RecordsAccepted uint64  `yaml:"records_accepted"`
		QueueSize       *uint64 `yaml:"queue_size"`
		QueueCapacity   *uint64 `yaml:"queue_capacity"`
	} `yaml:"want"`
}

func readCases(tb testing.TB) map[string]readCase {
	tb.Helper()
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(tb, err)
	cases := map[string]readCase{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(tb, err)
		var c readCase
		dec := yaml.NewDecoder(bytes.NewReader(raw))
		dec.KnownFields(true)
		require.NoError(tb, dec.Decode(&c), file)
		cases[strings.TrimSuffix(filepath.Base(file), ".yaml")] = c
	}
	return cases
}

func TestRead(t *testing.T) {
	for name, c := range readCases(t) {
		t.Run(name, func(t *testing.T) {
			f, err := account.Read(strings.NewReader(c.Text), &account.Scope{Exporter: c.Exporter, Receivers: c.Receivers, Processors: c.Processors})
			if c.Error != "" {
				require.ErrorContains(t, err, c.Error)
				return
			}
			require.NoError(t, err)
			w := &c.Want
			assert.Equal(t, account.Figures{
				Instance:  w.Instance,
				Spans:     account.Signal{Accepted: w.Accepted, Refused: w.Refused, Removed: w.Removed, Added: w.Added, Limited: w.Limited, GaveUp: w.GaveUp},
				Records:   account.Signal{Accepted: w.RecordsAccepted},
				QueueSize: w.QueueSize, QueueCapacity: w.QueueCapacity,
			}, f)
		})
	}
}

// Whatever is answered, reading it ends without a panic, and what is read came from
// a collector.
func FuzzRead(f *testing.F) {
	for _, c := range readCases(f) {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		figures, err := account.Read(strings.NewReader(text), &account.Scope{Exporter: "clickhouse_audit"})
		if err == nil {
			assert.NotEmpty(t, figures.Instance)
		}
	})
}

// model is a collector in which every item's fate is known.
type model struct {
	s    account.Signal
	own  account.Own
	lost int64
}

func (m *model) item(fate int) {
	switch fate {
	case 0: // arrives, is taken, becomes a row
		m.s.Accepted++
		m.own.Offered++
		m.own.Written++
	case 1: // the memory limiter turns it away
		m.s.Refused++
		m.s.Removed++
		m.s.Limited++
	case 2: // the queue is full
		m.s.Refused++
		m.own.Offered++
		m.own.TurnedAway++
	case 3: // filtered
		m.s.Accepted++
		m.s.Removed++
	case 4: // made inside
		m.own.Offered++
		m.own.Inside++
		m.own.NoRow++
	case 5: // copied by a processor
		m.s.Added++
		m.own.Offered++
		m.own.Dead++
	case 6: // waits
		m.s.Accepted++
		m.own.Offered++
	case 7: // lost on the way
		m.s.Accepted++
		m.lost++
	}
}

// What is lost is found, to the item, and everything else ties out.
func TestBalanceFindsWhatIsLost(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var m model
		for range rng.IntN(60) {
			m.item(rng.IntN(8))
		}
		l := account.Balance(&m.s, &m.own, &m.own)
		require.Equal(t, m.lost, l.Unaccounted)
		require.Equal(t, int64(l.Received+l.Inside+l.Added), int64(l.Refused+l.Filtered+l.Entered)+l.Unaccounted)
		require.GreaterOrEqual(t, l.Entered, l.Written+l.NoRow+l.Dead)

		// While things flow the exporter's door is read twice: what came in between is no
		// difference, whichever part of it the collector counted already.
		before := m.own
		late := rng.IntN(20)
		seen := rng.IntN(late + 1)
		for i := range late {
			if i < seen {
				m.item(0)
			} else {
				m.own.Offered++
			}
		}
		l = account.Balance(&m.s, &before, &m.own)
		require.LessOrEqual(t, l.Unaccounted, m.lost)
		require.GreaterOrEqual(t, l.Unaccounted, m.lost-int64(late))
		require.Equal(t, int64(l.Received+l.Inside+l.Added), int64(l.Refused+l.Filtered+l.Entered)+l.Unaccounted)
		if m.lost == 0 {
			require.Zero(t, l.Unaccounted)
		}
	}
}

// Without the collector's figures nothing is said about what it received.
func TestBalanceWithoutFigures(t *testing.T) {
	own := account.Own{Offered: 9, Inside: 1, TurnedAway: 2, Written: 5, NoRow: 1}
	l := account.Balance(nil, &own, &own)
	assert.False(t, l.Known)
	detail := map[string]string{}
	l.Detail("spans_", detail)
	assert.Equal(t, map[string]string{"spans_inside": "1", "spans_refused": "2", "spans_entered": "7", "spans_written": "5", "spans_no_row": "1"}, detail)
}
