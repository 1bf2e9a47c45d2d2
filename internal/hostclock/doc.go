// Package hostclock asks the host how right its clock is. It needs no privilege, and
// says that it does not know where the host does not tell.
package hostclock

// Reading is what the kernel knows of the clock. Nil is not known.
type Reading struct {
	// Synced is whether something keeps the clock right.
	Synced *bool
	// OffsetMicros is by how much the clock is still to be corrected, ErrorMicros how
	// wrong it may be by the estimate of who keeps it, both in microseconds. They are
	// known only of a clock that is kept right.
	OffsetMicros, ErrorMicros *int64
}
