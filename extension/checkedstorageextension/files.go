package checkedstorageextension

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/boltfile"
)

// file_storage calls its files KIND_TYPE_NAME, or by a hash where that is too long.
var ours = regexp.MustCompile(`^((receiver|processor|exporter|extension|connector|other)_.*|[0-9a-f]{64})$`)

// What file_storage and this extension leave beside them.
var besides = regexp.MustCompile(`\.(backup|damaged-[^/]*|salvage)$`)

// timeForm is for names of files, on any system.
const timeForm = "20060102T150405.000Z"

// databases lists the files of a directory that components store in. One that is
// not there has none.
func databases(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() && ours.MatchString(e.Name()) && !besides.MatchString(e.Name()) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

// look checks one file, and takes care of it where it is damaged.
func (e *checked) look(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was read
	if !lock(f) {
		e.log.Info("A file of the storage is in use and is not checked.", zap.String("file", path))
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	check := boltfile.Check
	if carries(path) {
		check = boltfile.Salvage
	}
	report, err := check(f, info.Size())
	if err != nil || report.Damages == 0 {
		return err
	}
	return e.setAside(ctx, path, f, &report)
}

// carries tells whose file may be a queue.
func carries(path string) bool { return strings.HasPrefix(filepath.Base(path), "exporter_") }

func result(what string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("result", what)))
}

// setAside keeps a damaged file under another name. The batches of a queue each stand
// for themselves: they go on. Other state is one whole: half a ledger is worse than
// none, which is counted again from the audit store.
func (e *checked) setAside(ctx context.Context, path string, f *os.File, report *boltfile.Report) error {
	log := e.log.With(zap.String("file", path), zap.Int("damages", report.Damages), zap.Strings("first", report.Texts))
	fresh := ""
	var carried boltfile.Carried
	if carries(path) {
		var err error
		if carried, err = rewrite(f, report, path+".salvage"); err != nil {
			log.Error("What a damaged file holds could not be carried over.", zap.Error(err))
		} else if carried.Queue {
			fresh = path + ".salvage"
		}
	}
	aside := path + ".damaged-" + e.now().UTC().Format(timeForm)
	if err := replace(path, aside, fresh); err != nil {
		return err
	}
	e.report(ctx, log.With(zap.String("kept_as", aside)), fresh != "", carried)
	return nil
}

// report says what became of a damaged file, and what to do about it.
func (e *checked) report(ctx context.Context, log *zap.Logger, kept bool, carried boltfile.Carried) {
	if !kept {
		e.tel.ExtensionCheckedStorageDamagedFiles.Add(ctx, 1, result("set_aside"))
		log.Error("A DAMAGED FILE OF THE STORAGE was set aside and begun anew. The governance extension counts again from rebuild::dsn, " +
			"baselines are learned again, alerts are sent again; what a queue held IS LOST unless a person recovers it. Delete the file that was kept when nobody wants to look into it.")
		return
	}
	e.tel.ExtensionCheckedStorageDamagedFiles.Add(ctx, 1, result("carried_over"))
	log = log.With(zap.Int("carried_over", carried.Entries))
	switch {
	case carried.Missing > 0:
		e.tel.ExtensionCheckedStorageLostEntries.Add(ctx, int64(carried.Missing))
		log.Error("A DAMAGED FILE OF THE STORAGE was set aside. What could be read of it goes on; the rest IS LOST unless a person recovers it from the file that was kept.",
			zap.Int("lost_entries", carried.Missing))
	case carried.Missing < 0:
		log.Error("A DAMAGED FILE OF THE STORAGE was set aside. What could be read of it goes on, some of it perhaps for the second time. " +
			"Whether that is all is not known; compare with the file that was kept.")
	default:
		log.Error("A DAMAGED FILE OF THE STORAGE was set aside. Every entry that its queue names could be read, and goes on.")
	}
}

func rewrite(f *os.File, report *boltfile.Report, fresh string) (boltfile.Carried, error) {
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a start that was interrupted
		return boltfile.Carried{}, err
	}
	carried, err := boltfile.Rewrite(fresh, f, report)
	if err != nil {
		_ = os.Remove(fresh) // the error that counts is there
	}
	return carried, err
}

// replace keeps path as aside and puts fresh, or nothing, in its place. A crash in
// between leaves both names of the damaged file, and the next start begins again.
func replace(path, aside, fresh string) error {
	if fresh == "" {
		return os.Rename(path, aside)
	}
	if err := os.Link(path, aside); err != nil { // a file system without links
		if err := os.Rename(path, aside); err != nil {
			return fmt.Errorf("setting it aside: %w", err)
		}
	}
	return os.Rename(fresh, path)
}
