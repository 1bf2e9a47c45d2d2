package findingsconnector

import (
	"sync"
	"time"
)

// quietFor is how long a subject that was logged is not logged again.
const quietFor = 10 * time.Second

// quiet keeps logs from repeating themselves. Subjects are a closed set, so it
// does not grow. Safe for concurrent use.
type quiet struct {
	mu   *sync.Mutex
	last map[string]time.Time
	held map[string]int
}

func newQuiet() quiet {
	return quiet{mu: &sync.Mutex{}, last: map[string]time.Time{}, held: map[string]int{}}
}

// speak tells whether n new events of a subject are to be logged now, and how
// many were not logged since it was last.
func (q *quiet) speak(subject string, n int, now time.Time) (held int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last, spoke := q.last[subject]; spoke && now.Sub(last) < quietFor {
		q.held[subject] += n
		return 0, false
	}
	held = q.held[subject]
	q.last[subject], q.held[subject] = now, 0
	return held, true
}
