//go:build unix && !solaris && !aix

package gitrepo

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// abandonedAfter is the age at which a lock that nobody has marked is nobody's.
const abandonedAfter = 10 * time.Minute

// markedFor is how long a lock of this package is kept without the mark: a server may keep marks from other machines, which
// see the age alone.
const markedFor = 10 * time.Second

// mark has the kernel tell others that whoever made a lock lives.
func mark(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// newLock makes a file, in a folder, that becomes a lock with another name: the disk has its content then, it has its mark,
// and is nearly as old as one that nobody has marked must be to be nobody's. So it is soon in nobody's way once its owner has
// died. It is nil where there is none to have.
func newLock(dir string, data []byte) *os.File {
	f, err := os.OpenFile(filepath.Join(dir, tempRef+strconv.FormatUint(rand.Uint64(), 36)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil
	}
	if err := prepare(f, data); err != nil {
		os.Remove(f.Name())
		f.Close()
		return nil
	}
	return f
}

func prepare(f *os.File, data []byte) error {
	if err := mark(f); err != nil {
		return err
	}
	if len(data) > 0 {
		if _, err := f.Write(data); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	before := time.Now().Add(markedFor - abandonedAfter)
	return os.Chtimes(f.Name(), before, before)
}

// removeAbandoned removes a lock that is old and without a mark. Of several who find it one removes it. One without a mark that
// is [markedFor] or less from that age is soon.
func removeAbandoned(path string) (removed, soon bool) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, false
	}
	info, err := f.Stat()
	named, nameErr := os.Lstat(path)
	if errors.Join(err, nameErr) != nil || !os.SameFile(info, named) {
		return false, false
	}
	if left := abandonedAfter - time.Since(info.ModTime()); left > 0 {
		return false, left <= markedFor
	}
	return os.Remove(path) == nil, false
}

// putLock renames a lock and closes it, in this order: the mark ends with it. What gets the name is from now, for servers
// that tell its age.
func putLock(f *os.File, lock, path string) error {
	now := time.Now()
	_ = os.Chtimes(lock, now, now)
	if err := os.Rename(lock, path); err != nil {
		return err
	}
	return f.Close()
}

// dropLock removes a lock and closes it.
func dropLock(f *os.File, lock string) {
	os.Remove(lock)
	f.Close()
}
