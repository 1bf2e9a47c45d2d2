package ledger

// seqStep is how far one charge is from the next. What changes between them
// counts up in single steps. So charges alone decide which of them a stored key
// already has, and a journal that leaves out a Tick which said nothing still
// replays every charge exactly once.
const seqStep = 1 << 24

// Seq returns the number of the last change; it only rises. A call that leaves
// it as it is changed nothing, and need not be in a journal.
func (l *Ledger) Seq() uint64 { return l.seq }

// nextCharge is the number that the charge at hand gets.
func (l *Ledger) nextCharge() uint64 { return (l.seq/seqStep + 1) * seqStep }

// charged ends a charge.
func (l *Ledger) charged() { l.seq = l.nextCharge() }

// stepped counts a change that is no charge.
func (l *Ledger) stepped() {
	if l.seq%seqStep < seqStep-1 {
		l.seq++
	}
}
