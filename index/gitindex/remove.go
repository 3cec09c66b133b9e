package gitindex

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Remove removes the copy in a folder, unless a process reads or refreshes it; then nothing is removed, and removed is
// false. A folder that is not there is removed already.
func Remove(dir string) (removed bool, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	locks, err := filepath.Glob(filepath.Join(dir, "gen-*.lock"))
	if err != nil {
		return false, err
	}
	for _, name := range append([]string{filepath.Join(dir, "refresh.lock")}, locks...) {
		lock := flock.New(name)
		ok, err := lock.TryLock()
		if err != nil || !ok {
			return false, err
		}
		defer lock.Close()
	}
	return true, os.RemoveAll(dir)
}
