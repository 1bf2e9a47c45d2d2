package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// story is a case: what happens, step by step, and what comes of it.
type story struct {
	MinFiring time.Duration `yaml:"min_firing"`
	MaxAlerts int           `yaml:"max_alerts"`
	Steps     []struct {
		At time.Duration `yaml:"at"`
		// Finding and Outcome: an event and what Apply says to it.
		Finding *struct {
			ID, Cause string
			Rank      int
			Resolved  bool
			Lasting   bool
			Time      *time.Duration // of the finding; default At
		} `yaml:"finding"`
		Outcome Outcome `yaml:"outcome"`
		// Post is an Alertmanager that is asked for its post; Want is the post, each
		// item as "cause/rank" with "over" after it for a resolution; Answer is what
		// the Alertmanager says: accepted, failed or refused.
		Post   *int     `yaml:"post"`
		Want   []string `yaml:"want"`
		Answer string   `yaml:"answer"`
		// Restart makes a new State of what was kept.
		Restart bool `yaml:"restart"`
		// Firing is what fires after the step, if given.
		Firing *int `yaml:"firing"`
	} `yaml:"steps"`
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var stories map[string]story
		dec := yaml.NewDecoder(strings.NewReader(string(raw)))
		dec.KnownFields(true)
		require.NoError(t, dec.Decode(&stories), file)
		for name := range stories {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) { tell(t, stories[name]) })
		}
	}
}

func tell(t *testing.T, c story) {
	t.Helper()
	opt := options()
	opt.MinFiring = c.MinFiring
	if c.MaxAlerts > 0 {
		opt.MaxAlerts = c.MaxAlerts
	}
	s := New(opt)
	var kept []Change
	for i, step := range c.Steps {
		now := epoch.Add(step.At)
		s.Tick(now)
		switch {
		case step.Finding != nil:
			f := step.Finding
			at := now
			if f.Time != nil {
				at = epoch.Add(*f.Time)
			}
			ev := Event{ID: f.ID, Cause: f.Cause, Rank: f.Rank, Resolved: f.Resolved, Lasting: f.Lasting, At: at, Content: content(f.Cause, f.Rank)}
			require.Equal(t, step.Outcome, s.Apply(&ev, now), "step %d", i)
		case step.Post != nil:
			post := s.Next(*step.Post, now)
			require.Equal(t, step.Want, itemsOf(post), "step %d", i)
			if post != nil {
				for j := range post.Items {
					post.Items[j].Verdict = map[string]Verdict{"accepted": Accepted, "failed": Failed, "refused": Refused}[step.Answer]
				}
				s.Done(post, now)
			}
		case step.Restart:
			kept = append(kept, s.Changes()...)
			s = New(opt)
			require.NoError(t, s.Load(kept, now))
		}
		kept = append(kept, s.Changes()...)
		if step.Firing != nil {
			assert.Len(t, s.causes, *step.Firing, "step %d", i)
		}
	}
}

func itemsOf(p *Post) []string {
	if p == nil {
		return nil
	}
	var out []string
	for i := range p.Items {
		name := fmt.Sprintf("%s/%d", p.Items[i].about.cause, p.Items[i].about.rank)
		if p.Items[i].Resolved {
			name += " over"
		}
		out = append(out, name)
	}
	return out
}
