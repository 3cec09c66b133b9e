// Package cache keeps fetched packages for all projects of a user: the verified archives, and the unpacked read-only trees
// that projects link to. It is the specification's PackageCache.
//
// # Layout
//
//	DIR/blobs/sha256/<hh>/<hex>             an archive under its digest; hh are the first two digits
//	DIR/store/<key>-<version>-<hex32>/      its files, without the archive's top folder; hex32 are the first 32 digits
//	DIR/store/<key>-<version>-<hex32>.tree  the listing of that folder (below)
//	DIR/tmp/                                what is being made, and locks
//	DIR/lock                                held shared by whoever uses the cache, exclusive by whoever removes from it
//	DIR/lock-objects                        a lock for each number that the name of an object may come to; Linux only
//	DIR/generation                          a number that changes whenever something was removed
//	DIR/hosts                               which hosts failed lately; package download's
//
// The time of an archive, and of a tree's folder, is that of its last use, to a day ([Used]).
//
// The names blobs/sha256 and store are of this form of archives and trees, the first. Another form has another name beside
// them, and a program leaves alone what it has no name for; so programs of several versions share DIR, and each makes what it
// does not have.
//
// Where a group may write to DIR, as with `chmod 2775`, it may to all folders that are made in it: its members trust each other.
//
// What is in blobs and store was complete and had its digest when it got its name: it is written in tmp and renamed. A
// process may be killed at any moment; the next that has the cache for itself sweeps tmp. There are no flags to be left
// behind: locks are the kernel's, which drops them. Where a file system has none, the renames alone keep the
// cache right and two processes may do the same work twice.
//
// # Checks
//
// Nothing read from the cache is believed. An archive is hashed whenever it is opened. A tree is compared with its
// listing, which was made while unpacking verified bytes, before its path is given out: names, sizes, modes and, at the
// level [Content], every byte. What is damaged is removed and made anew, from the archive or from the network.
//
// # Listing
//
//	gal-tree 1
//	archive sha256:<hex>
//	boot <id of the system's start while it was last checked, or ->
//	<f or x> <size> <hex sha256> <path>        for every file, sorted by path; x is executable
//	end sha256:<hex of all lines above>
//
// The listing lies beside the folder, never in it: no file that a package brings can take its place. Where something was
// found in a tree by other means, the line `gal-damaged 1` and one that says what was found stand in place of the listing,
// until the tree is made anew.
package cache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Cache is one cache folder. It is safe for concurrent use, by other processes as well.
type Cache struct {
	dir    string
	events fetch.Events
	keys   keyedMutex
	use    usage
	work   workshop
	checks checks

	watched watched
	boot    func() string // [bootID], asked once

	unpackers sync.Pool // of *[archive.Unpacker], one for each tree that is being made
	buffers   sync.Pool // of *[checkBuffer]byte, one for each tree that is being checked
	blobs     sync.Pool // of *[smallBlob]byte, one for each archive that is being unpacked

	hits, misses, bytes, healed atomic.Int64
}

// NewCache opens the cache in dir, which is made with its parents where it is missing. A folder that cannot be written to
// is usable as far as everything is in it.
func NewCache(dir string, events fetch.Events) (*Cache, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := &Cache{dir: abs, events: events, keys: keyedMutex{held: map[string]chan struct{}{}}, boot: sync.OnceValue(bootID)}
	err = os.MkdirAll(abs, 0o755)
	for _, sub := range []string{"blobs", "blobs/sha256", "store", "tmp"} {
		if err == nil || readOnly(err) {
			err = makeFolder(filepath.Join(abs, filepath.FromSlash(sub)))
		}
	}
	if err != nil && !readOnly(err) {
		return nil, fault.New(fault.Manifest, "cache-unusable", "the cache folder %q cannot be made", abs).Because(err)
	}
	return c, nil
}

// readOnly reports errors of a cache that others may write to, but we may not.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || isReadOnlyFS(err)
}

// Dir is the cache's folder, as an absolute path.
func (c *Cache) Dir() string { return c.dir }

// Metrics returns the counters of this Cache since it was opened, and the number of archives in it.
func (c *Cache) Metrics() (fetch.Metrics, error) {
	u, err := c.Usage()
	return fetch.Metrics{CachedPackages: int64(u.Blobs), Hits: c.hits.Load(), Misses: c.misses.Load(), Bytes: c.bytes.Load(), Healed: c.healed.Load()}, err
}

func (c *Cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// hexOf checks a digest and returns its hex part.
func hexOf(digest string) (string, error) {
	text, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(text) != 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return "", fault.New(fault.Usage, "bad-digest", "%q is not a digest (sha256: and 64 hex digits in lower case)", digest)
	}
	return text, nil
}

func (c *Cache) blobPath(hex string) string { return c.path("blobs", "sha256", hex[:2], hex) }

