package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/failpoint"
)

const (
	pollEvery   = 10 * time.Millisecond
	noticeAfter = time.Second
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

// lockObject takes the lock of one object, by name, across goroutines and processes. The lock's file is removed with it.
func (c *Cache) lockObject(ctx context.Context, name, what string) (unlock func(), err error) {
	if err := c.keys.lock(ctx, name); err != nil {
		return nil, err
	}
	path := c.path("tmp", "lock-"+name)
	f, err := c.acquireFile(ctx, path, what)
	if err != nil {
		c.keys.unlock(name)
		return nil, err
	}
	failpoint.Reach(failpoint.ObjectLocked)
	return func() {
		if f != nil {
			// While we hold it, nobody else can have this very file; who waits for it looks again.
			os.Remove(path)
			f.Unlock()
		}
		c.keys.unlock(name)
	}, nil
}

// acquireFile locks a file that its holder removes: what was locked must still be the file of that name.
func (c *Cache) acquireFile(ctx context.Context, path, what string) (*flock.Flock, error) {
	for {
		f, err := c.waitLock(ctx, path, what, (*flock.Flock).TryLock)
		if f == nil || err != nil {
			return nil, err
		}
		held, err := f.Stat()
		if err == nil {
			if named, err := os.Stat(path); err == nil && os.SameFile(held, named) {
				return f, nil
			}
		}
		f.Unlock()
	}
}

// waitLock tries to lock path until it succeeds or the context ends, and tells after a second what it waits for. A file
// system without locks gives nil.
func (c *Cache) waitLock(ctx context.Context, path, what string, try func(*flock.Flock) (bool, error)) (*flock.Flock, error) {
	f := flock.New(path, flock.SetPermissions(0o644))
	notice := time.NewTimer(noticeAfter)
	defer notice.Stop()
	for {
		ok, err := try(f)
		switch {
		case ok:
			return f, nil
		case err != nil && (lockless(err) || readOnly(err)):
			return nil, nil
		case errors.Is(err, fs.ErrNotExist):
			// The folder of the cache was removed beside us.
			if err := os.MkdirAll(c.path("tmp"), 0o755); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-notice.C:
			c.events.Wait(what)
		case <-time.After(pollEvery):
		}
	}
}

// usage is this process's share in the lock of the whole cache.
type usage struct {
	mu    sync.Mutex
	count int
	file  *flock.Flock // nil where there is no lock to have
}

// acquire takes the shared lock for the first user. Whoever finds the cache unused sweeps what crashes have left.
func (u *usage) acquire(ctx context.Context, c *Cache) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == 0 {
		c.sweepIfUnused()
		f, err := c.waitLock(ctx, c.path("lock"), "the cache, which another process is cleaning", (*flock.Flock).TryRLock)
		if err != nil {
			return err
		}
		u.file = f
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
	if u.file != nil {
		u.file.Unlock()
		u.file = nil
	}
}

// sweepIfUnused empties tmp when nobody else can be writing there. Leftovers are only a waste of space, so nothing is
// reported.
func (c *Cache) sweepIfUnused() {
	atomicfile.Sweep(c.path("generation"), c.path("hosts"))
	entries, err := os.ReadDir(c.path("tmp"))
	if err != nil || len(entries) == 0 {
		return
	}
	f := flock.New(c.path("lock"), flock.SetPermissions(0o644))
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
	f, err := c.waitLock(ctx, c.path("lock"), "the cache, which another process is using", (*flock.Flock).TryLock)
	if err != nil {
		c.use.mu.Unlock()
		return nil, err
	}
	return func() {
		c.work.clear()
		if f != nil {
			f.Unlock()
		}
		c.use.mu.Unlock()
	}, nil
}
