package index

import (
	"context"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/filelock"
)

// lockState takes the lock of the folder with what a user keeps of one registry, for the moment that reading and writing
// one of its files takes. On a file system without locks, of two processes that write at once one wins.
func lockState(ctx context.Context, dir string) (*filelock.Lock, error) {
	return filelock.Acquire(ctx, filepath.Join(dir, "standing.lock"), filelock.Options{})
}
