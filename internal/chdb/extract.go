package chdb

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxLibraryBytes bounds what is unpacked; the pinned library has 559 MB.
const maxLibraryBytes = 2 << 30

// extract writes the one file package/<library> of the archive to dir. No
// other entry is written, so no name in the archive can choose a path.
func extract(archive, dir, library string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("opening the package: %w", err)
	}
	defer func() { _ = f.Close() }()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("reading the package: %w", err)
	}
	tr := tar.NewReader(io.LimitReader(zr, maxLibraryBytes))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the package holds no %s", library)
		}
		if err != nil {
			return fmt.Errorf("reading the package: %w", err)
		}
		if h.Typeflag == tar.TypeReg && h.Name == "package/"+library {
			return writeLibrary(tr, dir, library)
		}
	}
}

func writeLibrary(r io.Reader, dir, library string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(dir, library), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	_, err = io.Copy(out, r)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("unpacking %s: %w", library, err)
	}
	return nil
}
