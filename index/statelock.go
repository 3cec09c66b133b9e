package index

import (
	"errors"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// lockState takes the lock of the folder with what a user keeps of one registry, for the moment that reading and writing
// one of its files takes. The kernel drops the lock of a process that ends. A file system without locks has none: there,
// of two processes that write at once one wins.
func lockState(dir string) (release func(), err error) {
	f := flock.New(filepath.Join(dir, "standing.lock"), flock.SetPermissions(0o600))
	err = f.Lock()
	if errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, errors.ErrUnsupported) {
		return func() {}, nil
	}
	return func() { _ = f.Unlock() }, err
}
