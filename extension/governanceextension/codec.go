package governanceextension

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanwarden/spanwarden/internal/governance"
	"github.com/spanwarden/spanwarden/internal/ledger"
)

// A journal entry is a sequence of records: a byte that says what it is, the
// length of the rest as a uvarint, the rest. A charge is the ids of its span and
// the ledger's own encoding; what is rare is JSON.
const (
	recordCharge  = 'c'
	recordLate    = 'l'
	recordTick    = 't'
	recordBudgets = 'b'
	recordHalt    = 'h'
	recordRelease = 'r'
)

var errRecord = errors.New("damaged journal record")

func appendRecord(entry []byte, kind byte, body []byte) []byte {
	entry = append(entry, kind)
	entry = binary.AppendUvarint(entry, uint64(len(body)))
	return append(entry, body...)
}

func appendJSON(entry []byte, kind byte, v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings and times
	}
	return appendRecord(entry, kind, body)
}

func appendCharge(body []byte, c *governance.Charge) []byte {
	body = append(body, c.TraceID[:]...)
	body = append(body, c.SpanID[:]...)
	return ledger.AppendCharge(body, &c.Charge)
}

func decodeCharge(body []byte) (c governance.Charge, err error) {
	if len(body) < 24 {
		return c, errRecord
	}
	c.TraceID, c.SpanID = pcommon.TraceID(body[:16]), pcommon.SpanID(body[16:24])
	c.Charge, err = ledger.DecodeCharge(body[24:])
	return c, err
}

func appendLate(entry []byte, l *governance.Late) []byte { return appendJSON(entry, recordLate, l) }

func appendTick(entry []byte, now time.Time) []byte { return appendJSON(entry, recordTick, now) }

type budgetsRecord struct {
	Source budgetSource
	At     time.Time
}

func appendBudgets(entry []byte, s budgetSource, now time.Time) []byte {
	return appendJSON(entry, recordBudgets, budgetsRecord{s, now})
}

type haltRecord struct {
	Order ledger.Order
	At    time.Time
}

func appendHalt(entry []byte, o ledger.Order, now time.Time) []byte {
	return appendJSON(entry, recordHalt, haltRecord{o, now})
}

type releaseRecord struct {
	ID, By, Reason string
	At             time.Time
}

func appendRelease(entry []byte, id, by, reason string, now time.Time) []byte {
	return appendJSON(entry, recordRelease, releaseRecord{id, by, reason, now})
}

// records calls visit for each record of an entry.
func records(entry []byte, visit func(kind byte, body []byte) error) error {
	for len(entry) > 0 {
		kind := entry[0]
		n, used := binary.Uvarint(entry[1:])
		if used <= 0 || n > uint64(len(entry)-1-used) {
			return fmt.Errorf("%w: length", errRecord)
		}
		body := entry[1+used:][:n]
		if err := visit(kind, body); err != nil {
			return err
		}
		entry = entry[1+used:][n:]
	}
	return nil
}

// replay applies a journal entry again.
func (b *book) replay(entry []byte) error {
	defer func() { b.entry = b.entry[:0] }() // it is stored already
	return records(entry, func(kind byte, body []byte) error {
		switch kind {
		case recordCharge:
			c, err := decodeCharge(body)
			if err != nil {
				return err
			}
			b.charge(&c)
			if c.Root == "" {
				b.orphans.add(b.open.own(&c))
			}
		case recordLate:
			return decode(body, func(l *governance.Late) error { b.attribute(l); return nil })
		case recordTick:
			return decode(body, func(now *time.Time) error { b.tick(*now); return nil })
		case recordBudgets:
			return decode(body, func(r *budgetsRecord) error { _, err := b.take(r.Source, r.At); return err })
		case recordHalt:
			return decode(body, func(r *haltRecord) error { _, _, err := b.halt(r.Order, r.At); return unlessDone(err) })
		case recordRelease:
			return decode(body, func(r *releaseRecord) error {
				_, _, err := b.release(r.ID, r.By, r.Reason, r.At)
				return unlessDone(err)
			})
		default:
			return fmt.Errorf("%w: unknown kind %q", errRecord, kind)
		}
		return nil
	})
}

// unlessDone drops what says that a change has been made already.
func unlessDone(err error) error {
	if errors.Is(err, ledger.ErrNoHalt) || errors.Is(err, ledger.ErrHaltExists) {
		return nil
	}
	return err
}

func decode[T any](body []byte, apply func(*T) error) error {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return apply(&v)
}

// A snapshot is the budgets in force, the ledger's own snapshot, the open charges
// and what was proved: each as a record.
const (
	recordLedger = 'L'
	recordOpen   = 'o'
	recordOrphan = 'w'
	recordProved = 'p'
)

func (b *book) snapshot() []byte {
	state := b.ledger.Snapshot()
	out := make([]byte, 0, len(state)+len(state)/16+len(b.budgets.Data)+4096)
	out = appendBudgets(out, b.budgets, time.Time{})
	out = appendRecord(out, recordLedger, state)
	var body []byte
	for _, c := range b.open.all() {
		body = appendCharge(body[:0], c)
		out = appendRecord(out, recordOpen, body)
	}
	for _, c := range b.orphans.all() {
		body = appendCharge(body[:0], c)
		out = appendRecord(out, recordOrphan, body)
	}
	for _, p := range b.proved.all() {
		if raw, err := encodeFindings(p.findings); err == nil { // they were valid when they were proved
			out = appendRecord(out, recordProved, append(p.action[:], raw...))
		}
	}
	return out
}

// restore is the opposite of snapshot, into a new book.
func (b *book) restore(snapshot []byte) error {
	return records(snapshot, func(kind byte, body []byte) error {
		switch kind {
		case recordBudgets:
			return decode(body, func(r *budgetsRecord) error {
				budgets, err := r.Source.parse()
				if err != nil {
					return err
				}
				b.budgets = r.Source
				_, err = b.ledger.SetBudgets(budgets, time.Time{})
				return err
			})
		case recordLedger:
			return b.ledger.Restore(body)
		case recordOpen:
			c, err := decodeCharge(body)
			if err != nil {
				return err
			}
			b.open.add(&c)
			return nil
		case recordOrphan:
			c, err := decodeCharge(body)
			if err != nil {
				return err
			}
			b.orphans.add(b.open.own(&c))
			return nil
		case recordProved:
			if len(body) < len(ledger.ID{}) {
				return errRecord
			}
			fs, err := decodeFindings(body[16:])
			if err != nil {
				return err
			}
			b.proved.of(ledger.ID(body[:16]), fs)
			return nil
		default:
			return fmt.Errorf("%w: unknown kind %q", errRecord, kind)
		}
	})
}
