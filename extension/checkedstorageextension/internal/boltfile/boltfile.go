// Package boltfile reads the databases that file_storage writes with bbolt,
// without bbolt: through io.ReaderAt, with every number held against its bounds.
// bbolt maps the file and believes it, so that a damaged one panics in a goroutine
// of its own, or ends the process with a signal; neither can be caught.
//
// It finds what is damaged, and which entries can be read all the same.
package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"

	"github.com/spanwarden/spanwarden/extension/checkedstorageextension/internal/seal"
)

// The format of bbolt 1.x, in the byte order of the machines that it is used on.
const (
	magic       = 0xED0CDAED
	version     = 2
	pageHead    = 16
	elementSize = 16
	bucketHead  = 16
	metaSize    = 64
	branchFlag  = 0x01
	leafFlag    = 0x02
	freeFlag    = 0x10
	bucketFlag  = 0x01
	noFreelist  = math.MaxUint64
	maxKey      = 32768
	// deepest bounds the recursion: branches hold dozens of children.
	deepest = 24
	// most is how many damages are described; all are counted.
	most = 5
)

// Bucket is the one that file_storage keeps everything in.
const Bucket = "default"

// Pair is an entry. Its value is read when somebody asks.
type Pair struct {
	Key  string
	at   int64
	size int64
	// Reached is whether the tree leads to it. Another was on a page that no intact
	// page names: it may have been deleted since.
	Reached bool
}

// Report is what a file is like.
type Report struct {
	Damages int
	Texts   []string // of the first ones
	Pairs   []Pair
	// Older is whether a meta page is damaged, so that what the tree leads to may be
	// that of the commit before the last.
	Older bool
}

func (r *Report) damage(format string, args ...any) {
	r.Damages++
	if len(r.Texts) < most {
		r.Texts = append(r.Texts, fmt.Sprintf(format, args...))
	}
}

// meta is what one of the two meta pages says.
type meta struct {
	root, freelist, high, tx uint64
	pageSize                 int64
}

func parseMeta(raw []byte) (meta, error) {
	sum := fnv.New64a()
	_, _ = sum.Write(raw[:metaSize-8]) // never fails
	switch {
	case binary.LittleEndian.Uint32(raw) != magic:
		return meta{}, errors.New("no mark of a database")
	case binary.LittleEndian.Uint32(raw[4:]) != version:
		return meta{}, fmt.Errorf("version %d", binary.LittleEndian.Uint32(raw[4:]))
	case binary.LittleEndian.Uint64(raw[metaSize-8:]) != sum.Sum64():
		return meta{}, errors.New("wrong checksum")
	}
	return meta{
		pageSize: int64(binary.LittleEndian.Uint32(raw[8:])),
		root:     binary.LittleEndian.Uint64(raw[16:]),
		freelist: binary.LittleEndian.Uint64(raw[32:]),
		high:     binary.LittleEndian.Uint64(raw[40:]),
		tx:       binary.LittleEndian.Uint64(raw[48:]),
	}, nil
}

// reader walks one file.
type reader struct {
	Report
	r       io.ReaderAt
	size    int64
	collect bool
	meta
	seen []uint64 // a bit for each page that something names
}

// Check says what is damaged. An empty file is whole: it becomes a database. The
// error is the disk's.
func Check(r io.ReaderAt, size int64) (Report, error) { return read(r, size, false) }

// Salvage is Check with every entry that can be read, also those on pages that
// nothing intact leads to.
func Salvage(r io.ReaderAt, size int64) (Report, error) { return read(r, size, true) }

// Value reads a value.
func (p *Pair) Value(r io.ReaderAt) ([]byte, error) {
	raw := make([]byte, p.size)
	_, err := r.ReadAt(raw, p.at)
	return raw, err
}

func read(r io.ReaderAt, size int64, collect bool) (Report, error) {
	d := &reader{r: r, size: size, collect: collect}
	if size == 0 {
		return d.Report, nil
	}
	whole, err := d.metas()
	if err != nil {
		return d.Report, err
	}
	if pages := uint64(size / d.pageSize); d.high > pages {
		d.damage("%d pages are in use, the file has %d", d.high, pages)
		d.high = pages
	}
	d.seen = make([]uint64, d.high/64+1)
	if whole {
		if err := d.walk(page{id: d.root, leaf: d.ofRoot}); err != nil {
			return d.Report, err
		}
		if err := d.free(); err != nil {
			return d.Report, err
		}
	}
	if collect {
		if err := d.queueMeta(); err != nil {
			return d.Report, err
		}
		err = d.sweep()
	}
	return d.Report, err
}

