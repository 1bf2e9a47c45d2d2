//go:build unix

package checkedstorageextension

import (
	"os"
	"syscall"
)

// lock takes the lock that bbolt takes, until f is closed. Without it somebody else
// writes the file, which looks damaged meanwhile.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }
