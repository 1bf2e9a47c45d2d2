package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Beside a key file may stand the key that comes next and the one that was before
// it. A log is signed by the one that it names itself, in its first leaf or in the
// newest that changed the key, so that several writers may share the files and each
// changes over when it can.
const (
	NextKey = ".next"
	OldKey  = ".old"
)

// key is a pair.
type key struct {
	public string
	signer note.Signer
}

func (j *Journal) keyFile() string {
	if j.opts.KeyFile != "" {
		return j.opts.KeyFile
	}
	return filepath.Join(j.opts.Directory, fileKey)
}

// loadKey makes a key where there is none and takes the one that signs from now on.
func (j *Journal) loadKey() error {
	if _, err := os.Stat(j.keyFile()); errors.Is(err, fs.ErrNotExist) {
		if err := j.makeKey(j.keyFile()); err != nil {
			return fmt.Errorf("making a key: %w", err)
		}
	}
	keys, err := j.keys()
	if err == nil {
		j.use(&keys[0])
	}
	return err
}

// keys are those that there are, first the one that is to sign.
func (j *Journal) keys() (keys []key, err error) {
	for _, file := range []string{j.keyFile() + NextKey, j.keyFile(), j.keyFile() + OldKey} {
		k, err := readKey(file)
		if errors.Is(err, fs.ErrNotExist) && file != j.keyFile() {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func readKey(file string) (key, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return key{}, fmt.Errorf("reading the key: %w", err)
	}
	private, public, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	signer, err := note.NewSigner(private)
	if err != nil {
		return key{}, fmt.Errorf("key file %s: %w", file, err)
	}
	keys, err := tlog.Keys(public)
	if err != nil || len(keys) != 1 || keys[0].KeyHash() != signer.KeyHash() || keys[0].Name() != signer.Name() {
		return key{}, fmt.Errorf("key file %s: the second line must be the public key of the first", file)
	}
	return key{strings.TrimSpace(public), signer}, nil
}

func (j *Journal) use(k *key) { j.Public, j.signer = k.public, k.signer }

// resume takes the key that the log names. It says false where that is not there any
// more: nobody can hand the log over to another, and a new one has to begin.
func (j *Journal) resume() (bool, error) {
	keys, err := j.keys()
	if err != nil || j.vkey == "" { // of an earlier version, which knew one key
		return true, err
	}
	for i := range keys {
		if keys[i].public == j.vkey {
			j.use(&keys[i])
			return true, nil
		}
	}
	return false, nil
}

// Rotate changes over to another key where there is one: the last leaf that the old
// key signs names the new one. Journal and store must have met.
func (j *Journal) Rotate(now time.Time) (rotated bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	keys, err := j.keys()
	if errors.Is(err, fs.ErrNotExist) { // the key in memory signs on
		return false, nil
	}
	if err != nil || keys[0].public == j.Public {
		return false, err
	}
	detail := map[string]string{"vkey": keys[0].public, "old_vkey": j.Public}
	if err := j.append(tlog.Leaf{Kind: tlog.KeyRotation, Detail: detail}, "", now); err != nil {
		return false, err
	}
	j.use(&keys[0])
	return true, nil
}
