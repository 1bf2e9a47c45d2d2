package hostclock

import "golang.org/x/sys/unix"

// Read asks the kernel. It may be called concurrently.
func Read() Reading {
	var t unix.Timex // no mode: nothing is set
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return Reading{}
	}
	synced := state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
	r := Reading{Synced: &synced}
	if !synced {
		return r
	}
	offset, estimate := int64(t.Offset), int64(t.Esterror) //nolint:unconvert // 32 bits wide on other machines
	if t.Status&unix.STA_NANO != 0 {
		offset /= 1000
	}
	r.OffsetMicros, r.ErrorMicros = &offset, &estimate
	return r
}
