package audit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stepsOf reads a step a line: "name: SQL".
func stepsOf(text string) []Step {
	var steps []Step
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		name, sql, _ := strings.Cut(strings.TrimSpace(line), ": ")
		s := Step{Name: name, SQL: "-- why\n-- so\n" + sql}
		if m := creation.FindStringSubmatch(sql); m != nil {
			s.creates = m[1]
		}
		steps = append(steps, s)
	}
	return steps
}

func stepNames(steps []Step) (all []string) {
	for i := range steps {
		all = append(all, steps[i].Name)
	}
	return all
}

func TestPlans(t *testing.T) {
	const period = " WHERE ts < {period_end:String}"
	for name, c := range map[string]struct {
		steps string
		skip  string   // names of steps that need not run
		waves []string // names of those that run side by side
	}{
		"tables, and what stands on them": {
			"db: CREATE DATABASE d\na: CREATE TABLE {db}.a (x Int8)\nb: CREATE TABLE {db}.b (x Int8)\nab: CREATE OR REPLACE VIEW {db}.ab AS SELECT * FROM a, b\nc: CREATE TABLE {db}.c (x Int8)",
			"",
			[]string{"db", "a b", "ab c"},
		},
		"a view with parameters reads nothing yet": {
			"a: CREATE TABLE {db}.a (x Int8)\nv: CREATE OR REPLACE VIEW {db}.v AS SELECT * FROM a" + period + "\nw: CREATE OR REPLACE VIEW {db}.w AS SELECT * FROM v, a" + period,
			"",
			[]string{"a v w"},
		},
		"what fills or alters is by itself": {
			"a: CREATE TABLE {db}.a (x Int8)\nb: CREATE TABLE {db}.b (x Int8)\nalter: ALTER TABLE {db}.a ADD COLUMN y Int8\nfill: INSERT INTO {db}.a SELECT 1\nc: CREATE TABLE {db}.c (x Int8)",
			"",
			[]string{"a b", "alter", "fill", "c"},
		},
		"a view that is made anew": {
			"v1: CREATE OR REPLACE VIEW {db}.v AS SELECT 1" + period + "\nw: CREATE OR REPLACE VIEW {db}.w AS SELECT * FROM v" + period + "\nv2: CREATE OR REPLACE VIEW {db}.v AS SELECT 2" + period,
			"v1",
			[]string{"w v2"},
		},
		"and that was read in between": {
			"v1: CREATE OR REPLACE VIEW {db}.v AS SELECT 1" + period + "\nw: CREATE OR REPLACE VIEW {db}.w AS SELECT * FROM v\nv2: CREATE OR REPLACE VIEW {db}.v AS SELECT 2" + period,
			"",
			[]string{"v1", "w v2"},
		},
		"three times": {
			"v1: CREATE OR REPLACE VIEW {db}.v AS SELECT 1\nv2: CREATE OR REPLACE VIEW {db}.v AS SELECT 2\nv3: CREATE OR REPLACE VIEW {db}.v AS SELECT 3",
			"v1 v2",
			[]string{"v3"},
		},
		"a table stays what it is": {
			"v1: CREATE TABLE {db}.v (x Int8)\nv2: CREATE OR REPLACE VIEW {db}.v AS SELECT 2\nm1: CREATE MATERIALIZED VIEW {db}.m TO v AS SELECT 1\nm2: CREATE OR REPLACE VIEW {db}.m AS SELECT 1",
			"",
			[]string{"v1", "v2", "m1", "m2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			steps := stepsOf(c.steps)
			var skip []string
			var rest []Step
			for i, not := range superseded(steps) {
				if not {
					skip = append(skip, steps[i].Name)
				} else {
					rest = append(rest, steps[i])
				}
			}
			assert.Equal(t, c.skip, strings.Join(skip, " "))
			planned := waves(rest)
			got := make([]string, 0, len(planned))
			for _, wave := range planned {
				got = append(got, strings.Join(stepNames(wave), " "))
			}
			assert.Equal(t, c.waves, got)
		})
	}
}

// What a new store is spared.
func TestPlanOfTheSchema(t *testing.T) {
	steps, err := Steps(Options{})
	require.NoError(t, err)
	due, err := dueSteps(steps, nil, nil)
	require.NoError(t, err)
	require.Len(t, due, len(steps))
	skipped := map[uint32]bool{}
	for i := range due {
		if due[i].superseded {
			skipped[due[i].Version] = true
			assert.True(t, due[i].isView(), due[i].Name)
		}
	}
	for _, version := range []uint32{60, 96, 107, 110, 186} {
		assert.True(t, skipped[version], "%d is made anew", version)
	}
	done := map[uint32]string{}
	present := map[string]bool{}
	for i := range steps {
		done[steps[i].Version], present[steps[i].creates] = steps[i].Checksum, true
	}
	due, err = dueSteps(steps, done, present)
	require.NoError(t, err)
	assert.Empty(t, due)
	done[60] = "another"
	_, err = dueSteps(steps, done, present)
	require.ErrorIs(t, err, ErrChangedMigration)
}