// metas takes the newer of the two meta pages. One that is damaged is damage, also
// where the other is not: bbolt would go on from the commit before the last, and
// what was acknowledged by that would be gone without a word.
func (d *reader) metas() (found bool, err error) {
	first, errFirst, err := d.readMeta(0)
	if err != nil {
		return false, err
	}
	sizes := []int64{first.pageSize}
	if errFirst != nil {
		d.Older = true
		d.damage("meta page 0: %v", errFirst)
		sizes = []int64{4096, 1024, 2048, 8192, 16384, 32768, 65536}
	}
	for _, pageSize := range sizes {
		second, errSecond, err := d.readMeta(pageSize)
		switch {
		case err != nil:
			return false, err
		case errSecond == nil && (errFirst != nil || second.tx > first.tx):
			d.meta = second
			return d.sane()
		}
		if errFirst == nil {
			if errSecond != nil {
				d.Older = true
				d.damage("meta page 1: %v", errSecond)
			}
			d.meta = first
			return d.sane()
		}
	}
	d.damage("meta page 1: no mark of a database")
	d.pageSize, d.high = sizes[0], uint64(d.size/sizes[0])
	return false, nil
}

func (d *reader) readMeta(at int64) (m meta, bad, err error) {
	raw := make([]byte, pageHead+metaSize)
	if _, err := d.r.ReadAt(raw, at); errors.Is(err, io.EOF) {
		return m, errors.New("cut off"), nil
	} else if err != nil {
		return m, nil, err
	}
	m, bad = parseMeta(raw[pageHead:])
	return m, bad, nil
}

// sane holds a meta page, whose checksum is right, against what bbolt can have
// written.
func (d *reader) sane() (bool, error) {
	if d.pageSize < 512 || d.pageSize > 1<<24 || d.pageSize&(d.pageSize-1) != 0 {
		return false, fmt.Errorf("pages of %d bytes", d.pageSize)
	}
	return true, nil
}

// page is a page of the tree on the way to its elements.
type page struct {
	id     uint64
	lo, hi []byte // bounds of its keys; nil is none
	depth  int
	leaf   func(p *page, e *element) error // what to do with an element of a leaf

	at, span int64 // where it is, and how long, with what it overflows to
	flags    uint16
	count    int
	head     []byte // the beginning of it
}

// element is one of a page's. A leaf's has a value, a branch's a child.
type element struct {
	flags    uint32
	child    uint64
	from     int64 // where its key is in the page
	keySize  int64
	key      []byte
	at, size int64 // of the value, in the file
}

// take marks pages as named by something; false where they were already, or are
// none of the file's.
func (d *reader) take(id, n uint64) bool {
	if id < 2 || n > d.high || id > d.high-n {
		return false
	}
	for i := id; i < id+n; i++ {
		if d.seen[i/64]&(1<<(i%64)) != 0 {
			return false
		}
	}
	for i := id; i < id+n; i++ {
		d.seen[i/64] |= 1 << (i % 64)
	}
	return true
}

// open reads the head of a page; bad says why it is none.
func (d *reader) open(p *page) (bad string, err error) {
	if p.id < 2 || p.id >= d.high {
		return "outside the file", nil
	}
	p.at = int64(p.id) * d.pageSize
	p.head = make([]byte, d.pageSize)
	if _, err := d.r.ReadAt(p.head, p.at); err != nil {
		return "", err
	}
	p.flags, p.count = binary.LittleEndian.Uint16(p.head[8:]), int(binary.LittleEndian.Uint16(p.head[10:]))
	overflow := uint64(binary.LittleEndian.Uint32(p.head[12:]))
	switch own := binary.LittleEndian.Uint64(p.head); {
	case own != p.id:
		return fmt.Sprintf("says it is page %d", own), nil
	case p.flags != branchFlag && p.flags != leafFlag && p.flags != freeFlag:
		return fmt.Sprintf("of no kind: %#x", p.flags), nil
	case overflow >= d.high-p.id:
		return fmt.Sprintf("%d pages long, beyond the file", overflow+1), nil
	}
	p.span = int64(overflow+1) * d.pageSize
	return "", nil
}

