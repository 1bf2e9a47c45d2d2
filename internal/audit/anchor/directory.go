package anchor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Directory appends checkpoints to a file for each log.
type Directory struct{ Path string }

// Kind is of Place.
func (*Directory) Kind() string { return "directory" }

// Put appends and returns when it is on the disk. Nothing there is ever changed.
func (d *Directory) Put(_ context.Context, c *tlog.Checkpoint, signed string, now time.Time) (file string, err error) {
	file = filepath.Join(d.Path, fileOf(c))
	raw, err := encode(signed, now)
	if err != nil {
		return file, err
	}
	if err := os.MkdirAll(d.Path, 0o750); err != nil {
		return file, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return file, err
	}
	return file, f.Sync()
}

// readDirectory reads all files of checkpoints below a directory.
func readDirectory(dir string) ([]Held, error) {
	var all []Held
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		held, err := decode(raw, path)
		all = append(all, held...)
		return err
	})
	return all, err
}
