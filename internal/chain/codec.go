package chain

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// The encoding of records: what is kept of a span in memory and in snapshots.
// Equal records have equal encodings. Lengths and numbers are varints.

type enc struct{ b []byte }

func (e *enc) u(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *enc) i(v int64)    { e.b = binary.AppendVarint(e.b, v) }
func (e *enc) s(s string)   { e.u(uint64(len(s))); e.b = append(e.b, s...) }
func (e *enc) raw(b []byte) { e.b = append(e.b, b...) }
func (e *enc) bit(v bool)   { e.b = append(e.b, b2u(v)) }
func (e *enc) ref(r Ref)    { e.raw(r.Trace[:]); e.raw(r.Span[:]) }
func (e *enc) hops(h Hops)  { e.bit(h.Known); e.i(int64(h.N)) }
func (e *enc) list(l []string) {
	if l == nil {
		e.u(0)
		return
	}
	e.u(uint64(len(l)) + 1)
	for _, s := range l {
		e.s(s)
	}
}

func (e *enc) principal(p Principal) {
	e.s(p.ID)
	if p.ID != "" {
		e.s(p.Type)
		e.s(p.Issuer)
		e.s(string(p.Grade))
	}
}

func b2u(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// errCorrupt is any damage to encoded state.
var errCorrupt = errors.New("corrupt")

// dec reads what enc wrote. Strings share memory with the input.
type dec struct {
	b   []byte
	err error
}

func (d *dec) fail() { d.b, d.err = nil, errCorrupt }

func (d *dec) u() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *dec) i() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads how many things follow, each of at least size bytes.
func (d *dec) count(size int) int {
	n := d.u()
	if n > uint64(len(d.b)/size)+1 {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *dec) raw(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *dec) s() string {
	n := d.u()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	b := d.raw(int(n))
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b)) // what is encoded is never overwritten
}

func (d *dec) bit() bool {
	b := d.raw(1)
	return len(b) == 1 && b[0] != 0
}

func (d *dec) ref() (r Ref) {
	copy(r.Trace[:], d.raw(16))
	copy(r.Span[:], d.raw(8))
	return r
}

func (d *dec) hops() Hops { return Hops{Known: d.bit(), N: int(d.i())} }

func (d *dec) list() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	out := make([]string, 0, n-1)
	for range n - 1 {
		out = append(out, d.s())
	}
	return out
}

func (d *dec) principal() (p Principal) {
	if p.ID = d.s(); p.ID != "" {
		p.Type, p.Issuer, p.Grade = d.s(), d.s(), Grade(d.s())
	}
	return p
}

const (
	hasRun = 1 << iota
	hasAct
	isPartial
	isHook
	hasMore // links, keys, hints
)

// appendRecord appends the encoding of a record without its ids, which its place
// tells.
func appendRecord(b []byte, r *Record) []byte {
	e := enc{b}
	flags := byte(0)
	set := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	more := len(r.Links)+len(r.Asked)+len(r.Answers)+len(r.Hints) > 0
	set(hasRun, r.Run != nil)
	set(hasAct, r.Act != nil)
	set(isPartial, r.Partial)
	set(isHook, r.Hook)
	set(hasMore, more)
	e.raw([]byte{byte(r.Role), flags})
	e.raw(r.Parent[:])
	e.i(r.Start)
	e.i(r.End - r.Start)
	e.s(string(r.Mode))
	e.s(r.Tenant)
	e.s(r.Agent)
	e.s(r.Session)
	if r.Run != nil {
		e.b = appendOpening(e.b, r.Run)
	}
	if r.Act != nil {
		e.b = appendAct(e.b, r.Act)
	}
	if more {
		e.u(uint64(len(r.Links)))
		for i := range r.Links {
			e.b = appendLink(e.b, &r.Links[i])
		}
		e.list(r.Asked)
		e.list(r.Answers)
		e.u(uint64(len(r.Hints)))
		for _, h := range r.Hints {
			e.ref(h.To)
		}
	}
	return e.b
}

