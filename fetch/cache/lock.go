package cache

import (
	"context"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"sync"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
)

// keyedMutex serialises the goroutines of this process, so that only one of them asks the kernel.
type keyedMutex struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

func (k *keyedMutex) lock(ctx context.Context, key string) error {
	for {
		k.mu.Lock()
		wait, taken := k.held[key]
		if !taken {
			k.held[key] = make(chan struct{})
			k.mu.Unlock()
			return nil
		}
		k.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *keyedMutex) unlock(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.held[key])
	delete(k.held, key)
}

// lockObject takes the lock of one object, by name, across goroutines and processes. The caller holds the cache.
func (c *Cache) lockObject(ctx context.Context, name, what string) (unlock func(), err error) {
	if err := c.keys.lock(ctx, name); err != nil {
		return nil, err
	}
	release, err := c.lockName(ctx, name, what)
	if err != nil {
		c.keys.unlock(name)
		return nil, err
	}
	failpoint.Reach(failpoint.ObjectLocked)
	return func() {
		release()
		c.keys.unlock(name)
	}, nil
}

// lockName keeps other processes from an object: by the number that its name comes to, where all who may write to the cache
// have locks of numbers. Else by a file, which is removed with the lock. The two do not keep each other out, nor do those whose
// cache was removed and made anew beside them: they do the same work twice.
func (c *Cache) lockName(ctx context.Context, name, what string) (release func(), err error) {
	if numbers := c.use.objects(c); numbers != nil {
		h := fnv.New64a()
		h.Write([]byte(name))
		return numbers.Acquire(ctx, h.Sum64(), func() { c.events.Wait(what) })
	}
	path := c.path("tmp", "lock-"+name)
	l, err := c.acquireFile(ctx, path, what)
	if l == nil || err != nil {
		return func() {}, err
	}
	return func() {
		os.Remove(path) // while we hold it, nobody else can have this very file; who waits for it looks again
		l.Release()
	}, nil
}

// acquireFile locks a file that its holder removes: what was locked must still be the file of that name.
func (c *Cache) acquireFile(ctx context.Context, path, what string) (*filelock.Lock, error) {
	for {
		l, err := c.waitLock(ctx, path, what, false)
		if l == nil || err != nil {
			return nil, err
		}
		held, err := l.Stat()
		if err == nil {
			if named, err := os.Stat(path); err == nil && os.SameFile(held, named) {
				return l, nil
			}
		}
		l.Release()
	}
}

// waitLock takes a lock, and tells after a second what it waits for. A file system without locks gives nil, and so does a
// cache that others may write to, but we may not.
func (c *Cache) waitLock(ctx context.Context, path, what string, shared bool) (*filelock.Lock, error) {
	o := filelock.Options{Shared: shared, Perm: 0o644, Notice: func() { c.events.Wait(what) }}
	for tries := 1; ; tries++ {
		o.There = true // to create what is there is forbidden in folders with a sticky bit
		l, err := filelock.Acquire(ctx, path, o)
		if errors.Is(err, fs.ErrNotExist) {
			o.There = false
			l, err = filelock.Acquire(ctx, path, o)
		}
		switch {
		case readOnly(err):
			return nil, c.mayGoWithout(path, err)
		case !errors.Is(err, fs.ErrNotExist) || tries == 8:
			return l, err
		}
		// The folder of the cache was removed beside us.
		if err := makeFolder(c.path("tmp")); err != nil {
			return nil, err
		}
	}
}

// mayGoWithout is an error where we could remove what others use, but cannot know that they do: the lock of the whole cache is
// somebody's who lets nobody read it, in a folder that we may write to.
func (c *Cache) mayGoWithout(path string, err error) error {
	if path != c.path("lock") || !mayWrite(c.dir) {
		return nil
	}
	return fault.New(fault.Manifest, "cache-unusable", "the lock of the cache %s cannot be opened", c.dir).Because(err).
		WithHelp("chmod a+r %s     # as its owner", path)
}

// usage is this process's share in the lock of the whole cache.
type usage struct {
	mu      sync.Mutex
	count   int
	file    *filelock.Lock    // nil where there is no lock to have
	numbers *filelock.Numbers // locks of objects, nil before the first
	without bool              // there are none to have
}

// objects opens the locks of objects, nil where there are none to have.
func (u *usage) objects(c *Cache) *filelock.Numbers {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.numbers == nil && !u.without {
		var err error
		u.numbers, err = filelock.OpenNumbers(c.path("lock-objects"), c.path("tmp"))
		u.without = err != nil && !errors.Is(err, fs.ErrNotExist)
	}
	return u.numbers
}

// acquire takes the shared lock for the first user. Whoever finds the cache unused sweeps what crashes have left.
func (u *usage) acquire(ctx context.Context, c *Cache) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == 0 {
		c.sweepIfUnused()
		l, err := c.waitLock(ctx, c.path("lock"), "the cache, which another process is cleaning", true)
		if err != nil {
			return err
		}
		u.file = l
	}
	u.count++
	return nil
}

func (u *usage) release(c *Cache) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count--; u.count > 0 {
		return
	}
	c.work.clear()
	c.checks.clear()
	if u.numbers != nil {
		u.numbers.Close()
	}
	u.numbers, u.without = nil, false
	u.file.Release()
	u.file = nil
}

// sweepIfUnused empties tmp when nobody else can be writing there. Leftovers are only a waste of space, so nothing is
// reported.
func (c *Cache) sweepIfUnused() {
	atomicfile.Sweep(c.path("generation"), c.path("hosts"))
	entries, err := os.ReadDir(c.path("tmp"))
	if err != nil || len(entries) == 0 {
		return
	}
	f := flock.New(c.path("lock"), flock.SetFlag(os.O_RDONLY))
	if ok, err := f.TryLock(); !ok || err != nil {
		return
	}
	defer f.Unlock()
	for _, e := range entries {
		removeAll(c.path("tmp", e.Name()))
	}
}

// exclusive waits until no process uses the cache and keeps others out.
func (c *Cache) exclusive(ctx context.Context) (unlock func(), err error) {
	c.use.mu.Lock()
	if c.use.count > 0 {
		c.use.mu.Unlock()
		return nil, errors.New("the cache is in use by this very process")
	}
	l, err := c.waitLock(ctx, c.path("lock"), "the cache, which another process is using", false)
	if err != nil {
		c.use.mu.Unlock()
		return nil, err
	}
	return func() {
		c.work.clear()
		l.Release()
		c.use.mu.Unlock()
	}, nil
}
