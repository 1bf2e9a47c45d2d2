package replay

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Store reads an audit store. It only reads.
type Store struct {
	conn driver.Conn
	// Project, where not empty, is the only project whose actions are read.
	Project string
	content string // the table with content, "" where there is none
	// Unheld counts pieces of content that the store no longer has, or never had.
	Unheld uint64
}

// NewStore returns a reader on a connection whose default database holds the
// schema. The caller closes the connection.
func NewStore(conn driver.Conn) *Store { return &Store{conn: conn} }

// Bounds of what is held at once.
const (
	sliceRows = 50_000  // asked for at once; at least the actions of one hour
	maxOpen   = 200_000 // actions that began before others ended
	bodyRows  = 1_000   // actions whose content is asked for at once
)

// hour is one in which actions began, and how many.
type hour struct {
	at time.Time
	n  uint64
}

func period(from, to time.Time) []any {
	return []any{clickhouse.DateNamed("from", from, clickhouse.NanoSeconds), clickhouse.DateNamed("to", to, clickhouse.NanoSeconds)}
}

const seen = "FROM ev_actions(period_start = @from, period_end = @to) WHERE (@project = '' OR project_id = @project)"

func (s *Store) args(from, to time.Time) []any {
	return append(period(from, to), clickhouse.Named("project", s.Project))
}

// hours returns the hours in which actions began, in order.
func (s *Store) hours(ctx context.Context, from, to time.Time) (out []hour, err error) {
	err = s.each(ctx, "SELECT toStartOfHour(ts) AS h, count() "+seen+" GROUP BY h ORDER BY h", s.args(from, to), func(r driver.Rows) error {
		var h hour
		err := r.Scan(&h.at, &h.n)
		out = append(out, h)
		return err
	})
	return out, err
}

func (s *Store) each(ctx context.Context, query string, args []any, take func(driver.Rows) error) error {
	rows, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Count returns how many actions began in the period, and the hour of the first.
func (s *Store) Count(ctx context.Context, from, to time.Time) (n uint64, first time.Time, err error) {
	hours, err := s.hours(ctx, from, to)
	for _, h := range hours {
		n += h.n
	}
	if len(hours) > 0 {
		first = hours[0].at
	}
	return n, first, err
}

// Read gives emit all actions that began in [from, to), ordered by when they
// ended. Of more than 200,000 that last at a time the first to end is given too
// early. A row is the receiver's.
func (s *Store) Read(ctx context.Context, from, to time.Time, emit func([]*Row) error) error {
	if err := s.findContent(ctx); err != nil {
		return err
	}
	hours, err := s.hours(ctx, from, to)
	if err != nil {
		return fmt.Errorf("reading the actions: %w", err)
	}
	q := &ordered{emit: func(rows []*Row) error {
		if err := s.bodies(ctx, rows); err != nil {
			return err
		}
		return emit(rows)
	}}
	for i := 0; i < len(hours); {
		begin, n := hours[i].at, uint64(0)
		for i < len(hours) && (n == 0 || n+hours[i].n <= sliceRows) {
			n += hours[i].n
			i++
		}
		end := hours[i-1].at.Add(time.Hour)
		if err := s.slice(ctx, later(begin, from), earlier(end, to), q); err != nil {
			return fmt.Errorf("reading the actions from %s: %w", begin.Format(time.RFC3339), err)
		}
	}
	return q.release(time.Time{}, true)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *Store) slice(ctx context.Context, from, to time.Time, q *ordered) error {
	return s.each(ctx, "SELECT "+columns+" "+seen+" ORDER BY ts, action_id", s.args(from, to), func(rows driver.Rows) error {
		r := new(Row)
		if err := r.scan(rows); err != nil {
			return err
		}
		return q.add(r)
	})
}

// ordered turns rows in the order in which they began into the order in which
// they ended: what ended before the newest began can go.
type ordered struct {
	open  byEnd
	ready []*Row
	emit  func([]*Row) error
}

type byEnd []*Row

func (h byEnd) Len() int { return len(h) }
func (h byEnd) Less(i, j int) bool {
	if a, b := h[i].End(), h[j].End(); !a.Equal(b) {
		return a.Before(b)
	}
	// A child ends no later than its parent, and began later.
	if !h[i].TS.Equal(h[j].TS) {
		return h[i].TS.After(h[j].TS)
	}
	return h[i].SpanID < h[j].SpanID
}
func (h byEnd) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *byEnd) Push(x any) { *h = append(*h, x.(*Row)) }

