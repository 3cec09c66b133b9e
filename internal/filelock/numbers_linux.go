package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Numbers are locks of numbers, each a byte of one empty file: for things of which there are so many that a file for each
// would cost more than what is done under its lock. They are open file description locks (fcntl(2)), which like flock(2)
// locks belong to whoever has opened the file and go with them; between the goroutines of one Numbers they do nothing.
type Numbers struct{ file *os.File }

// OpenNumbers opens the file of such locks, which is made where it is missing. The error is [errors.ErrUnsupported] on
// systems that do not have them.
func OpenNumbers(path string, perm fs.FileMode) (*Numbers, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, perm)
	if err != nil {
		return nil, err
	}
	return &Numbers{f}, nil
}

// Acquire takes the lock of a number, of which the highest bit does not count, and waits for it as [Acquire] does. On a file
// system without locks there is nothing to wait for.
func (n *Numbers) Acquire(ctx context.Context, number uint64, notice func()) (release func(), err error) {
	lock := func(kind int16) error {
		return unix.FcntlFlock(n.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: int64(number &^ (1 << 63)), Len: 1})
	}
	err = poll(ctx, notice, func() (bool, error) {
		err := lock(unix.F_WRLCK)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return false, nil
		}
		return true, err
	})
	switch {
	case err == nil:
		return func() { _ = lock(unix.F_UNLCK) }, nil
	case lockless(err), errors.Is(err, unix.EINVAL):
		return func() {}, nil
	}
	return nil, err
}

// Close lets go of all of them.
func (n *Numbers) Close() { n.file.Close() }
