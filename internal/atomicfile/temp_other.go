//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package atomicfile

import (
	"os"
	"path/filepath"
)

// openTemp makes a temporary file for path.
func openTemp(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), TempPrefix+"*")
}

// place closes a file and gives it its name: an open file has to keep its own here.
func place(f *os.File, path string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Sweep does nothing here, where the names are random.
func Sweep(...string) {}
