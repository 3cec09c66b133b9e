package project

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
)

// lockFile is the lock of a project, in .gal.
const lockFile = "lock"

// hold keeps other processes out of the .gal of a project, and from writing gal.toml and gal.lock, until release is called. The
// lock is .gal/lock, and whoever holds it may remove it. Where there is none to have, on a file system without locks or in a
// .gal that is no folder, whoever writes finds out what is wrong.
func hold(ctx context.Context, project string, events fetch.Events) (release func(), err error) {
	dir := filepath.Join(project, install.Dir)
	file := filepath.Join(dir, lockFile)
	o := filelock.Options{Perm: 0o644, Notice: func() { events.Wait("another process, which is working in " + project) }}
	for {
		err := os.Mkdir(dir, 0o755)
		if err != nil && !errors.Is(err, fs.ErrExist) && !isFolder(dir) || isOther(dir, fs.ModeDir) || isOther(file, 0) {
			return func() {}, nil
		}
		lock, err := filelock.Acquire(ctx, file, o)
		switch {
		case errors.Is(err, fs.ErrNotExist): // .gal was removed in between
		case err != nil && ctx.Err() == nil, err == nil && (lock == nil || isNamed(lock, file)):
			return lock.Release, nil
		default:
			lock.Release() // who had it has removed it, and others may have made another
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// isNamed reports whether a lock is still that of the file of this name.
func isNamed(lock *filelock.Lock, file string) bool {
	held, err := lock.Stat()
	named, nameErr := os.Lstat(file)
	return err == nil && nameErr == nil && os.SameFile(held, named)
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

// isOther reports whether a name is that of something else than a kind of file.
func isOther(name string, kind fs.FileMode) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().Type() != kind
}
