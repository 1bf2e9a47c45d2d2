package evidencepack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/spanwarden/spanwarden/evidence"
	"github.com/spanwarden/spanwarden/internal/tlog"
)

// Checked is what came of checking a pack.
type Checked struct {
	// Digest is that of SHA256SUMS: whoever made the pack told it.
	Digest   string
	Manifest *Manifest
	Files    int
	// Signed are the logs whose checkpoint is signed by a key that is believed.
	Signed []string
	// Wrong says what is not as it should be; none means that the pack is whole.
	Wrong []string
}

// maxText bounds the files that are read as a whole: sums and manifests.
const maxText = 64 << 20

// Check holds a pack's files against its sums, its manifests against its files, and
// with keys the checkpoints against their signatures. An error means that it could
// not be checked; what is wrong is in the result.
func Check(pack fs.FS, keys []note.Verifier) (*Checked, error) {
	sums, err := readText(pack, "SHA256SUMS")
	if err != nil {
		return nil, fmt.Errorf("this is no evidence pack: %w", err)
	}
	c := &Checked{Digest: evidence.Digest(string(sums))}
	want, err := parseSums(sums)
	if err != nil {
		return nil, err
	}
	have, lines, err := hashAll(pack)
	if err != nil {
		return nil, err
	}
	c.compare(want, have)
	if err := c.manifests(pack, have, lines); err != nil {
		return nil, err
	}
	return c, c.checkpoints(pack, keys)
}

func (c *Checked) wrong(format string, args ...any) {
	c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
}

func parseSums(raw []byte) (map[string]string, error) {
	sums := map[string]string{}
	for n, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		sum, name, ok := strings.Cut(line, "  ")
		if !ok || len(sum) != 2*sha256.Size || !fs.ValidPath(name) || sums[name] != "" {
			return nil, fmt.Errorf("SHA256SUMS: line %d: want a SHA-256 and a name that is not there yet, not %q", n+1, clip(Visible(line)))
		}
		sums[name] = sum
	}
	return sums, nil
}

// hashAll returns the digests of all files but SHA256SUMS, and how many lines each
// has.
func hashAll(pack fs.FS) (sums map[string]string, lines map[string]int, err error) {
	sums, lines = map[string]string{}, map[string]int{}
	err = fs.WalkDir(pack, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "SHA256SUMS" {
			return err
		}
		if !d.Type().IsRegular() {
			sums[name] = "no file"
			return nil
		}
		f, err := pack.Open(name)
		if err != nil {
			return err
		}
		h, buf := sha256.New(), make([]byte, 64<<10)
		for {
			n, err := f.Read(buf)
			h.Write(buf[:n])
			lines[name] += bytes.Count(buf[:n], []byte{'\n'})
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return errors.Join(err, f.Close())
			}
		}
		sums[name] = hex.EncodeToString(h.Sum(nil))
		return f.Close()
	})
	return sums, lines, err
}

func (c *Checked) compare(want, have map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch {
		case have[name] == "":
			c.wrong("%s: is missing", name)
		case have[name] != want[name]:
			c.wrong("%s: was altered: its SHA-256 is not the one of SHA256SUMS", name)
		default:
			c.Files++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if want[name] == "" {
			c.wrong("%s: was added: SHA256SUMS does not know it", name)
		}
	}
}

// manifests holds what manifests say against the files.
func (c *Checked) manifests(pack fs.FS, have map[string]string, lines map[string]int) error {
	c.Manifest = &Manifest{}
	if err := readJSON(pack, "manifest.json", c.Manifest); err != nil {
		return err
	}
	if c.Manifest.Format != Format {
		return fmt.Errorf("manifest.json: format: want %d, not %d; another version of spanwarden made this pack", Format, c.Manifest.Format)
	}
	for _, f := range c.Manifest.Files {
		if have[f.Name] != f.SHA256 {
			c.wrong("%s: its SHA-256 is not the one of manifest.json", f.Name)
		}
	}
	for _, q := range c.Manifest.Questions {
		if q.Result == "" { // not asked
			continue
		}
		dir := path.Join("answers", q.View)
		var m evidence.Manifest
		if err := readJSON(pack, path.Join(dir, "manifest.json"), &m); err != nil {
			c.wrong("%s", err)
			continue
		}
		for _, is := range []struct {
			what      string
			got, want string
		}{
			{"answer.jsonl: its SHA-256, and the result's of manifest.json", have[dir+"/answer.jsonl"], m.ResultDigest},
			{"query.sql: its SHA-256, and the query's of manifest.json", have[dir+"/query.sql"], m.SQLDigest},
			{"the result of the answer's manifest, and of the pack's", m.ResultDigest, q.Result},
			{"answer.jsonl: its lines, and the rows of manifest.json", strconv.Itoa(lines[dir+"/answer.jsonl"]), strconv.Itoa(m.Rows)},
			{"the state of the answer's manifest, and of the pack's", string(m.State), string(q.State)},
			{"the pack of the answer's manifest, and this one", m.PackID, c.Manifest.ID},
		} {
			if is.got != is.want {
				c.wrong("%s: %s, are not the same", dir, is.what)
			}
		}
	}
	return nil
}

func (c *Checked) checkpoints(pack fs.FS, keys []note.Verifier) error {
	var points []evidence.Checkpoint
	if err := readJSON(pack, "checkpoints.json", &points); err != nil {
		return err
	}
	for _, p := range points {
		if evidence.Digest(p.Note) != p.Digest {
			c.wrong("checkpoints.json: %s: the digest is not that of the note", p.Log)
		}
		if len(keys) == 0 {
			continue
		}
		signed, err := tlog.Open(p.Note, note.VerifierList(keys...))
		switch {
		case err != nil:
			c.wrong("checkpoints.json: %s: %s", p.Log, err)
		case fmt.Sprintf("%s/%d", signed.Writer, signed.Epoch) != p.Log || signed.Size != p.Size || signed.Root.String() != p.Root:
			c.wrong("checkpoints.json: %s: says something else than what was signed", p.Log)
		default:
			c.Signed = append(c.Signed, p.Log)
		}
	}
	return nil
}

func readText(pack fs.FS, name string) ([]byte, error) {
	f, err := pack.Open(name)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(bufio.NewReader(f), maxText+1))
	if err == nil && len(raw) > maxText {
		err = fmt.Errorf("%s: more than %d bytes", name, maxText)
	}
	return raw, errors.Join(err, f.Close())
}

func readJSON(pack fs.FS, name string, into any) error {
	raw, err := readText(pack, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
