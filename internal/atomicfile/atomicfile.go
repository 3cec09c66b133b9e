// Package atomicfile writes files so that a crash at any moment leaves the old content or the new, never a mixture and
// never an empty file.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/failpoint"
)

// TempPrefix begins the name of every file that is not complete yet; whatever bears it may be swept when no writer runs.
const TempPrefix = ".tmp-"

// Write puts data at path with the given permissions: a temporary file beside it, synced, then renamed over it, then the
// folder synced. The folder must exist. A file that is there keeps its own permissions.
func Write(path string, data []byte, perm fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		perm = info.Mode().Perm()
	}
	return replace(path, parts(data), perm, true)
}

// WriteSecret is [Write] for files that only their owner may read: it always ends with mode 0600.
func WriteSecret(path string, data []byte) error { return replace(path, parts(data), 0o600, true) }

// WriteCache is [Write] without the syncs, which cost milliseconds each: for files that carry their own digest and can be
// made again, because after a power cut they may be there and hold something else. The parts stand one behind the other.
func WriteCache(path string, data ...[]byte) error {
	return replace(path, parts(data...), 0o644, false)
}

// WriteCacheFunc is [WriteCache] for what is too long to be in memory as a whole: write gets the file.
func WriteCacheFunc(path string, write func(io.Writer) error) error {
	return replace(path, write, 0o644, false)
}

// parts writes data one behind the other.
func parts(data ...[]byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, part := range data {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	}
}

func replace(path string, write func(io.Writer) error, perm fs.FileMode, sync bool) (err error) {
	f, err := openTemp(path)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			f.Close()
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	failpoint.Reach(failpoint.FileCreated)
	if err := failpoint.Fail(failpoint.FileCreated, path); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	failpoint.Reach(failpoint.FileWritten)
	if err := failpoint.Fail(failpoint.FileWritten, path); err != nil {
		return err
	}
	if sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := place(f, path); err != nil {
		return err
	}
	failpoint.Reach(failpoint.FileRenamed)
	if !sync {
		return nil
	}
	return SyncDir(filepath.Dir(path))
}

// Create puts data at path, which must not exist yet; it never follows a link and never replaces a file. A write that
// fails leaves nothing behind.
func Create(path string, data []byte, perm fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := failpoint.Fail(failpoint.FileWritten, path); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the renames and removals in a folder survive a power cut. Some file systems cannot sync a folder, and Windows
// does not let anybody; that is not an error of ours.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Read reads a file of at most limit bytes; a longer one is an error that names both sizes.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFrom(f, limit)
}

// OpenRegular opens a file that a person has named. To open a pipe would wait for somebody to write into it, and a device may
// have no end: both are errors, whatever a link to them is called.
func OpenRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}

// ReadFrom is [Read] for a file that is open.
func ReadFrom(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", f.Name())
	}
	// One byte more than the file has: a read that fills it tells that the file has grown.
	buffer := make([]byte, min(info.Size(), limit)+1)
	n, err := io.ReadFull(f, buffer)
	switch {
	case err == nil && int64(n) > limit:
		return nil, fmt.Errorf("%s is longer than %d bytes", f.Name(), limit)
	case err == nil:
		rest, err := io.ReadAll(io.LimitReader(f, limit+1-int64(n)))
		if err == nil && int64(n+len(rest)) > limit {
			err = fmt.Errorf("%s is longer than %d bytes", f.Name(), limit)
		}
		return append(buffer, rest...), err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return buffer[:n:n], nil
	}
	return nil, err
}
