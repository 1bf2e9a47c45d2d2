package evidencepack

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Dir writes a pack into a folder that does not exist yet. It appears when Finish
// is called, with all files at once.
type Dir struct{ path, part string }

// NewDir begins a folder; the path must not exist.
func NewDir(path string) (*Dir, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already; a pack never replaces anything", path)
	}
	part, err := os.MkdirTemp(filepath.Dir(filepath.Clean(path)), ".part-*")
	if err != nil {
		return nil, err
	}
	return &Dir{path, part}, nil
}

// Create makes a file.
func (d *Dir) Create(name string) (io.WriteCloser, error) {
	path := filepath.Join(d.part, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
}

// Finish gives the folder its name.
func (d *Dir) Finish() error {
	if err := os.Chmod(d.part, 0o750); err != nil { //nolint:gosec // a folder is to be entered
		return err
	}
	return os.Rename(d.part, d.path)
}

// Abort takes away what was written.
func (d *Dir) Abort() error { return os.RemoveAll(d.part) }

// Zip writes a pack into one file that does not exist yet. Its entries bear the
// time at which the pack was made, so that the same pack is the same file.
type Zip struct {
	path string
	file *os.File
	zip  *zip.Writer
	at   time.Time
}

// NewZip begins a file; the path must not exist.
func NewZip(path string, at time.Time) (*Zip, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already; a pack never replaces anything", path)
	}
	f, err := os.CreateTemp(filepath.Dir(filepath.Clean(path)), ".part-*")
	if err != nil {
		return nil, err
	}
	return &Zip{path: path, file: f, zip: zip.NewWriter(f), at: at.UTC().Truncate(2 * time.Second)}, nil
}

// Create begins an entry, which ends where the next one begins.
func (z *Zip) Create(name string) (io.WriteCloser, error) {
	w, err := z.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.at})
	return entry{w}, err
}

type entry struct{ io.Writer }

func (entry) Close() error { return nil }

// Finish gives the file its name.
func (z *Zip) Finish() error {
	if err := errors.Join(z.zip.Close(), z.file.Sync(), z.file.Close()); err != nil {
		return err
	}
	return os.Rename(z.file.Name(), z.path)
}

// Abort takes away what was written.
func (z *Zip) Abort() error { return errors.Join(z.file.Close(), os.Remove(z.file.Name())) }
