package costprocessor

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/finding"
	"github.com/spanwarden/spanwarden/internal/pricing"
)

// Results of a reload, as the metric names them.
const (
	reloadSwapped = "swapped"
	reloadRefused = "refused"
)

// kindPrices is the kind of a version of prices.
const kindPrices = "prices"

// maxPriceFile bounds what is read of one price file, in bytes.
const maxPriceFile = 16 << 20

// priceSource holds the price book in force and replaces it when its file, or a
// file that it imports, changes. Readers never wait: a book is immutable and
// swapped atomically. One goroutine, between start and stop, looks at the files;
// it reads and hashes them rather than waiting for file events, which mounted
// ConfigMaps do not send.
type priceSource struct {
	path     string
	interval time.Duration
	log      *zap.Logger
	reloaded func(result string)
	told     func(*finding.Version) // of what came into force, or was refused

	current atomic.Pointer[pricing.Book]
	loaded  atomic.Int64 // Unix nanoseconds

	// Owned by start, then by watch.
	imports []string
	seen    string // what the files held when last tried, or why they could not be read

	quit chan struct{}
	done sync.WaitGroup
}

func newPriceSource(path string, interval time.Duration, log *zap.Logger, reloaded func(string)) *priceSource {
	return &priceSource{path: path, interval: interval, log: log, reloaded: reloaded, told: func(*finding.Version) {}}
}

func (s *priceSource) book() *pricing.Book { return s.current.Load() }

func (s *priceSource) loadedAt() time.Time { return time.Unix(0, s.loaded.Load()) }

// start loads the prices and begins to watch their file, if there is one.
func (s *priceSource) start() error {
	if s.path == "" {
		book, err := pricing.Embedded()
		if err != nil {
			return fmt.Errorf("embedded price book: %w", err)
		}
		s.take(book)
		return nil
	}
	book, err := s.load()
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	s.take(book)
	s.seen = s.fingerprint()
	if s.interval > 0 {
		s.quit = make(chan struct{})
		s.done.Go(s.watch)
	}
	return nil
}

// stop is safe without start, and twice.
func (s *priceSource) stop() {
	if s.quit != nil {
		close(s.quit)
		s.done.Wait()
		s.quit = nil
	}
}

func (s *priceSource) watch() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.reload()
		}
	}
}

// reload swaps in the prices of changed files. Files that cannot be read or used
// change nothing, and are reported once for each of their contents.
func (s *priceSource) reload() {
	now := s.fingerprint()
	if now == s.seen {
		return
	}
	book, err := s.load()
	if err == nil {
		err = pricing.CheckReload(s.book(), book)
	}
	s.seen = s.fingerprint() // a new file may import others
	if err != nil {
		s.told(&finding.Version{Kind: kindPrices, Version: finding.Digest(now), Previous: s.book().Version(), Files: s.files(), Refused: err.Error()})
		s.reloaded(reloadRefused)
		s.log.Error("price file refused, the prices before it stay in force",
			zap.String("file", s.path), zap.String("book", s.book().Version()), zap.Error(err))
		return
	}
	s.take(book)
	s.reloaded(reloadSwapped)
	s.log.Info("prices reloaded", zap.String("file", s.path), zap.String("book", book.Version()))
}

func (s *priceSource) take(book *pricing.Book) {
	v := finding.Version{Kind: kindPrices, Version: book.Version(), Rules: []string{string(finding.CostUnpriced)}, Files: s.files()}
	if before := s.current.Swap(book); before != nil {
		v.Previous = before.Version()
	}
	s.loaded.Store(time.Now().UnixNano())
	s.told(&v)
}

// files are those that the prices were read from; none is the embedded book.
func (s *priceSource) files() []string {
	if s.path == "" {
		return nil
	}
	return append([]string{s.path}, s.imports...)
}

// load reads the price file and what it imports.
func (s *priceSource) load() (*pricing.Book, error) {
	data, err := readBounded(s.path)
	if err != nil {
		return nil, err
	}
	s.imports = s.imports[:0]
	return pricing.Load(s.path, data, func(name string) ([]byte, error) {
		file := name
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(s.path), name)
		}
		s.imports = append(s.imports, file)
		return readBounded(file)
	})
}

// fingerprint tells one state of the files from another. A file that cannot be
// read is a state too.
func (s *priceSource) fingerprint() string {
	sum := sha256.New()
	for _, file := range append([]string{s.path}, s.imports...) {
		data, err := readBounded(file)
		part := sha256.Sum256(data)
		if err != nil {
			part = sha256.Sum256([]byte(err.Error()))
		}
		sum.Write(part[:])
	}
	return string(sum.Sum(nil))
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the price file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxPriceFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the price file: %w", err)
	}
	if len(data) > maxPriceFile {
		return nil, fmt.Errorf("reading the price file: %s is larger than %d bytes", path, maxPriceFile)
	}
	return data, nil
}
