package clickhouseauditexporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spanwarden/spanwarden/internal/tlog"
)

// anchored is one line of an anchor file.
type anchored struct {
	Time time.Time `json:"time"`
	Note string    `json:"note"`
}

// anchorFile appends a signed checkpoint to the file of its log and returns the
// file's name. Nothing there is ever changed.
func anchorFile(dir string, c *tlog.Checkpoint, signed string, now time.Time) (file string, err error) {
	file = filepath.Join(dir, fmt.Sprintf("%s.%d.checkpoints", c.Writer, c.Epoch))
	line, err := json.Marshal(anchored{now.UTC(), signed})
	if err != nil {
		return file, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return file, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return file, err
	}
	return file, f.Sync()
}
