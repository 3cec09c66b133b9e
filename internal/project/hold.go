package project

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/fault"
)

const (
	holdPoll   = 20 * time.Millisecond
	holdNotice = time.Second // then the user is told why nothing happens
)

// hold keeps other processes out of the project's .gal, and from writing gal.toml and gal.lock, until release is called.
// The lock is one of the kernel's on .gal/lock: nothing is left of it when a process dies. Where there is none to have, on a
// file system without locks or in a .gal that is no folder, whoever writes finds out what is wrong.
func (p *Project) hold(ctx context.Context, events fetch.Events) (release func(), err error) {
	dir := filepath.Join(p.Dir, install.Dir)
	file := filepath.Join(dir, "lock")
	if err := os.Mkdir(dir, 0o755); err != nil && !isFolder(dir) || isLink(file) {
		return func() {}, nil
	}
	lock := flock.New(file, flock.SetPermissions(0o644))
	notice := time.After(holdNotice)
	for {
		ok, err := lock.TryLock()
		if ok {
			return func() { _ = lock.Unlock() }, nil
		}
		if err != nil {
			return func() {}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-notice:
			events.Wait("another process, which is installing " + p.Dir)
		case <-time.After(holdPoll):
		}
	}
}

// Hold keeps others from removing what is in the cache until release is called.
func (o Fetching) Hold(ctx context.Context) (release func(), err error) {
	release, err = o.Cache.Hold(ctx)
	if err != nil && fault.Of(err) == nil && ctx.Err() == nil {
		return nil, fault.New(fault.Manifest, "cache-unusable", "the cache folder %s cannot be used", o.Cache.Dir()).Because(err)
	}
	return release, err
}

func isFolder(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

func isLink(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && !info.Mode().IsRegular()
}
