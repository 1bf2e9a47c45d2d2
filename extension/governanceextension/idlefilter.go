package governanceextension

import (
	"context"
	"hash/maphash"
	"strings"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// idleFilter says which idle keys are surely not in the storage: a key that is met
// for the first time need not be looked for there, which some storages make a
// transaction that writes. It is a Bloom filter of 1 MiB; with a million keys it is
// wrong about one in fifty, which are looked for.
type idleFilter struct {
	bits []uint64
	seed maphash.Seed
}

const (
	filterBits   = 1 << 23
	filterHashes = 3
)

// filterOf reads which idle keys the storage holds, or returns nil where it does not
// list them: then all are looked for.
func filterOf(ctx context.Context, client storage.Client) (*idleFilter, error) {
	if checked, ok := client.(checkedClient); ok {
		client = checked.Client
	}
	walker, ok := client.(storage.Walker)
	if !ok {
		return nil, nil //nolint:nilnil // no filter lets everything pass
	}
	f := &idleFilter{bits: make([]uint64, filterBits/64), seed: maphash.MakeSeed()}
	return f, walker.Walk(ctx, func(key string, _ []byte) ([]*storage.Operation, error) {
		if name, ok := strings.CutPrefix(key, idleKey("")); ok {
			f.add(name)
		}
		return nil, nil
	})
}

// each calls visit with the place of every bit of a key, until it returns false.
func (f *idleFilter) each(key string, visit func(word int, bit uint64) bool) {
	h := maphash.String(f.seed, key)
	at, step := h%filterBits, h>>32|1
	for range filterHashes {
		if !visit(int(at/64), 1<<(at%64)) {
			return
		}
		at = (at + step) % filterBits
	}
}

func (f *idleFilter) add(key string) {
	if f != nil {
		f.each(key, func(word int, bit uint64) bool { f.bits[word] |= bit; return true })
	}
}

// may reports whether the key can be in the storage.
func (f *idleFilter) may(key string) bool {
	all := true
	if f != nil {
		f.each(key, func(word int, bit uint64) bool { all = f.bits[word]&bit != 0; return all })
	}
	return all
}
