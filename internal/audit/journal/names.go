package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// makeKey writes the file as a whole or not at all; another collector may do the
// same at this moment, and the first one counts.
func (j *Journal) makeKey(file string) error {
	private, public, err := tlog.NewKey(nameOf(j.opts.Host))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	made := file + "." + strconv.Itoa(os.Getpid()) + "." + suffix()
	if err := writeFile(made, []byte(private+"\n"+public+"\n")); err != nil {
		return err
	}
	defer func() { _ = os.Remove(made) }()
	if err := os.Link(made, file); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	j.NewKey = true
	if err := writeFile(file+".pub", []byte(public+"\n")); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// checkPlace looks whether the folder is where it was made. A copy of it, and a
// clone of its disk, must not go on with the log of the original under its name:
// that would be two histories, which nobody can tell from a forgery.
func (j *Journal) checkPlace() error {
	here := place(j.held)
	if here == "" {
		return nil
	}
	file := filepath.Join(j.dir, filePlace)
	raw, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if string(raw) == here {
		return nil
	}
	if len(raw) > 0 {
		j.Fresh = "the folder was copied here"
		if err := os.Remove(filepath.Join(j.dir, fileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return writeFile(file, []byte(here))
}

func (j *Journal) loadName() (string, error) {
	file := filepath.Join(j.dir, fileName)
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		raw = []byte(nameOf(j.opts.Host))
		err = writeFile(file, raw)
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(raw))
	if !tlog.ValidName(name) {
		return "", fmt.Errorf("%s: %q is no name of a writer", file, name)
	}
	return name, nil
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// nameOf is unlike any other: two writers must never share a name.
func nameOf(host string) string {
	host = strings.Trim(notInName.ReplaceAllString(host, "-"), "-._")
	if host == "" {
		host = "collector"
	}
	return host[:min(len(host), 64)] + "-" + suffix()
}

func suffix() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
