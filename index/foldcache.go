package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
)

// FoldCache remembers what the files of packages fold to, so that a file whose bytes are known is not parsed again; of
// publishers' files it remembers the digests alone:
//
//	for each package, sorted by path: path, key, sum, under, held, publishers, record
//
// The key is the sha256 of the file's and of those of the publishers who speak in it; sum is the file's own. Under is the
// digest of the registry's lists when they were last found to vouch for the file: while those are the same, the file is,
// and is not even read. Held says that [Seen] has the file as it is, so that nothing has to be held against it either. The
// file is sealed. It lies where [FileMemory] lies, and for the same reason.
//
// A FoldCache is for use by several goroutines at once.
type FoldCache struct {
	path    string
	sum     string        // of the file as it was read, "" for none
	ready   chan struct{} // closed once the file has been read
	scratch sync.Pool     // of *[]byte, where records are made

	mu      sync.Mutex
	folded  map[string]folded // by path
	changed bool
}

// folded is what is remembered of one file. The texts are parts of one that holds the whole cache.
type folded struct {
	key      string // the fileKey under which the record is right
	sum      string // of the file
	under    string // the lists that vouched for it; "" for none
	held     bool   // it is known to [Seen]
	speakers []string
	record   string
	used     bool
	here     bool // held is what this process says
}

const foldHeader = "gal folded packages 3\n"

// maxFolded is the greatest size of a cache, in bytes; of a larger one only what this process has used is kept.
const maxFolded = 128 << 20

// OpenFoldCache returns the cache at path, and begins to read it: whoever asks it first waits for that. A file that is
// not there, or cannot be read, is an empty cache.
func OpenFoldCache(path string) *FoldCache {
	c := &FoldCache{path: path, ready: make(chan struct{}), scratch: sync.Pool{New: func() any { return new([]byte) }}}
	go func() {
		defer close(c.ready)
		c.read()
	}()
	return c
}

func (c *FoldCache) read() {
	var ok bool
	if c.folded, c.sum, ok = readFolded(c.path); !ok {
		c.folded = map[string]folded{}
	}
}

// readFolded reads a cache, and the digest that it is sealed with; false for one that is not there, or damaged.
func readFolded(path string) (files map[string]folded, sum string, ok bool) {
	text, sum, err := readSealedSum(path, foldHeader, maxFolded)
	if err != nil {
		return nil, "", false
	}
	if files, ok = parseFiles(text); !ok {
		return nil, "", false
	}
	return files, sum, true
}

// lock waits until the cache is read, and takes it.
func (c *FoldCache) lock() {
	<-c.ready
	c.mu.Lock()
}

func parseFiles(text string) (map[string]folded, bool) {
	r, files := &unfolder{text: text}, map[string]folded{}
	for r.text != "" {
		path := r.string()
		files[path] = folded{key: r.string(), sum: r.string(), under: r.string(), held: r.flag(), speakers: r.strings(), record: r.string()}
	}
	return files, !r.broken
}

// speakers returns whose files a package's file was folded with, where the cache knows the path at all.
func (c *FoldCache) speakers(path string) ([]string, bool) {
	if c == nil {
		return nil, false
	}
	c.lock()
	defer c.mu.Unlock()
	f, ok := c.folded[path]
	return f.speakers, ok
}

// under returns the digest of a file, and who speaks in it, if these lists are known to vouch for that.
func (c *FoldCache) under(path, lists string) (sum [sha256.Size]byte, speakers []string, ok bool) {
	c.lock()
	defer c.mu.Unlock()
	f, known := c.folded[path]
	if !known || f.under != lists || len(f.sum) != len(sum) {
		return sum, nil, false
	}
	return [sha256.Size]byte([]byte(f.sum)), f.speakers, true
}

// earlier returns the digest of a file as lists had it that were read before; "" where that is not known.
func (c *FoldCache) earlier(path string) string {
	c.lock()
	defer c.mu.Unlock()
	if f := c.folded[path]; f.under != "" {
		return f.sum
	}
	return ""
}

// note remembers the digest of a publisher's file, for which the lists vouch.
func (c *FoldCache) note(path, sum, lists string) {
	c.lock()
	defer c.mu.Unlock()
	f := c.folded[path]
	c.changed = c.changed || f.sum != sum || f.under != lists
	c.folded[path] = folded{sum: sum, under: lists, held: f.held && f.sum == sum, here: f.here && f.sum == sum, used: true}
}

// hold remembers that [Seen] has the files.
func (c *FoldCache) hold(paths []string) {
	if c == nil {
		return
	}
	c.lock()
	defer c.mu.Unlock()
	for _, path := range paths {
		if f, ok := c.folded[path]; ok {
			c.changed = c.changed || !f.held
			f.held, f.here = true, true
			c.folded[path] = f
		}
	}
}

// Release forgets that [Seen] has the files, which were left out when it was saved: they are held against nothing any more,
// and have to be noted there anew.
func (c *FoldCache) Release(paths []string) {
	c.lock()
	defer c.mu.Unlock()
	for _, path := range paths {
		if f, ok := c.folded[path]; ok {
			c.changed = c.changed || f.held
			f.held, f.here = false, true
			c.folded[path] = f
		}
	}
}

