//go:build unix && !solaris && !aix

package gitrepo

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// abandonedAfter is the age at which a lock that nobody has marked is nobody's.
const abandonedAfter = 10 * time.Minute

// mark has the kernel tell others that whoever made a lock lives.
func mark(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// removeAbandoned removes a lock that is old and without a mark. Of several who find it one removes it.
func removeAbandoned(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	info, err := f.Stat()
	named, nameErr := os.Lstat(path)
	if errors.Join(err, nameErr) != nil || !os.SameFile(info, named) || time.Since(info.ModTime()) < abandonedAfter {
		return false
	}
	return os.Remove(path) == nil
}

// putLock renames a lock and closes it, in this order: the mark ends with it.
func putLock(f *os.File, path string) error {
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return f.Close()
}

// dropLock removes a lock and closes it.
func dropLock(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}
