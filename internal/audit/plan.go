package audit

import (
	"regexp"
	"strings"
)

// isView tells whether all that the step does is to put a view in place, which holds
// no data.
func (s *Step) isView() bool {
	return s.creates != "" && strings.HasPrefix(statement(s.SQL), "CREATE OR REPLACE VIEW ")
}

// standsAlone tells whether the step makes a view with parameters: the engine looks
// at what such a view reads when it is asked, not when it is made.
func (s *Step) standsAlone() bool { return s.isView() && parameter.MatchString(s.SQL) }

var parameter = regexp.MustCompile(`\{[a-z_]+:`)

// statement is SQL without the comments before it.
func statement(sql string) string {
	for strings.HasPrefix(sql, "--") {
		_, rest, _ := strings.Cut(sql, "\n")
		sql = strings.TrimSpace(rest)
	}
	return sql
}

// mentions tells whether the step says the name, which it may do of something else.
func (s *Step) mentions(name string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(s.SQL)
}

// needs tells whether the step cannot run before what another one makes is there.
func (s *Step) needs(other *Step) bool {
	return s.creates == other.creates || !s.standsAlone() && s.mentions(other.creates)
}

// superseded tells of each step whether it makes a view that a later step makes anew,
// and that nothing before then has to read: it need not run.
func superseded(steps []Step) []bool {
	skip := make([]bool, len(steps))
	for i := range steps {
		for j := i + 1; steps[i].isView() && j < len(steps); j++ {
			if steps[j].needs(&steps[i]) {
				skip[i] = steps[j].isView() && steps[j].creates == steps[i].creates
				break
			}
		}
	}
	return skip
}

// waves puts steps that follow each other, and of which none needs another, together:
// they may run side by side. What makes neither a table nor a view runs by itself.
func waves(steps []Step) [][]Step {
	var all [][]Step
	for i := range steps {
		if n := len(all) - 1; n >= 0 && joins(&steps[i], all[n]) {
			all[n] = append(all[n], steps[i])
			continue
		}
		all = append(all, steps[i:i+1:i+1])
	}
	return all
}

func joins(s *Step, wave []Step) bool {
	if s.creates == "" {
		return false
	}
	for i := range wave {
		if wave[i].creates == "" || s.needs(&wave[i]) {
			return false
		}
	}
	return true
}
