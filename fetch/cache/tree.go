package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// listingSuffix ends the name of a tree's listing.
const listingSuffix = ".tree"

// HasTree reports whether the item's tree is in the cache. It may still turn out to be damaged.
func (c *Cache) HasTree(item fetch.Item) bool {
	path, err := c.TreePath(item)
	if err != nil {
		return false
	}
	_, err = os.Lstat(path)
	return err == nil
}

// TreePath is where the item's tree is or will be.
func (c *Cache) TreePath(item fetch.Item) (string, error) {
	hex, err := hexOf(item.Digest)
	if err != nil {
		return "", err
	}
	name, err := treeName(item, hex)
	return c.path("store", name), err
}

// Tree returns the folder with the item's files after checking it at the given level. A tree that is missing or damaged
// is made from the archive, by one caller at a time among all processes; without the archive the error is [ErrAbsent].
// Files in a tree are read-only and belong to all projects. Whoever uses the path afterwards should [Cache.Hold] the
// cache until it is linked.
func (c *Cache) Tree(ctx context.Context, item fetch.Item, level Level) (string, error) {
	path, err := c.TreePath(item)
	if err != nil {
		return "", err
	}
	release, err := c.Hold(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	err = c.Check(item, level)
	var damage *damageError
	switch {
	case err == nil:
		return path, nil
	case errors.As(err, &damage):
		if c.checks.tell(path, damage.what) {
			c.heal(item, damage.what)
		}
	case !errors.Is(err, ErrAbsent):
		return "", err
	}
	return path, c.diskError(item, c.makeTree(ctx, item, path, level))
}

// VerifyTree checks the item's tree against its listing and changes nothing. It returns [ErrAbsent] where there is no
// tree, and an error that says what is wrong where it is damaged.
func (c *Cache) VerifyTree(item fetch.Item, level Level) error {
	_, err := c.verifyTree(item, level)
	return err
}

// verifyTree is VerifyTree; it returns what the tree's folder was found to be.
func (c *Cache) verifyTree(item fetch.Item, level Level) (folder fs.FileInfo, err error) {
	path, err := c.TreePath(item)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", item, ErrAbsent)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, damagef("its folder was no folder")
	}
	return info, c.compareTree(path, item.Digest, level)
}

// compareTree compares a tree with its listing, which must be of the archive with that digest.
func (c *Cache) compareTree(path, digest string, level Level) error {
	buf, ok := c.buffers.Get().(*[checkBuffer]byte)
	if !ok {
		buf = new([checkBuffer]byte)
	}
	defer c.buffers.Put(buf)
	list, made, err := loadListing(path+listingSuffix, buf[:])
	if err != nil {
		return err
	}
	if list.archive != digest {
		return damagef("its listing was of another archive")
	}
	stale := list.boot != c.boot()
	if stale {
		level = Content
	}
	check := &treeCheck{dir: path, want: list, level: level, made: made, buf: buf[:]}
	if !check.quick() {
		if err := check.run(); err != nil {
			return err
		}
	}
	if stale {
		c.confirm(path+listingSuffix, list, made)
	}
	return nil
}

// confirm notes in a listing, if it is still the one that was read, that its tree was right at this start of the system. It
// keeps its time: a file may have been changed since it was looked at. That only saves work; a cache that cannot be written to
// is checked in full each time.
func (c *Cache) confirm(path string, list *listing, made time.Time) {
	if now, err := os.Stat(path); err != nil || !now.ModTime().Equal(made) {
		return
	}
	list.boot = c.boot()
	if atomicfile.WriteCache(path, list.format()) == nil {
		_ = os.Chtimes(path, time.Time{}, made)
	}
}

// checkBuffer is how much of a file is read at once: all of it, mostly.
const checkBuffer = 128 << 10

