package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Usage is how much of the disk the cache takes.
type Usage struct {
	Blobs     int   `json:"blobs"`
	BlobBytes int64 `json:"blob_bytes"`
	Trees     int   `json:"trees"`
	TreeBytes int64 `json:"tree_bytes"` // sum of the file sizes, from the listings
}

// Bytes is the sum of both.
func (u Usage) Bytes() int64 { return u.BlobBytes + u.TreeBytes }

func (u Usage) minus(v Usage) Usage {
	return Usage{Blobs: u.Blobs - v.Blobs, BlobBytes: u.BlobBytes - v.BlobBytes, Trees: u.Trees - v.Trees, TreeBytes: u.TreeBytes - v.TreeBytes}
}

// Usage counts what is in the cache now.
func (c *Cache) Usage() (Usage, error) {
	var u Usage
	err := c.eachBlob(func(_ string, info fs.FileInfo) error {
		u.Blobs++
		u.BlobBytes += info.Size()
		return nil
	})
	if err != nil {
		return u, err
	}
	err = c.eachTree(func(path string) error {
		u.Trees++
		if list, err := readListing(path + listingSuffix); err == nil {
			for _, e := range list.files {
				u.TreeBytes += e.Size
			}
		}
		return nil
	})
	return u, err
}

// eachBlob calls fn for every archive, in the order of digests.
func (c *Cache) eachBlob(fn func(path string, info fs.FileInfo) error) error {
	top := c.path("blobs", "sha256")
	shards, err := readDir(top)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		blobs, err := readDir(filepath.Join(top, shard.Name()))
		if err != nil {
			return err
		}
		for _, b := range blobs {
			info, err := b.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := fn(filepath.Join(top, shard.Name(), b.Name()), info); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachTree calls fn with every tree's folder, in the order of names.
func (c *Cache) eachTree(fn func(path string) error) error {
	entries, err := readDir(c.path("store"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := fn(c.path("store", e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachStray calls fn with what is in the store and neither a folder nor a listing.
func (c *Cache) eachStray(fn func(path string) error) error {
	entries, err := readDir(c.path("store"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasSuffix(e.Name(), listingSuffix) {
			if err := fn(c.path("store", e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// readDir is os.ReadDir where a missing folder, or a file in its place, is empty.
func readDir(dir string) ([]fs.DirEntry, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

// Prune removes what was last used before the given time, as far as [Used] has noted it, waiting until no process uses the
// cache, and returns what it removed. An archive and the trees made from it go together, and stay together, but for what we may
// not remove: it stays, and is told of once the rest is gone, by an error of kind manifest with code cache-read-only.
func (c *Cache) Prune(ctx context.Context, before time.Time) (Usage, error) {
	return c.remove(ctx, func(r *remover) error {
		kept, err := c.usedSince(before)
		if err != nil {
			return err
		}
		err = c.eachBlob(func(path string, _ fs.FileInfo) error {
			if kept[objectOf(path)] {
				return nil
			}
			return r.discard(path)
		})
		if err != nil {
			return err
		}
		return c.eachTree(func(path string) error {
			if kept[objectOf(path)] {
				return nil
			}
			return r.discardTree(path)
		})
	})
}

// usedSince returns what was used at that time or later, by [objectOf].
func (c *Cache) usedSince(at time.Time) (map[string]bool, error) {
	since := map[string]bool{}
	err := c.eachBlob(func(path string, info fs.FileInfo) error {
		if !info.ModTime().Before(at) {
			since[objectOf(path)] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return since, c.eachTree(func(path string) error {
		info, err := os.Lstat(path)
		if err == nil && !info.ModTime().Before(at) {
			since[objectOf(path)] = true
		}
		return err
	})
}

// objectOf returns what the path of an archive has in common with those of the trees that are made from it: the first 32 digits
// of its digest.
func objectOf(path string) string {
	name := filepath.Base(path)
	name = name[strings.LastIndexByte(name, '-')+1:]
	return name[:min(32, len(name))]
}

// Clean removes everything that can be fetched again, waiting until no process uses the cache. What we may not remove stays, as
// for [Cache.Prune].
func (c *Cache) Clean(ctx context.Context) (Usage, error) {
	return c.remove(ctx, func(r *remover) error {
		if err := c.eachTree(r.discardTree); err != nil {
			return err
		}
		if err := c.eachStray(r.discard); err != nil {
			return err
		}
		return c.eachBlob(func(path string, _ fs.FileInfo) error { return r.discard(path) })
	})
}

// remover removes what it may.
type remover struct {
	*Cache
	kept  int   // what it may not
	first error // of those
}

func (r *remover) discard(path string) error { return r.pass(r.Cache.discard(path)) }

func (r *remover) discardTree(path string) error {
	err := r.Cache.discard(path)
	if err == nil {
		err = r.Cache.discard(path + listingSuffix)
	}
	return r.pass(err)
}

func (r *remover) pass(err error) error {
	if !readOnly(err) {
		return err
	}
	if r.kept++; r.first == nil {
		r.first = err
	}
	return nil
}

// told is the error about what was kept, after so much was removed.
func (r *remover) told(removed Usage) error {
	if r.kept == 0 {
		return nil
	}
	return fault.New(fault.Manifest, "cache-read-only", "some of the cache %s is not yours to remove", r.dir).Because(r.first).
		WithFact("removed %d archives and %d unpacked packages, %d bytes", removed.Blobs, removed.Trees, removed.Bytes()).
		WithFact("kept    %d that other users have made", r.kept).
		WithHelp("ls -l %s     # who they are: have them run the command too", StoreDir(r.dir))
}

// remove runs fn with the cache for itself and tells every project that its links may be broken.
func (c *Cache) remove(ctx context.Context, fn func(*remover) error) (Usage, error) {
	unlock, err := c.exclusive(ctx)
	if err != nil {
		return Usage{}, err
	}
	defer unlock()
	before, err := c.Usage()
	if err != nil {
		return Usage{}, err
	}
	// The generation changes first: a crash between the two costs a project a second look, never a broken link.
	switch err := c.newGeneration(); {
	case readOnly(err):
		return Usage{}, fault.New(fault.Manifest, "cache-read-only", "the cache %s is not yours to remove from", c.dir).Because(err).
			WithFact("nothing was removed")
	case err != nil:
		return Usage{}, err
	}
	failpoint.Reach(failpoint.GenerationDone)
	r := &remover{Cache: c}
	if err := fn(r); err != nil {
		return Usage{}, err
	}
	if err := c.sweep(); err != nil {
		return Usage{}, err
	}
	after, err := c.Usage()
	if err != nil {
		return Usage{}, err
	}
	removed := before.minus(after)
	return removed, r.told(removed)
}

// sweep removes what crashes have left: everything in tmp, and listings without a folder. What we may not remove is a waste of
// space alone.
func (c *Cache) sweep() error {
	entries, err := readDir(c.path("tmp"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := removeAll(c.path("tmp", e.Name())); err != nil && !readOnly(err) {
			return err
		}
	}
	stored, err := readDir(c.path("store"))
	if err != nil {
		return err
	}
	for _, e := range stored {
		name, ok := strings.CutSuffix(e.Name(), listingSuffix)
		if ok && !e.IsDir() && !slices.ContainsFunc(stored, func(o fs.DirEntry) bool { return o.Name() == name }) {
			if err := os.Remove(c.path("store", e.Name())); err != nil && !readOnly(err) {
				return err
			}
		}
	}
	return nil
}
