package project

import (
	"context"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
)

// hold keeps other processes out of the .gal of a project, and from writing gal.toml and gal.lock, until release is called. The
// lock is .gal/lock. Where there is none to have, on a file system without locks or in a .gal that is no folder, whoever
// writes finds out what is wrong.
func hold(ctx context.Context, project string, events fetch.Events) (release func(), err error) {
	dir := filepath.Join(project, install.Dir)
	file := filepath.Join(dir, "lock")
	if err := os.Mkdir(dir, 0o755); err != nil && !isFolder(dir) || isLink(file) {
		return func() {}, nil
	}
	lock, err := filelock.Acquire(ctx, file, filelock.Options{
		Perm:   0o644,
		Notice: func() { events.Wait("another process, which is installing " + project) },
	})
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return lock.Release, nil
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