// Pop implements heap.Interface.
func (h *byEnd) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}

func (q *ordered) add(r *Row) error {
	heap.Push(&q.open, r)
	return q.release(r.TS, false)
}

func (q *ordered) release(before time.Time, all bool) error {
	for len(q.open) > 0 && (all || len(q.open) > maxOpen || q.open[0].End().Before(before)) {
		if q.ready = append(q.ready, heap.Pop(&q.open).(*Row)); len(q.ready) == bodyRows {
			if err := q.flush(); err != nil {
				return err
			}
		}
	}
	if all {
		return q.flush()
	}
	return nil
}

func (q *ordered) flush() error {
	if len(q.ready) == 0 {
		return nil
	}
	rows := q.ready
	q.ready = nil
	return q.emit(rows)
}

// findContent looks which table holds content: that of the cluster, where there is
// one.
func (s *Store) findContent(ctx context.Context) error {
	const query = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ('content', 'content_all') ORDER BY name"
	err := s.each(ctx, query, nil, func(r driver.Rows) error { return r.Scan(&s.content) })
	if err != nil {
		return fmt.Errorf("looking for the content table: %w", err)
	}
	return nil
}

// bodies fills in the content of rows, as far as the store has it.
func (s *Store) bodies(ctx context.Context, rows []*Row) error {
	var digests []string
	for _, r := range rows {
		for _, d := range r.Refs {
			digests = append(digests, d)
		}
	}
	if s.content == "" || len(digests) == 0 {
		return nil
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	body := make(map[[2]string]string, len(digests))
	err := s.each(ctx, "SELECT tenant_id, digest, body FROM "+s.content+" WHERE digest IN (@digests) LIMIT 1 BY tenant_id, digest",
		[]any{clickhouse.Named("digests", digests)}, func(r driver.Rows) error {
			var tenant, digest, text string
			err := r.Scan(&tenant, &digest, &text)
			body[[2]string{tenant, digest}] = text
			return err
		})
	if err != nil {
		return fmt.Errorf("reading content: %w", err)
	}
	for _, r := range rows {
		for key, digest := range r.Refs {
			text, ok := body[[2]string{r.Tenant, digest}]
			if !ok {
				s.Unheld++
				continue
			}
			if r.Content == nil {
				r.Content = make(map[string]string, len(r.Refs))
			}
			r.Content[key] = text
		}
	}
	return nil
}

// Found is what is on record of one finding in a period.
type Found struct {
	ID, Type, Rule, Agent, Severity, Session, Key, TraceID, Message string
	First, Last                                                     time.Time
}

// Findings gives take every finding that fired in [from, to), each once.
func (s *Store) Findings(ctx context.Context, from, to time.Time, take func(*Found)) error {
	return s.findings(ctx, "", s.args(from, to), take)
}

// Known gives take those of the findings that are on record, whenever they were
// found: what time alone proves may be found long after what it is about.
func (s *Store) Known(ctx context.Context, ids []string, take func(*Found)) error {
	for part := range slices.Chunk(ids, bodyRows) {
		args := append(s.args(time.Unix(1, 0), time.Unix(1<<33, 0)), clickhouse.Named("ids", part))
		if err := s.findings(ctx, " AND finding_id IN (@ids)", args, take); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) findings(ctx context.Context, more string, args []any, take func(*Found)) error {
	err := s.each(ctx, `SELECT finding_id, any(toString(type)), argMax(toString(rule), ts), argMax(toString(agent_id), ts), argMax(toString(severity), ts),
    argMax(session_id, ts), any(key), argMax(trace_id, ts), argMax(message, ts), min(ts), max(ts)
FROM ev_finding_events(period_start = @from, period_end = @to)
WHERE state = 'firing' AND (@project = '' OR project_id = @project)`+more+`
GROUP BY tenant_id, finding_id`, args, func(r driver.Rows) error {
		var f Found
		err := r.Scan(&f.ID, &f.Type, &f.Rule, &f.Agent, &f.Severity, &f.Session, &f.Key, &f.TraceID, &f.Message, &f.First, &f.Last)
		if err == nil {
			take(&f)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the findings on record: %w", err)
	}
	return nil
}
