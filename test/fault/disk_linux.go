package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// errNoMount says that a file system of limited size cannot be had here.
var errNoMount = errors.New("this user may not mount a tmpfs; run as root, or under unshare -Urm")

// mount puts a tmpfs of so many bytes on a folder of the state.
func (r *rig) mount(dir string, bytes int64) error {
	path := filepath.Join(r.state, dir)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	if errors.Is(err, syscall.EPERM) {
		return errNoMount
	}
	if err == nil {
		r.mounts = append(r.mounts, path)
	}
	return err
}

func (r *rig) unmount() {
	for _, path := range r.mounts {
		_ = syscall.Unmount(path, syscall.MNT_DETACH) // gone with the last user
	}
}

// fill leaves so many bytes free where dir is.
func (r *rig) fill(dir string, left int64) error {
	path := filepath.Join(r.state, dir)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return err
	}
	size := int64(fs.Bavail)*fs.Bsize - left
	if size <= 0 {
		return nil
	}
	f, err := os.Create(filepath.Join(path, ballast))
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.ENOSPC) {
		err = nil // somebody else took it meanwhile: full it is
	}
	return errors.Join(err, f.Close())
}

// empty takes the ballast away.
func (r *rig) empty(dir string) error { return os.Remove(filepath.Join(r.state, dir, ballast)) }

const ballast = "ballast"
