package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// RecordKind is what a journal record repeats.
type RecordKind uint8

// The kinds of records: one for each method that changes a ledger.
const (
	RecordCharge  RecordKind = iota + 1 // Charge, Apply, Book
	RecordTick                          // Tick
	RecordHalt                          // Halt
	RecordRelease                       // Release, ReleaseID
	RecordBudgets                       // SetBudgets
	RecordSettle                        // Settle
)

// Record is one change of a ledger, for a journal. A snapshot and the records
// after it give the same ledger to the last unit.
type Record struct {
	Kind RecordKind
	// Seq is the ledger's Seq after the change. A ledger whose Seq is as high
	// already has the change, and replays nothing.
	Seq    uint64
	Charge Charge
	Late   Keys // of Settle
	Order  Order
	// HaltID is what was released, By whom and for what Reason.
	HaltID, By, Reason string
	// Version names the budgets that SetBudgets put in force.
	Version string
	Now     time.Time // of all but Charge and Settle
}

// Errors of ReadRecord.
var (
	// ErrTorn says that the journal ends within a record: the write was cut off,
	// and what the record says was never acknowledged.
	ErrTorn = errors.New("ledger journal: the last record is cut off")
	// ErrRecord says that bytes which are all there are no record.
	ErrRecord = errors.New("ledger journal: damaged, or of another version")
)

const (
	recordVersion = 1
	recordHead    = 8 // length and checksum, 4 bytes each
	maxRecord     = 1 << 24
)

// AppendRecord appends the record to a journal: its length, its checksum and
// its bytes.
func AppendRecord(dst []byte, r *Record) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHead)...)
	c := codec{b: append(dst, recordVersion)}
	c.record(r)
	body := c.b[start+recordHead:]
	binary.LittleEndian.PutUint32(c.b[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(c.b[start+4:], crc32.ChecksumIEEE(body))
	return c.b
}

// ReadRecord reads the first record of a journal and returns the rest. It is
// io.EOF at the journal's end, ErrTorn where the end is within a record and
// ErrRecord where bytes are damaged.
func ReadRecord(journal []byte) (r Record, rest []byte, err error) {
	if len(journal) == 0 {
		return r, nil, io.EOF
	}
	if len(journal) < recordHead {
		return r, nil, ErrTorn
	}
	n := binary.LittleEndian.Uint32(journal)
	switch body := journal[recordHead:]; {
	case n == 0 || n > maxRecord:
		return r, nil, ErrRecord
	case uint64(n) > uint64(len(body)):
		return r, nil, ErrTorn
	case crc32.ChecksumIEEE(body[:n]) != binary.LittleEndian.Uint32(journal[4:]) || body[0] != recordVersion:
		return r, nil, ErrRecord
	default:
		c := codec{b: body[1:n], reading: true}
		c.record(&r)
		if c.bad || len(c.b) > 0 {
			return Record{}, nil, ErrRecord
		}
		return r, body[n:], nil
	}
}

// AppendCharge appends a charge without length or checksum: what else frames it
// must know where it ends.
func AppendCharge(dst []byte, charge *Charge) []byte {
	c := codec{b: append(dst, recordVersion)}
	c.charge(charge)
	return c.b
}

// DecodeCharge reads what AppendCharge wrote; ErrRecord if it is anything else.
func DecodeCharge(b []byte) (Charge, error) {
	var charge Charge
	if len(b) == 0 || b[0] != recordVersion {
		return charge, ErrRecord
	}
	c := codec{b: b[1:], reading: true}
	c.charge(&charge)
	if c.bad || len(c.b) > 0 {
		return Charge{}, ErrRecord
	}
	return charge, nil
}

// Replay repeats a change that the ledger does not have yet, and returns what it
// said then; nothing if it has it. Records go in their order. budgets finds the
// budgets of a version; where it knows none, or is nil, those in force stay.
func (l *Ledger) Replay(r *Record, budgets func(version string) *Budgets) []Event {
	if r.Seq <= l.seq {
		return nil
	}
	var events []Event
	switch r.Kind {
	case RecordCharge:
		events, _ = l.Apply(&r.Charge, nil)
	case RecordSettle:
		events = l.Settle(&r.Charge, r.Late).Events
	case RecordTick:
		events = l.Tick(r.Now)
	case RecordHalt:
		if _, ev, err := l.Halt(r.Order, r.Now); err == nil {
			events = []Event{ev}
		}
	case RecordRelease:
		if ev, err := l.ReleaseID(r.HaltID, r.By, r.Reason, r.Now); err == nil {
			events = []Event{ev}
		}
	case RecordBudgets:
		if budgets == nil {
			break
		}
		if next := budgets(r.Version); next != nil {
			events = l.putInForce(next, r.Now)
		}
	}
	l.seq = r.Seq
	for k, kept := range l.ahead {
		if kept.seq <= l.seq {
			delete(l.ahead, k)
		}
	}
	return events
}

func (c *codec) record(r *Record) {
	kind := uint64(r.Kind)
	c.u64(&kind)
	r.Kind = RecordKind(kind)
	c.u64(&r.Seq)
	switch r.Kind {
	case RecordCharge:
		c.charge(&r.Charge)
		return
	case RecordSettle:
		c.charge(&r.Charge)
		late := uint64(r.Late)
		c.u64(&late)
		r.Late, c.bad = Keys(late), c.bad || late >= 1<<scopes
		return
	default:
	}
	c.time(&r.Now)
	switch r.Kind {
	case RecordTick:
	case RecordHalt:
		c.order(&r.Order)
	case RecordRelease:
		c.str(&r.HaltID)
		c.str(&r.By)
		c.str(&r.Reason)
	case RecordBudgets:
		c.str(&r.Version)
	default:
		c.bad = true
	}
}

func (c *codec) order(o *Order) {
	scope, effect := uint64(o.Scope), uint64(o.Effect)
	c.u64(&scope)
	c.u64(&effect)
	c.bad = c.bad || scope >= uint64(scopes) || effect > uint64(EffectHalt)
	o.Scope, o.Effect = Scope(scope), Effect(effect)
	for _, s := range []*string{&o.Tenant, &o.Key, &o.Run, &o.Session, &o.By, &o.Reason, &o.Rule} {
		c.str(s)
	}
	c.time(&o.Until)
	c.id(&o.Action)
}

func (c *codec) charge(v *Charge) {
	c.id(&v.Action)
	for _, s := range []*string{&v.Tenant, &v.Project, &v.Agent, &v.Session, &v.Principal, &v.Root, &v.Run} {
		c.str(s)
	}
	each(c, &v.Ancestors, c.str)
	each(c, &v.AncestorRuns, c.str)
	c.time(&v.Start)
	c.time(&v.End)
	kind := uint64(v.Kind)
	c.u64(&kind)
	c.bad = c.bad || kind > uint64(ToolCall)
	v.Kind = Kind(kind)
	c.amount(&v.Cost)
	c.u64(&v.Tokens)
	c.amount(&v.Bound)
	c.id(&v.Response)
	c.id(&v.Trace)
}

func (c *codec) amount(v *pricing.Amount) {
	p, known := v.Pico()
	c.bool(&known)
	if known {
		u := uint64(p)
		c.u64(&u)
		*v = pricing.KnownAmount(pricing.Pico(u))
	}
}