func appendOpening(b []byte, o *Opening) []byte {
	e := enc{b}
	for _, s := range [...]string{o.Name, o.Version, o.Instance, o.Workload, o.ChainID, o.DelegationID, o.Credential, o.Token} {
		e.s(s)
	}
	e.principal(o.Verified)
	e.principal(o.Stated)
	e.principal(o.Weak)
	e.principal(o.Platform)
	e.u(uint64(o.Dropped))
	e.bit(o.Sampled)
	return e.b
}

func appendAct(b []byte, a *Act) []byte {
	e := enc{b}
	for _, s := range [...]string{a.Tool, a.Operation, a.Resource, a.Args, a.CallID, a.Purpose, a.DelegationID, a.ApprovalID, a.DecisionID} {
		e.s(s)
	}
	e.list(a.Data)
	return e.b
}

func appendLink(b []byte, l *Link) []byte {
	e := enc{b}
	e.ref(l.To)
	e.s(string(l.Type))
	for _, s := range [...]string{l.DelegationID, l.Delegator, l.Constraints, l.Digest, l.GrantedBy, l.ApprovedBy, l.ApprovalID, l.CredentialType, l.Credential} {
		e.s(s)
	}
	e.list(l.Scope)
	e.i(l.NotBefore)
	e.i(l.ExpiresAt)
	e.hops(l.MaxDepth)
	e.bit(l.Checked)
	return e.b
}

// decodeRecord reads a record; run and act are where its parts go.
func (d *dec) record(r *Record, run *Opening, act *Act) {
	head := d.raw(2)
	if d.err != nil {
		return
	}
	flags := head[1]
	*r = Record{Role: Role(head[0]), Partial: flags&isPartial != 0, Hook: flags&isHook != 0}
	copy(r.Parent[:], d.raw(8))
	r.Start = d.i()
	r.End = r.Start + d.i()
	r.Mode, r.Tenant, r.Agent, r.Session = Kind(d.s()), d.s(), d.s(), d.s()
	if flags&hasRun != 0 {
		d.opening(run)
		r.Run = run
	}
	if flags&hasAct != 0 {
		d.act(act)
		r.Act = act
	}
	if flags&hasMore == 0 {
		return
	}
	if n := d.count(24); n > 0 {
		r.Links = make([]Link, n)
		for i := range r.Links {
			d.link(&r.Links[i])
		}
	}
	r.Asked, r.Answers = d.list(), d.list()
	for range d.count(24) {
		r.Hints = append(r.Hints, Hint{d.ref()})
	}
}

func (d *dec) opening(o *Opening) {
	*o = Opening{}
	for _, p := range [...]*string{&o.Name, &o.Version, &o.Instance, &o.Workload, &o.ChainID, &o.DelegationID, &o.Credential, &o.Token} {
		if s := d.s(); s != "" {
			*p = s
		}
	}
	for _, p := range [...]*Principal{&o.Verified, &o.Stated, &o.Weak, &o.Platform} {
		if v := d.principal(); v.ID != "" {
			*p = v
		}
	}
	o.Dropped, o.Sampled = uint32(d.u()), d.bit()
}

func (d *dec) act(a *Act) {
	*a = Act{}
	for _, p := range [...]*string{&a.Tool, &a.Operation, &a.Resource, &a.Args, &a.CallID, &a.Purpose, &a.DelegationID, &a.ApprovalID, &a.DecisionID} {
		if s := d.s(); s != "" {
			*p = s
		}
	}
	a.Data = d.list()
}

func (d *dec) link(l *Link) {
	l.To, l.Type = d.ref(), Kind(d.s())
	for _, p := range [...]*string{&l.DelegationID, &l.Delegator, &l.Constraints, &l.Digest, &l.GrantedBy, &l.ApprovedBy, &l.ApprovalID, &l.CredentialType, &l.Credential} {
		*p = d.s()
	}
	l.Scope, l.NotBefore, l.ExpiresAt, l.MaxDepth, l.Checked = d.list(), d.i(), d.i(), d.hops(), d.bit()
}
