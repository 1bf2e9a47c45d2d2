package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// store is the embedded engine of one run.
type store struct {
	*child
	url string
}

func startStore(ctx context.Context, o *options, p *place) (*store, error) {
	listen := "127.0.0.1:" + strconv.Itoa(p.store)
	c, err := start(filepath.Join(p.dir, "store.log"), nil, filepath.Join(o.bin, "spanwarden"),
		"store", "serve", "--path", filepath.Join(p.dir, "store"), "--listen", listen)
	if err != nil {
		return nil, err
	}
	s := &store{child: c, url: "http://" + listen + "/"}
	if err := c.waitFor(ctx, s.url+"ping"); err != nil {
		c.kill()
		return nil, err
	}
	return s, nil
}

func (s *store) stop() {
	if _, err := s.child.stop(); err != nil {
		s.kill()
	}
}

// ask returns the answer to a statement as text.
func (s *store) ask(ctx context.Context, sql string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", sql, answer)
	}
	return strings.TrimSpace(string(answer)), nil
}

func (s *store) number(ctx context.Context, sql string) (int64, error) {
	text, err := s.ask(ctx, sql)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// waitFor returns once the table holds every span. A sender that does not know
// whether it was heard sends again: some may be there twice.
func (s *store) waitFor(ctx context.Context, side *side, spans int) error {
	for {
		n, err := s.number(ctx, "SELECT uniqExact("+side.id+") FROM "+side.database+"."+side.table)
		switch {
		case err != nil && !strings.Contains(err.Error(), "UNKNOWN"): // the table may not be there yet
			return err
		case n > int64(spans):
			return fmt.Errorf("%d spans are stored, only %d were sent", n, spans)
		case n == int64(spans):
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d spans are stored: %w", n, spans, ctx.Err())
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// measure merges every table to one part a partition and adds up what they take.
func (s *store) measure(ctx context.Context, o *options, side *side, r *result) error {
	tables, err := s.ask(ctx, "SELECT name FROM system.tables WHERE database = '"+side.database+"' AND engine LIKE '%MergeTree'")
	if err != nil {
		return err
	}
	for table := range strings.FieldsSeq(tables) {
		if _, err := s.ask(ctx, "OPTIMIZE TABLE "+side.database+"."+table+" FINAL"); err != nil {
			return err
		}
	}
	active := " FROM system.parts WHERE active AND database = '" + side.database + "'"
	bytes, err := s.number(ctx, "SELECT sum(bytes_on_disk)"+active)
	if err != nil {
		return err
	}
	r.stored = float64(bytes) / float64(o.spans)
	if r.tables, err = s.ask(ctx, "SELECT table, sum(rows), sum(bytes_on_disk), round(sum(bytes_on_disk) / "+strconv.Itoa(o.spans)+", 2)"+
		active+" GROUP BY table ORDER BY 3 DESC"); err != nil {
		return err
	}
	if o.columns {
		r.columns, err = s.ask(ctx, "SELECT table, column, sum(column_data_compressed_bytes) AS b, round(b / "+strconv.Itoa(o.spans)+", 2)"+
			" FROM system.parts_columns WHERE active AND database = '"+side.database+"' GROUP BY table, column ORDER BY b DESC LIMIT 60")
	}
	return err
}