// bytes returns some of a page, nil where that is outside it.
func (d *reader) bytes(p *page, from, n int64) ([]byte, error) {
	switch {
	case from < 0 || n < 0 || from > p.span || n > p.span-from:
		return nil, nil
	case from+n <= int64(len(p.head)):
		return p.head[from : from+n : from+n], nil
	}
	raw := make([]byte, n)
	_, err := d.r.ReadAt(raw, p.at+from)
	return raw, err
}

// walk visits a page of a tree and everything below it.
func (d *reader) walk(p page) error {
	if p.depth > deepest {
		d.damage("page %d: a tree too deep", p.id)
		return nil
	}
	bad, err := d.open(&p)
	if err != nil {
		return err
	}
	if bad == "" && p.flags == freeFlag {
		bad = "a free list in the tree"
	}
	if bad == "" && !d.take(p.id, uint64(p.span/d.pageSize)) {
		bad = "named twice"
	}
	if bad != "" {
		d.damage("page %d: %s", p.id, bad)
		return nil
	}
	return d.elements(&p)
}

// elements visits the elements of a page. bbolt writes them and what they point to
// one after the other, so that where each begins is known beforehand.
func (d *reader) elements(p *page) error {
	if fit := (p.span - pageHead) / elementSize; int64(p.count) > fit {
		d.damage("page %d: %d elements where %d fit", p.id, p.count, fit)
		p.count = int(fit)
	}
	expected, last := pageHead+elementSize*int64(p.count), p.lo
	var next element
	for i := range p.count {
		e := next
		var err error
		if i == 0 {
			if e, err = d.element(p, 0); err != nil {
				return err
			}
		}
		if next, err = d.element(p, i+1); err != nil {
			return err
		}
		switch {
		case e.key == nil || e.at+e.size > p.at+p.span:
			d.damage("page %d: element %d points beyond it", p.id, i)
			continue
		case e.from != expected:
			d.damage("page %d: element %d is not where it should be", p.id, i)
		case last != nil && (bytes.Compare(e.key, last) < 0 || i > 0 && bytes.Equal(e.key, last)), p.hi != nil && bytes.Compare(e.key, p.hi) >= 0:
			d.damage("page %d: the key of element %d is out of order", p.id, i)
		case e.flags > bucketFlag:
			d.damage("page %d: element %d is of no kind: %#x", p.id, i, e.flags)
		}
		expected, last = e.from+e.keySize+e.size, e.key
		if p.flags == leafFlag {
			err = p.leaf(p, &e)
		} else {
			hi := p.hi
			if next.key != nil {
				hi = next.key
			}
			err = d.walk(page{id: e.child, lo: e.key, hi: hi, depth: p.depth + 1, leaf: p.leaf})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// element decodes one: a leaf's has flags, position and two lengths, a branch's
// position, one length and a page. One that cannot be read, or is none of the
// page's, has no key.
func (d *reader) element(p *page, i int) (e element, err error) {
	at := pageHead + elementSize*int64(i)
	if i >= p.count {
		return e, nil
	}
	raw, err := d.bytes(p, at, elementSize)
	if err != nil || raw == nil {
		return e, err
	}
	le := binary.LittleEndian
	if p.flags == branchFlag {
		e = element{from: at + int64(le.Uint32(raw)), keySize: int64(le.Uint32(raw[4:])), child: le.Uint64(raw[8:])}
	} else {
		e = element{flags: le.Uint32(raw), from: at + int64(le.Uint32(raw[4:])), keySize: int64(le.Uint32(raw[8:])), size: int64(le.Uint32(raw[12:]))}
	}
	e.at = p.at + e.from + e.keySize
	if e.keySize > 0 && e.keySize <= maxKey {
		e.key, err = d.bytes(p, e.from, e.keySize)
	}
	return e, err
}

// ofRoot is for the elements of the root: there is one bucket and nothing else.
func (d *reader) ofRoot(p *page, e *element) error {
	if e.flags != bucketFlag || string(e.key) != Bucket || e.size < bucketHead {
		d.damage("page %d: something that is not the bucket %q", p.id, Bucket)
	}
	if e.flags&bucketFlag == 0 || e.size < bucketHead {
		return nil
	}
	raw, err := d.bytes(p, e.at-p.at, e.size)
	if err != nil || raw == nil {
		return err
	}
	if root := binary.LittleEndian.Uint64(raw); root != 0 {
		return d.walk(page{id: root, depth: p.depth + 1, leaf: d.ofBucket})
	}
	// A small bucket is a page inside the value.
	inline := page{id: p.id, depth: p.depth + 1, leaf: d.ofBucket, at: e.at + bucketHead, span: e.size - bucketHead, head: raw[bucketHead:]}
	if len(inline.head) < pageHead {
		d.damage("page %d: a bucket inside it is cut off", p.id)
		return nil
	}
	le := binary.LittleEndian
	inline.flags, inline.count = le.Uint16(inline.head[8:]), int(le.Uint16(inline.head[10:]))
	if own := le.Uint64(inline.head); own != 0 { // bbolt would free the page of that number
		d.damage("page %d: the bucket inside it says it is page %d", p.id, own)
	}
	if inline.flags != leafFlag {
		d.damage("page %d: a bucket inside it is of no kind: %#x", p.id, inline.flags)
		return nil
	}
	return d.elements(&inline)
}

// ofBucket is for the elements of the bucket.
func (d *reader) ofBucket(p *page, e *element) error {
	if e.flags&bucketFlag != 0 {
		d.damage("page %d: a bucket inside the bucket", p.id)
		return nil
	}
	if d.collect {
		d.Pairs = append(d.Pairs, Pair{Key: string(e.key), at: e.at, size: e.size, Reached: true})
	}
	return nil
}

// stray is for the elements of leaves that nothing leads to: the bucket's, or the
// root's, with the bucket inside it while that is small.
func (d *reader) stray(p *page, e *element) error {
	if e.flags&bucketFlag != 0 && e.size > bucketHead {
		return d.ofRoot(p, e)
	}
	return d.ofBucket(p, e)
}

// free looks at the list of free pages, where there is one.
func (d *reader) free() error {
	if d.freelist == noFreelist {
		return nil
	}
	p := page{id: d.freelist}
	bad, err := d.open(&p)
	if err != nil {
		return err
	}
	if bad == "" && p.flags != freeFlag {
		bad = fmt.Sprintf("no list of free pages: %#x", p.flags)
	}
	if bad == "" && !d.take(p.id, uint64(p.span/d.pageSize)) {
		bad = "named twice"
	}
	if bad != "" {
		d.damage("page %d: %s", p.id, bad)
		return nil
	}
	return d.freePages(&p)
}

// freePages holds each free page against the tree.
func (d *reader) freePages(p *page) error {
	from, count := int64(pageHead), int64(p.count)
	if p.count == math.MaxUint16 { // the first number is the count
		raw, err := d.bytes(p, from, 8)
		if err != nil {
			return err
		}
		from, count = from+8, int64(min(binary.LittleEndian.Uint64(raw), d.high))
	}
	raw, err := d.bytes(p, from, 8*count)
	if err != nil {
		return err
	}
	if raw == nil && count > 0 {
		d.damage("page %d: %d free pages do not fit", p.id, count)
	}
	for ; len(raw) >= 8; raw = raw[8:] {
		if id := binary.LittleEndian.Uint64(raw); !d.take(id, 1) {
			d.damage("page %d: page %d is not free", p.id, id)
		}
	}
	return nil
}

// queueMeta holds the metadata of a queue against its checksum: without it the
// queue would begin at 0 and write over what it holds.
func (d *reader) queueMeta() error {
	var all bool
	var meta *Pair
	for i := range d.Pairs {
		all = all || d.Pairs[i].Key == seal.Mark
		if d.Pairs[i].Key == QueueKey {
			meta = &d.Pairs[i]
		}
	}
	if meta == nil {
		return nil
	}
	raw, err := meta.Value(d.r)
	if err != nil {
		return err
	}
	if _, bad := seal.Open(raw, all); bad != nil {
		d.damage("the metadata of the queue: %v", bad)
	}
	return nil
}

// sweep looks for leaves on the pages that nothing named. Damage there is none of
// the file's.
func (d *reader) sweep() error {
	if d.Damages == 0 {
		return nil
	}
	damages, texts, reached := d.Damages, d.Texts, len(d.Pairs)
	for id := uint64(2); id < d.high; id++ {
		if d.seen[id/64]&(1<<(id%64)) != 0 {
			continue
		}
		p := page{id: id, leaf: d.stray}
		bad, err := d.open(&p)
		if err != nil {
			return err
		}
		if bad != "" || p.flags != leafFlag {
			continue
		}
		if err := d.elements(&p); err != nil {
			return err
		}
	}
	for i := range d.Pairs[reached:] {
		d.Pairs[reached+i].Reached = false
	}
	d.Damages, d.Texts = damages, texts
	return nil
}