// holds reports whether [Seen] has the file as it is.
func (c *FoldCache) holds(path string) bool {
	c.lock()
	defer c.mu.Unlock()
	return c.folded[path].held
}

// record returns the record of a file, if it is still that of these bytes, and notes which lists vouch for it; "" for
// none leaves noted who did before.
func (c *FoldCache) record(path, key, lists string) (string, bool) {
	c.lock()
	defer c.mu.Unlock()
	f, ok := c.folded[path]
	if !ok || f.key != key {
		return "", false
	}
	if lists != "" && f.under != lists {
		f.under, c.changed = lists, true
	}
	f.used = true
	c.folded[path] = f
	return f.record, true
}

// keep remembers a package that was folded from its file. Where no lists vouch for it now, those do that did before.
func (c *FoldCache) keep(path string, f folded, p *Package) {
	if !recordable(p) {
		return
	}
	buf := c.scratch.Get().(*[]byte)
	*buf = appendFolded((*buf)[:0], p)
	f.record, f.used = string(*buf), true
	c.scratch.Put(buf)
	c.lock()
	defer c.mu.Unlock()
	if before := c.folded[path]; before.sum == f.sum {
		f.under, f.held, f.here = cmp.Or(f.under, before.under), before.held, before.here
	}
	c.folded[path] = f
	c.changed = true
}

// Save writes the cache where something was added, one process at a time. What others have written since it was read stays,
// but for what this process has used; and a file that [Seen] no longer has, as they say, does not pass for held.
//
// Errors: those of the context where another process keeps what is to be written, and of writing.
func (c *FoldCache) Save(ctx context.Context) error {
	if !c.isChanged() {
		return nil
	}
	lock, err := lockState(ctx, filepath.Dir(c.path))
	if err != nil {
		return err
	}
	defer lock.Release()
	return c.save()
}

// SaveSeen saves what was seen, and then what it folds to: that counts for having been held against what was seen, so it is
// never ahead of it, and no other process saves in between. The errors are those of the two Saves.
func SaveSeen(ctx context.Context, seen *Seen, folded *FoldCache) error {
	if !seen.isChanged() && !folded.isChanged() {
		return nil
	}
	lock, err := lockState(ctx, filepath.Dir(folded.path))
	if err != nil {
		return err
	}
	defer lock.Release()
	left, err := seen.save()
	if err != nil {
		return err
	}
	folded.Release(left)
	return folded.save()
}

func (c *FoldCache) isChanged() bool {
	c.lock()
	defer c.mu.Unlock()
	return c.changed
}

// save is Save for those who have the lock.
func (c *FoldCache) save() error {
	c.lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil
	}
	if sealedSum(c.path, foldHeader) != c.sum {
		there, _, _ := readFolded(c.path)
		c.folded = join(there, c.folded)
	}
	size := 0
	for path, f := range c.folded {
		size += len(path) + len(f.record) + 128
	}
	if size > maxFolded {
		maps.DeleteFunc(c.folded, func(_ string, f folded) bool { return !f.used })
	}
	c.changed = false
	paths := slices.Sorted(maps.Keys(c.folded))
	sum := sha256.New()
	if n, err := c.write(sum, paths); err != nil || n > maxFolded {
		return err // one process used more than a cache holds
	}
	c.sum = string(sum.Sum(nil))
	return atomicfile.WriteCacheFunc(c.path, func(w io.Writer) error {
		if _, err := w.Write(sum.Sum([]byte(foldHeader))); err != nil {
			return err
		}
		_, err := c.write(w, paths)
		return err
	})
}

// join is what a process has of a file that others have written since, which is there now. It uses up there.
func join(there, ours map[string]folded) map[string]folded {
	if there == nil {
		there = map[string]folded{}
	}
	for path, f := range ours {
		now, ok := there[path]
		switch same := ok && now.sum == f.sum; {
		case !f.used && !ok, !f.used && !f.here:
			continue
		case !f.used: // only noted to be held, or not to be
			now.held, now.here = f.held && same, true
			f = now
		case !f.here:
			f.held = f.held && same && now.held
		}
		there[path] = f
	}
	return there
}

// write writes what is sealed, a piece at a time, and returns its length: it is never in memory twice.
func (c *FoldCache) write(to io.Writer, paths []string) (length int, err error) {
	const piece = 64 << 10
	w := &folder{buf: make([]byte, 0, piece)}
	for i, path := range paths {
		f := c.folded[path]
		w.text(path)
		w.text(f.key)
		w.text(f.sum)
		w.text(f.under)
		w.flag(f.held)
		w.texts(f.speakers)
		w.text(f.record)
		if len(w.buf) < piece && i < len(paths)-1 {
			continue
		}
		if _, err := to.Write(w.buf); err != nil {
			return length, err
		}
		length += len(w.buf)
		w.buf = w.buf[:0]
	}
	return length, nil
}

// fileKey identifies the bytes of a package's file together with those of its publishers' files.
func fileKey(registry string, file [sha256.Size]byte, publishers []*Publisher) string {
	h := sha256.New()
	io.WriteString(h, registry)
	h.Write(file[:])
	for _, p := range publishers {
		h.Write(p.file[:])
	}
	return string(h.Sum(nil))
}
