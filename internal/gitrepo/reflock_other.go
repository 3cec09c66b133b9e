//go:build !unix || solaris || aix

package gitrepo

import "os"

// mark does nothing: here a lock does not tell whether its owner lives.
func mark(*os.File) {}

func removeAbandoned(string) bool { return false }

// putLock closes a lock and renames it, in this order: what is open cannot be renamed everywhere.
func putLock(f *os.File, path string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// dropLock closes a lock and removes it.
func dropLock(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