// treeName is the folder of an item in the store. Names come from elsewhere, so they are checked here again.
func treeName(item fetch.Item, hex string) (string, error) {
	name := item.Folder() + "-" + hex[:32]
	if item.Key == "" || item.Version.IsZero() || archive.CheckPath(item.Folder()) != nil || strings.Contains(name, "/") {
		return "", fault.New(fault.Usage, "bad-name", "%q cannot be the name of a folder", item.Folder())
	}
	return name, nil
}

// discard takes a file or folder out of its place at once and then removes it. What it leaves on a crash is in tmp.
func (c *Cache) discard(path string) error {
	gone := false
	away, err := c.temp(func(away string) error {
		err := os.Rename(path, away)
		if _, missing := os.Lstat(path); err != nil && errors.Is(missing, fs.ErrNotExist) {
			gone = true
			return nil
		}
		return err
	})
	if err != nil || gone {
		return err
	}
	failpoint.Reach(failpoint.ObjectMoved)
	return removeAll(away)
}

// removeAll is os.RemoveAll for trees whose folders somebody has made read-only.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil {
		return nil
	}
	walk := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return err
	})
	return errors.Join(os.RemoveAll(path), walk)
}

// StoreDir is the folder with the trees of the cache in dir. Its time changes whenever a tree comes or goes, whoever does it.
func StoreDir(dir string) string { return filepath.Join(dir, "store") }

// Generation is a text that changes whenever something was removed from the cache, or found damaged in it: what a project
// links to may be gone, or not what it was.
func (c *Cache) Generation() string { return Generation(c.dir) }

// Generation is [Cache.Generation] without opening the cache in dir.
func Generation(dir string) string {
	data, err := atomicfile.Read(filepath.Join(dir, "generation"), 64)
	if err != nil {
		return ""
	}
	return string(data)
}

// Watch begins to look whether somebody else removes something, or finds it damaged.
func (c *Cache) Watch() {
	c.watched.mu.Lock()
	defer c.watched.mu.Unlock()
	c.watched.generation, c.watched.disturbed = c.Generation(), false
}

// Undisturbed reports whether nobody but this Cache has removed anything, or found it damaged, since [Cache.Watch].
func (c *Cache) Undisturbed() bool {
	c.watched.mu.Lock()
	defer c.watched.mu.Unlock()
	return !c.watched.disturbed && c.watched.generation == c.Generation()
}

// watched is the generation as it was made or seen by a Cache last.
type watched struct {
	mu         sync.Mutex
	generation string
	disturbed  bool // it was another one in between
}

func (c *Cache) newGeneration() error {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	c.watched.mu.Lock()
	defer c.watched.mu.Unlock()
	c.watched.disturbed = c.watched.disturbed || c.watched.generation != c.Generation()
	c.watched.generation = hex.EncodeToString(b[:])
	return atomicfile.Write(c.path("generation"), []byte(c.watched.generation), 0o644)
}

// Hold keeps everything in the cache where it is until release is called: [Cache.Prune] and [Cache.Clean] wait. Whoever
// gives out paths of trees holds the cache until they are linked. Holding twice is fine.
func (c *Cache) Hold(ctx context.Context) (release func(), err error) {
	if err := c.use.acquire(ctx, c); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { c.use.release(c) }), nil
}

func (c *Cache) heal(item fetch.Item, what string) {
	c.healed.Add(1)
	c.events.Heal(item, what)
}

// diskError names the folder whose disk is full or cannot be written to.
func (c *Cache) diskError(item fetch.Item, err error) error {
	var wrong *MismatchError
	switch {
	case err == nil, fault.Of(err) != nil, errors.Is(err, ErrAbsent), errors.As(err, &wrong):
		return err
	case atomicfile.IsNoSpace(err):
		return fault.New(fault.Manifest, "disk-full", "no space left in the cache %s for %s", c.dir, item).Because(err).
			WithFact("needed %d bytes and %d unpacked", item.Size, item.Unpacked).WithHelp("gal-pkg cache prune")
	case errors.Is(err, fs.ErrNotExist):
		return c.gone(err)
	case readOnly(err):
		return fault.New(fault.Manifest, "cache-read-only", "the cache %s cannot be written to", c.dir).Because(err).
			WithHelp("export GAL_CACHE_DIR=FOLDER          # one that can be written to")
	}
	return fmt.Errorf("%s: %w", item, err)
}

func (c *Cache) gone(err error) error {
	return fault.New(fault.Manifest, "cache-unusable", "files of the cache %s were removed while it was in use", c.dir).Because(err).
		WithHelp("run the command again")
}

// Blame turns an error of whoever used the trees of items into one of the cache, where a tree is not what it was when its path
// was given out: then nobody else is to blame.
func (c *Cache) Blame(err error, items ...fetch.Item) error {
	for _, item := range items {
		if err != nil && c.VerifyTree(item, Content) != nil {
			return c.gone(err)
		}
	}
	return err
}

// Count notes that a package was asked for, and whether the cache had it.
func (c *Cache) Count(hit bool) {
	if hit {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
}
