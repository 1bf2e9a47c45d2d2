package tlog

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is how large a log is and its root: what a writer signs.
type Checkpoint struct {
	Writer string
	Epoch  uint64
	Size   int64
	Root   Hash
}

const origin = "spanwarden/"

// writerName is what writers and keys may be called: it stands in notes, names
// of files and SQL.
var writerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// ValidName tells whether a writer or a key may be called so: letters, digits and
// ._- , at most 128.
func ValidName(name string) bool { return writerName.MatchString(name) }

// Text is the checkpoint as C2SP's tlog-checkpoint has it.
func (c *Checkpoint) Text() string {
	return fmt.Sprintf("%s%s/%d\n%d\n%s\n", origin, c.Writer, c.Epoch, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

var errCheckpoint = errors.New("is no checkpoint of spanwarden")

// ParseCheckpoint reads what Text wrote and takes nothing else.
func ParseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return c, errCheckpoint
	}
	name, ok := strings.CutPrefix(lines[0], origin)
	slash := strings.LastIndexByte(name, '/')
	if !ok || slash < 0 {
		return c, errCheckpoint
	}
	c.Writer = name[:slash]
	var err error
	if c.Epoch, err = strconv.ParseUint(name[slash+1:], 10, 64); err != nil {
		return c, errCheckpoint
	}
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return c, errCheckpoint
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil || c.Text() != text || !ValidName(c.Writer) {
		return c, errCheckpoint
	}
	return c, nil
}

// Sign returns the checkpoint as a signed note.
func (c *Checkpoint) Sign(signer note.Signer) (string, error) {
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return "", fmt.Errorf("signing a checkpoint: %w", err)
	}
	return string(signed), nil
}

// Open reads a signed checkpoint. The error is ErrUnknownKey where none of the
// keys signed it, and another one where a signature is wrong.
func Open(signed string, keys note.Verifiers) (Checkpoint, error) {
	n, err := note.Open([]byte(signed), keys)
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Checkpoint{}, ErrUnknownKey
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading a signed checkpoint: %w", err)
	}
	return ParseCheckpoint(n.Text)
}

// ErrUnknownKey means that a checkpoint is signed by none of the keys given.
var ErrUnknownKey = errors.New("signed by none of the keys given")

// NewKey makes an Ed25519 key: the private text, which signs, and the public one.
// name tells keys apart; it is part of both.
func NewKey(name string) (private, public string, err error) {
	if !ValidName(name) {
		return "", "", fmt.Errorf("name of a key: want letters, digits and ._-, not %q", name)
	}
	return note.GenerateKey(rand.Reader, name)
}

// Keys reads public keys, one a line; empty lines and those that begin with # are
// left out. All faults are returned.
func Keys(text string) ([]note.Verifier, error) {
	var keys []note.Verifier
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "PRIVATE+KEY+") {
			errs = append(errs, fmt.Errorf("line %d: is a private key; the public one is wanted", i+1))
			continue
		}
		k, err := note.NewVerifier(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: is no public key: %w", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, errors.Join(errs...)
}

// PeerText is how a leaf names the checkpoint of another log.
func PeerText(c *Checkpoint) string {
	return fmt.Sprintf("%s/%d %d %s", c.Writer, c.Epoch, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParsePeer reads what PeerText wrote.
func ParsePeer(text string) (Checkpoint, error) {
	name, rest, _ := strings.Cut(text, " ")
	size, root, _ := strings.Cut(rest, " ")
	return ParseCheckpoint(origin + name + "\n" + size + "\n" + root + "\n")
}
