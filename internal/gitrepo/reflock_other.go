//go:build !unix || solaris || aix

package gitrepo

import "os"

func mark(*os.File) error { return nil }

// newLock is nil: here a lock does not tell whether its owner lives.
func newLock(string, []byte) *os.File { return nil }

func removeAbandoned(string) (removed, soon bool) { return false, false }

// putLock closes a lock and renames it, in this order: what is open cannot be renamed everywhere.
func putLock(f *os.File, lock, path string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(lock, path)
}

// dropLock closes a lock and removes it.
func dropLock(f *os.File, lock string) {
	f.Close()
	os.Remove(lock)
}
