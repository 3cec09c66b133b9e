// Package filelock takes the locks of files, between goroutines and processes, and waits for them. They are flock(2) locks, or
// for [Numbers] those of fcntl(2); the kernel drops them when a process ends: none is left behind. Where a file system or its
// server has no locks there is none to have, and its users are to be right without one, if slower or with the last word to who
// writes last.
package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	pollEvery   = 10 * time.Millisecond
	noticeAfter = time.Second
)

// Lock is the lock of a file that somebody has. A nil Lock is that of a file system without locks.
type Lock struct{ file *flock.Flock }

// Options shape a lock. The zero value is an exclusive lock of a file that is the user's alone.
type Options struct {
	Shared bool        // others may have it too, if they share it
	Perm   fs.FileMode // of a file that is made for it; 0 means 0600
	There  bool        // the file must be there: fs.ErrNotExist
	Notice func()      // is called once, where the lock is waited for longer than a second; may be nil
}

// Acquire takes the lock of a file, which is made where it is missing, and waits for it until the context ends. A lock that
// is free is taken even then.
//
// Errors: those of the context, and those of opening the file, such as fs.ErrNotExist for its folder.
func Acquire(ctx context.Context, path string, o Options) (*Lock, error) {
	if o.Perm == 0 {
		o.Perm = 0o600
	}
	f := flock.New(path, flock.SetPermissions(o.Perm))
	if o.There {
		f = flock.New(path, flock.SetFlag(os.O_RDONLY))
	}
	try := f.TryLock
	if o.Shared {
		try = f.TryRLock
	}
	err := poll(ctx, o.Notice, try)
	switch {
	case err == nil:
		return &Lock{f}, nil
	case lockless(err):
		return nil, nil
	}
	return nil, err
}

// poll calls try until it does not have to wait any more.
func poll(ctx context.Context, notice func(), try func() (done bool, err error)) error {
	if done, err := try(); done || err != nil {
		return err
	}
	told := time.NewTimer(noticeAfter)
	defer told.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-told.C:
			if notice != nil {
				notice()
			}
		case <-time.After(pollEvery):
			if done, err := try(); done || err != nil {
				return err
			}
		}
	}
}

// lockless reports that a file system or its server has no locks.
func lockless(err error) bool {
	return errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, errors.ErrUnsupported)
}

// Stat describes the file that is locked, which another may have taken the name of. A nil Lock has none: fs.ErrNotExist.
func (l *Lock) Stat() (fs.FileInfo, error) {
	if l == nil {
		return nil, fs.ErrNotExist
	}
	return l.file.Stat()
}

// Release lets go. A nil Lock has nothing to let go of.
func (l *Lock) Release() {
	if l != nil {
		_ = l.file.Unlock()
	}
}
