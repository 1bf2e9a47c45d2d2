//go:build unix

package engine

import "syscall"

// cpu returns the nanoseconds this process has computed: what a span costs on a
// machine that others use, too.
func cpu() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
