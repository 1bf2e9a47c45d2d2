//go:build unix

package journal

import (
	"os"
	"strconv"
	"syscall"
)

// lock fails where another process, or another journal of this one, holds f. It
// ends with the process.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// place tells a file from its copies; "" where that is not known. A device has
// another number after a restart, so the file's own is all there is.
func place(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(stat.Ino), 10) //nolint:unconvert // not a uint64 everywhere
}
