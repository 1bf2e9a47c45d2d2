package chdb

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Version is the pinned version of the packages that carry the library.
const Version = "26.5.3"

// ErrUnsupported reports a platform for which no verified package is pinned.
var ErrUnsupported = errors.New("no verified engine package for this platform")

const useServer = "point SPANWARDEN_CLICKHOUSE_DSN at a ClickHouse server instead"

// pkg names an npm package, its SHA-512 (as npm writes it) and the library in it.
type pkg struct{ name, integrity, library string }

// packages lists what has been fetched and checked. Packages for linux/arm64
// and macOS are published too, but a hash nobody has checked is no pin: a
// platform is added here together with its hash.
var packages = map[string]pkg{
	"linux/amd64": {
		name:      "@chdb/lib-linux-x64-gnu",
		integrity: "sha512-fPrLmRt5Moor9yGz4mazbrNje4t7X9KB2mTGkXFWRxRBs2iKy8yh6jx11xsa0Qr3iDFMU/yHqd+bVdYJXu3QaQ==",
		library:   "libchdb.so",
	},
}

func packageFor(platform string) (pkg, error) {
	p, ok := packages[platform]
	if !ok {
		return pkg{}, fmt.Errorf("%w: %s; %s", ErrUnsupported, platform, useServer)
	}
	return p, nil
}

// cacheDir is where the pinned version lives: under SPANWARDEN_CACHE when set,
// else under the user's cache directory.
func cacheDir() (string, error) {
	if dir := os.Getenv("SPANWARDEN_CACHE"); dir != "" {
		return filepath.Join(dir, "chdb", Version), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory (set SPANWARDEN_CACHE): %w", err)
	}
	return filepath.Join(dir, "spanwarden", "chdb", Version), nil
}

// Installed returns the path of the library, or an error that says how to get it.
func Installed() (string, error) {
	p, err := packageFor(runtime.GOOS + "/" + runtime.GOARCH)
	if err != nil {
		return "", err
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, runtime.GOOS+"-"+runtime.GOARCH, p.library)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the engine is not installed (run `spanwarden store install`): %w", err)
	}
	return path, nil
}

// Install returns the path of the library and fetches it first if it is
// missing, with npm and the registry npm is configured for. The directory
// appears whole or not at all, so concurrent installs are safe. Progress goes
// to progress, one line a step.
func Install(ctx context.Context, progress io.Writer) (string, error) {
	if path, err := Installed(); err == nil {
		return path, nil
	} else if errors.Is(err, ErrUnsupported) {
		return "", err
	}
	p, err := packageFor(runtime.GOOS + "/" + runtime.GOARCH)
	if err != nil {
		return "", err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm, which fetches the engine, is not in PATH; install it or %s: %w", useServer, err)
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating the cache directory: %w", err)
	}
	tmp, err := os.MkdirTemp(dir, ".install-")
	if err != nil {
		return "", fmt.Errorf("creating the cache directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	tell(progress, "fetching "+p.name+"@"+Version+" (about 166 MB)")
	tarball, err := npmPack(ctx, npm, tmp, p.name+"@"+Version)
	if err != nil {
		return "", err
	}
	tell(progress, "checking and unpacking (about 560 MB)")
	if err := verify(tarball, p.integrity); err != nil {
		return "", err
	}
	out := filepath.Join(tmp, "out")
	if err := extract(tarball, out, p.library); err != nil {
		return "", err
	}
	final := filepath.Join(dir, runtime.GOOS+"-"+runtime.GOARCH)
	if err := os.Rename(out, final); err != nil {
		// Another install came first: its copy was checked the same way.
		if path, ierr := Installed(); ierr == nil {
			return path, nil
		}
		return "", fmt.Errorf("moving the engine into place: %w", err)
	}
	return Installed()
}

// tell writes one line of progress; one that cannot be written is not missed.
func tell(w io.Writer, line string) { _, _ = fmt.Fprintln(w, line) }

func npmPack(ctx context.Context, npm, dir, spec string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", spec, "--ignore-scripts", "--silent", "--pack-destination", dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w: %s; if the registry does not have it, %s", spec, err, out, useServer)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack %s: expected one archive, got %d", spec, len(found))
	}
	return found[0], nil
}

func verify(path, integrity string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the package: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("reading the package: %w", err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != integrity {
		return fmt.Errorf("the package is not the pinned one: integrity %s, want %s", got, integrity)
	}
	return nil
}
