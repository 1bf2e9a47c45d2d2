package chain

// Input is what is added to an engine at one moment. Appended one after the other,
// inputs are a journal: what happened since a snapshot.
type Input struct {
	At        int64 // Unix nanoseconds
	Records   []Record
	Grants    []Grant
	Decisions []Decision
	Marks     []Mark
}

// What stands before a record in a journal.
const (
	sameTrace = 1 << iota // as the record before
	bareOne               // only its parent, and that it works, matters
)

// Append appends the encoding of an input.
func (in *Input) Append(b []byte) []byte {
	w := enc{b}
	w.i(in.At)
	w.u(uint64(len(in.Records)))
	var last TraceID
	for i := range in.Records {
		r := &in.Records[i]
		head := byte(0)
		if i > 0 && r.Ref.Trace == last {
			head |= sameTrace
		}
		if r.bare() {
			head |= bareOne
		}
		w.b = append(w.b, head)
		if head&sameTrace == 0 {
			last = r.Ref.Trace
			w.raw(last[:])
		}
		w.raw(r.Ref.Span[:])
		if head&bareOne != 0 {
			w.raw(r.Parent[:])
			w.bit(r.worked())
			w.i(r.Start)
			continue
		}
		w.b = appendRecord(w.b, r)
	}
	w.u(uint64(len(in.Grants)))
	for i := range in.Grants {
		w.grant(&in.Grants[i])
	}
	w.u(uint64(len(in.Decisions)))
	for i := range in.Decisions {
		w.decision(&in.Decisions[i])
	}
	w.u(uint64(len(in.Marks)))
	for _, m := range in.Marks {
		w.ref(m.Span)
		w.s(string(m.Code))
		w.s(m.Note)
	}
	return w.b
}

// Replay adds the inputs of a journal again, each at its time, and returns what
// follows. What is known already changes nothing. After an error what stands
// before the damage has been added.
func (e *Engine) Replay(journal []byte) (events []Event, err error) {
	d := &dec{b: append([]byte(nil), journal...)}
	for len(d.b) > 0 && d.err == nil {
		in := d.input()
		if d.err != nil {
			break
		}
		e.AddGrants(in.At, in.Grants...)
		e.AddDecisions(in.At, in.Decisions...)
		e.AddMarks(in.At, in.Marks...)
		e.Add(in.At, in.Records...)
		events = append(events, e.Flush(in.At)...)
	}
	return events, d.err
}

func (d *dec) input() (in Input) {
	in.At = d.i()
	var last TraceID
	for range d.count(1 + 8) {
		r := Record{}
		head := d.raw(1)
		if d.err != nil {
			return in
		}
		if head[0]&sameTrace == 0 {
			copy(last[:], d.raw(len(last)))
		}
		ref := Ref{Trace: last}
		copy(ref.Span[:], d.raw(len(ref.Span)))
		if head[0]&bareOne != 0 {
			copy(r.Parent[:], d.raw(len(r.Parent)))
			if d.bit() {
				r.Role = Work
			}
			r.Start = d.i()
		} else {
			d.record(&r, new(Opening), new(Act))
		}
		r.Ref = ref
		in.Records = append(in.Records, r)
	}
	for range d.count(20) {
		in.Grants = append(in.Grants, *d.grant())
	}
	for range d.count(35) {
		in.Decisions = append(in.Decisions, *d.decision())
	}
	for range d.count(26) {
		in.Marks = append(in.Marks, Mark{Span: d.ref(), Code: Code(d.s()), Note: d.s()})
	}
	return in
}
