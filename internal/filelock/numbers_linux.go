package filelock

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Numbers are locks of numbers, each a byte of one empty file: for things of which there are so many that a file for each
// would cost more than what is done under its lock. They are open file description locks (fcntl(2)), which like flock(2)
// locks belong to whoever has opened the file and go with them; between the goroutines of one Numbers they do nothing.
type Numbers struct{ file *os.File }

// OpenNumbers opens the file of such locks, which is made where it is missing, for all who may write to a folder. The error
// is [errors.ErrUnsupported] on systems, and file systems, that do not have them, and where one of those cannot open the
// file: then none of them is to use it.
func OpenNumbers(path, folder string) (*Numbers, error) {
	f, err := openForAll(path, folder)
	if err != nil {
		return nil, err
	}
	n := &Numbers{f}
	switch err := n.set(unix.F_WRLCK, probe); {
	case err == nil:
		return n, n.set(unix.F_UNLCK, probe)
	case errors.Is(err, unix.EAGAIN): // another is trying the same
		return n, nil
	}
	n.Close()
	return nil, errors.ErrUnsupported
}

// probe is the number by which it is found out whether there are such locks.
const probe = 1<<63 - 1

// set takes a lock, or lets go of it.
func (n *Numbers) set(kind int16, number uint64) error {
	for {
		err := unix.FcntlFlock(n.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: int64(number &^ (1 << 63)), Len: 1})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Acquire takes the lock of a number, of which the highest bit does not count, and waits for it as [Acquire] does.
func (n *Numbers) Acquire(ctx context.Context, number uint64, notice func()) (release func(), err error) {
	err = poll(ctx, notice, func() (bool, error) {
		err := n.set(unix.F_WRLCK, number)
		if errors.Is(err, unix.EAGAIN) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = n.set(unix.F_UNLCK, number) }, nil
}

// Close lets go of all of them.
func (n *Numbers) Close() { n.file.Close() }
