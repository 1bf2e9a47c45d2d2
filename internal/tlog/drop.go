package tlog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Drop is what a leaf of the kind RetentionDrop says: which rows are about to go.
type Drop struct {
	ID               string
	Table, Partition string // a month, "202411"
	Rows             uint64 // in the partition
	Unsealed         uint64 // of these, those that no leaf tells of
	MinTS, MaxTS     int64  // ns since 1970
	Policy           string
	PolicyDays       uint64
	By, Reason       string
	Logs             []DropLog
	Splits           []DropSplit
}

// DropLog is what of a log is in the partition.
type DropLog struct {
	Writer      string
	Epoch       uint64
	First, Last uint64 // leaves
	Batches     uint64
	Rows        uint64
}

// DropSplit is what stays of a batch that has rows elsewhere, too.
type DropSplit struct {
	Writer string
	Epoch  uint64
	Seq    uint64
	Rows   uint64
	Digest [32]byte // D of what stays; zero where that is nothing
}

// MaxDropEntries bounds logs and splits of one leaf. More are told in several leaves
// with one ID.
const MaxDropEntries = 1000

// Detail is the drop as details of a leaf.
func (d *Drop) Detail() map[string]string {
	m := map[string]string{
		"drop": d.ID, "table": d.Table, "partition": d.Partition, "rows": strconv.FormatUint(d.Rows, 10), "unsealed": strconv.FormatUint(d.Unsealed, 10),
		"min_ts": strconv.FormatInt(d.MinTS, 10), "max_ts": strconv.FormatInt(d.MaxTS, 10),
		"policy": d.Policy, "policy_days": strconv.FormatUint(d.PolicyDays, 10), "hold": "0", "by": d.By, "reason": d.Reason,
	}
	for i, l := range d.Logs {
		m[fmt.Sprintf("log_%d", i)] = fmt.Sprintf("%s/%d %d %d %d %d", l.Writer, l.Epoch, l.First, l.Last, l.Batches, l.Rows)
	}
	for i, s := range d.Splits {
		m[fmt.Sprintf("split_%d", i)] = fmt.Sprintf("%s/%d %d %d %X", s.Writer, s.Epoch, s.Seq, s.Rows, s.Digest)
	}
	return m
}

var errDrop = errors.New("is no record of a drop")

// ParseDrop reads what Detail wrote. Keys that it does not know are left out.
func ParseDrop(m map[string]string) (Drop, error) {
	d := Drop{ID: m["drop"], Table: m["table"], Partition: m["partition"], Policy: m["policy"], By: m["by"], Reason: m["reason"]}
	var errs []error
	number := func(key string) uint64 {
		n, err := strconv.ParseUint(m[key], 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return n
	}
	signed := func(key string) int64 {
		n, err := strconv.ParseInt(m[key], 10, 64)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return n
	}
	d.Rows, d.Unsealed, d.PolicyDays = number("rows"), number("unsealed"), number("policy_days")
	d.MinTS, d.MaxTS = signed("min_ts"), signed("max_ts")
	if _, _, err := d.Period(); err != nil {
		errs = append(errs, err)
	}
	if d.ID == "" || d.Table == "" || m["hold"] != "0" {
		errs = append(errs, errDrop)
	}
	for i := 0; ; i++ {
		text, ok := m[fmt.Sprintf("log_%d", i)]
		if !ok {
			break
		}
		var l DropLog
		err := scanDrop(text, &l.Writer, &l.Epoch, &l.First, &l.Last, &l.Batches, &l.Rows)
		d.Logs, errs = append(d.Logs, l), append(errs, err)
	}
	for i := 0; ; i++ {
		text, ok := m[fmt.Sprintf("split_%d", i)]
		if !ok {
			break
		}
		var s DropSplit
		rest, digest := cutLast(text, ' ')
		err := scanDrop(rest, &s.Writer, &s.Epoch, &s.Seq, &s.Rows)
		if n, e := hex.Decode(s.Digest[:], []byte(digest[:min(len(digest), 2*len(s.Digest))])); e != nil || n != len(s.Digest) || len(digest) != 2*len(s.Digest) {
			err = errDrop
		}
		d.Splits, errs = append(d.Splits, s), append(errs, err)
	}
	return d, errors.Join(errs...)
}

func cutLast(s string, sep byte) (before, after string) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// scanDrop reads "writer/epoch n n n".
func scanDrop(text string, writer *string, numbers ...*uint64) error {
	name, rest := cutLast(text, '/')
	words := strings.Split(rest, " ")
	if !ValidName(name) || len(words) != len(numbers) {
		return errDrop
	}
	*writer = name
	for i, w := range words {
		n, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			return err
		}
		*numbers[i] = n
	}
	return nil
}

// Period is the time of the partition: from its first ns on and before to.
func (d *Drop) Period() (from, to int64, err error) {
	return Month(d.Partition)
}

// Month is the time of a monthly partition such as "202411", in ns since 1970 and
// UTC: from its first ns on and before to.
func Month(partition string) (from, to int64, err error) {
	t, err := time.Parse("200601", partition)
	if err != nil || len(partition) != 6 || t.Year() < 1970 || t.Year() > 2261 {
		return 0, 0, fmt.Errorf("partition: want a month such as 202411, not %q", clip(partition))
	}
	return t.UnixNano(), t.AddDate(0, 1, 0).UnixNano(), nil
}

// Left is what the drop leaves of a batch: whether it says anything of it, how many
// rows, and D of these. A batch that was wholly in the partition leaves nothing.
func (d *Drop) Left(l *Leaf) (rows uint64, digest [32]byte, ok bool) {
	if l.Kind != Batch || l.Table != d.Table || !d.names(l) {
		return 0, digest, false
	}
	for i := range d.Splits {
		if s := &d.Splits[i]; s.Writer == l.Writer && s.Epoch == l.Epoch && s.Seq == l.Seq {
			return s.Rows, s.Digest, true
		}
	}
	from, to, err := d.Period()
	return 0, digest, err == nil && l.MinTS >= from && l.MaxTS < to
}

func (d *Drop) names(l *Leaf) bool {
	for i := range d.Logs {
		if g := &d.Logs[i]; g.Writer == l.Writer && g.Epoch == l.Epoch && l.Seq >= g.First && l.Seq <= g.Last {
			return true
		}
	}
	return false
}
