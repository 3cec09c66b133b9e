package settings

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/filelock"
	"github.com/geeknik/gal-pkg/manifest"
)

// MaxSize bounds each of the three files, in bytes.
const MaxSize = manifest.MaxManifestSize

const lockName = ".lock"

// file is one of the three files. A secret one is for its owner alone.
type file struct {
	path   string
	secret bool
}

// read returns the bytes of the file, nil where it does not exist.
func (f file) read() ([]byte, error) {
	h, err := atomicfile.OpenRegular(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.unreadable(err)
	}
	defer h.Close()
	if err := f.guard(h); err != nil {
		return nil, err
	}
	data, err := atomicfile.ReadFrom(h, MaxSize)
	if err != nil {
		return nil, f.unreadable(err)
	}
	return data, nil
}

func (f file) unreadable(err error) error {
	return fault.New(fault.Manifest, f.code(), "%s cannot be read", f.path).Because(err)
}

func (f file) code() string {
	if f.secret {
		return "bad-credentials"
	}
	return "bad-config"
}

// edit replaces the file by what change makes of it, under the lock. Where change returns an error or the same bytes, the
// file is not touched.
func (f file) edit(ctx context.Context, change func(old []byte) ([]byte, error)) error {
	// A file that is a link, as those who keep their settings in a repository have it, stays one.
	target, linked := f, false
	if real, err := filepath.EvalSymlinks(f.path); err == nil {
		info, err := os.Lstat(f.path)
		target.path, linked = real, err == nil && info.Mode()&fs.ModeSymlink != 0
	}
	held, err := target.lock(ctx)
	if err != nil {
		return err
	}
	defer held.Release()
	if !linked {
		sweep(filepath.Dir(target.path))
	}
	old, err := target.read()
	if err != nil {
		return err
	}
	data, err := change(old)
	if err != nil || bytes.Equal(old, data) {
		return err
	}
	if len(data) > MaxSize {
		return target.unwritten(errors.New("it would become too long"))
	}
	write := atomicfile.WriteSecret
	if !f.secret {
		write = func(path string, data []byte) error { return atomicfile.Write(path, data, 0o644) }
	}
	if err := write(target.path, data); err != nil {
		return target.unwritten(err)
	}
	return nil
}

// unwritten is the error of an edit that changed nothing.
func (f file) unwritten(err error) error {
	return fault.New(fault.Manifest, "settings-not-written", "%s was not changed", f.path).Because(err)
}

// lock makes the folder, for its owner alone, and takes its lock. Without one nothing is written: what another process has
// just written would be lost.
func (f file) lock(ctx context.Context) (*filelock.Lock, error) {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, f.unwritten(err)
	}
	if f.secret {
		if err := guardDir(dir); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, lockName)
	held, err := filelock.Acquire(ctx, path, filelock.Options{})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fault.New(fault.Cancelled, "lock-wait", "gave up waiting for %s, which another process holds", path).Because(ctx.Err())
	case err != nil:
		return nil, f.unwritten(err)
	case held == nil:
		return nil, f.unwritten(syscall.ENOLCK)
	}
	return held, nil
}

// sweep removes what writers that were killed have left, which may hold secrets. Every writer of the folder holds its lock,
// so nobody is writing now.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), atomicfile.TempPrefix)
		if ok && e.Type().IsRegular() && strings.Trim(digits, "0123456789") == "" {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
