//go:build unix

package journal

import (
	"os"
	"syscall"
)

// lock fails where another process, or another journal of this one, holds f. It
// ends with the process.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