// loadListing reads a listing, through buf where that is long enough, and returns when it was written.
func loadListing(path string, buf []byte) (*listing, time.Time, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, damagef("its listing was missing")
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if info.Size() > maxListing || !info.Mode().IsRegular() {
		return nil, time.Time{}, damagef("%v", errListing)
	}
	data := buf
	if info.Size() < int64(len(buf)) {
		var n int
		if n, err = io.ReadFull(f, buf[:info.Size()]); err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil // it is damaged, which its digest tells
		}
		data = buf[:n]
	} else {
		data, err = atomicfile.ReadFrom(f, maxListing)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	if what, ok := ParseDamage(data); ok {
		return nil, time.Time{}, damagef("%s", what)
	}
	list, err := parseListing(data)
	if errors.Is(err, errListing) {
		err = damagef("%v", errListing)
	}
	return list, info.ModTime(), err
}

// makeTree unpacks the archive into tmp and renames: first the listing, then the folder, so that a folder has a listing.
func (c *Cache) makeTree(ctx context.Context, item fetch.Item, path string, level Level) error {
	unlock, err := c.lockObject(ctx, filepath.Base(path), "another process that unpacks "+item.String())
	if err != nil {
		return err
	}
	defer unlock()
	state := c.VerifyTree(item, level)
	if state == nil {
		return nil // somebody else made it while we waited
	}
	buf, ok := c.blobs.Get().(*[smallBlob]byte)
	if !ok {
		buf = new([smallBlob]byte)
	}
	defer c.blobs.Put(buf)
	r, err := c.reader(ctx, item, buf)
	if err != nil {
		return err
	}
	defer r.Close()
	tmp, err := c.temp(c.makeTreeFolder)
	if err != nil {
		return err
	}
	err = c.unpackTo(item, r, tmp)
	if err == nil && !errors.Is(state, ErrAbsent) {
		// Projects may have hard links to the files of the damaged one.
		err = errors.Join(c.newGeneration(), c.discard(path))
	}
	if err == nil {
		err = c.settleTree(item, tmp, path, level)
	}
	if err != nil {
		err = errors.Join(err, removeAll(tmp), removeAll(tmp+listingSuffix))
	}
	return err
}

func (c *Cache) makeTreeFolder(path string) error {
	err := os.Mkdir(path, 0o755)
	if mode := c.work.folders(); err == nil && mode != 0 {
		err = os.Chmod(path, mode)
	}
	return err
}

// settleTree places a tree that was made in tmp. On a file system without locks another process may have made one
// meanwhile: that is as good, or makes room.
func (c *Cache) settleTree(item fetch.Item, tmp, path string, level Level) error {
	err := c.placeTree(tmp, path)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if c.VerifyTree(item, level) == nil {
		return removeAll(tmp)
	}
	if err := c.discard(path); err != nil {
		return err
	}
	return place(tmp, path)
}

// unpackTo makes a tree in dir and its listing beside it.
func (c *Cache) unpackTo(item fetch.Item, r io.Reader, dir string) error {
	u, ok := c.unpackers.Get().(*archive.Unpacker)
	if !ok {
		u = &archive.Unpacker{}
	}
	defer c.unpackers.Put(u)
	entries, err := u.Unpack(dir, r, item.Folder(), archive.Options{MaxUnpacked: item.Unpacked, ReadOnly: true, Folders: c.work.folders()})
	if err != nil {
		return unpackError(item, err)
	}
	list := &listing{archive: item.Digest, boot: c.boot(), files: entries}
	failpoint.Reach(failpoint.TreeUnpacked)
	if err := failpoint.Fail(failpoint.TreeUnpacked, item.Folder()); err != nil {
		return err
	}
	return os.WriteFile(dir+listingSuffix, list.format(), 0o644)
}

// placeTree gives a tree and its listing their names.
func (c *Cache) placeTree(dir, path string) error {
	if err := place(dir+listingSuffix, path+listingSuffix); err != nil {
		return err
	}
	failpoint.Reach(failpoint.ListingPlaced)
	if err := place(dir, path); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TreePlaced)
	return nil
}

// unpackError says whose archive it is; the archive has the digest that it should have, so it was published like that.
func unpackError(item fetch.Item, err error) error {
	f := fault.Of(err)
	if f == nil {
		return err
	}
	return fault.New(f.Kind, f.Code, "the archive of `%s` is refused", item).Because(f).
		WithFact("digest %s", item.Digest).WithFact("nothing of it was unpacked")
}
