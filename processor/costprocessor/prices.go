package costprocessor

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/spanwarden/spanwarden/internal/pricing"
)

// Results of a reload, as the metric names them.
const (
	reloadSwapped = "swapped"
	reloadRefused = "refused"
)

// maxPriceFile bounds what is read as a price file, in bytes.
const maxPriceFile = 16 << 20

// priceSource holds the price book in force and replaces it when its file
// changes. Readers never wait: a book is immutable and swapped atomically. One
// goroutine, between start and stop, looks at the file; it reads and hashes it
// rather than waiting for file events, which mounted ConfigMaps do not send.
type priceSource struct {
	path     string
	interval time.Duration
	log      *zap.Logger
	reloaded func(result string)

	current   atomic.Pointer[pricing.Book]
	confirmed atomic.Int64 // Unix nanoseconds
	digest    [sha256.Size]byte

	quit chan struct{}
	done sync.WaitGroup
}

func newPriceSource(path string, interval time.Duration, log *zap.Logger, reloaded func(string)) *priceSource {
	return &priceSource{path: path, interval: interval, log: log, reloaded: reloaded}
}

func (s *priceSource) book() *pricing.Book { return s.current.Load() }

func (s *priceSource) confirmedAt() time.Time { return time.Unix(0, s.confirmed.Load()) }

// start loads the prices and begins to watch their file, if there is one.
func (s *priceSource) start() error {
	overrides, err := s.read()
	if err != nil {
		return err
	}
	book, err := pricing.Load(s.path, overrides)
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	s.digest = sha256.Sum256(overrides)
	s.current.Store(book)
	s.confirmed.Store(time.Now().UnixNano())
	if s.path != "" && s.interval > 0 {
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

// reload swaps in the prices of a changed file. A file that cannot be read or
// used changes nothing, and is reported once for each of its contents.
func (s *priceSource) reload() {
	overrides, err := s.read()
	if err != nil {
		s.refuse(err)
		return
	}
	digest := sha256.Sum256(overrides)
	if digest == s.digest {
		s.confirmed.Store(time.Now().UnixNano())
		return
	}
	s.digest = digest
	book, err := pricing.Load(s.path, overrides)
	if err == nil {
		err = pricing.CheckReplacement(s.book(), book)
	}
	if err != nil {
		s.refuse(err)
		return
	}
	s.current.Store(book)
	s.confirmed.Store(time.Now().UnixNano())
	s.reloaded(reloadSwapped)
	s.log.Info("prices reloaded", zap.String("file", s.path), zap.String("book", book.Version()))
}

func (s *priceSource) refuse(err error) {
	s.reloaded(reloadRefused)
	s.log.Error("price file refused, the prices before it stay in force",
		zap.String("file", s.path), zap.String("book", s.book().Version()), zap.Error(err))
}

// read returns the overrides, nil where no file is configured.
func (s *priceSource) read() ([]byte, error) {
	if s.path == "" {
		return nil, nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	if info.Size() > maxPriceFile {
		return nil, fmt.Errorf("prices: %s has %d bytes, more than the %d that are read", s.path, info.Size(), maxPriceFile)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	return data, nil
}
