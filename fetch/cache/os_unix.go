//go:build unix

package cache

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

func isReadOnlyFS(err error) bool { return errors.Is(err, syscall.EROFS) }

// mayWrite reports whether we may make files in a folder.
func mayWrite(dir string) bool {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
}

var errNoFolder = errors.New("no folder")

// listFolder lists a folder, in no order. Through a link, somebody else's files would be looked at: it is no folder.
func listFolder(dir string) ([]fs.DirEntry, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return nil, errNoFolder
	}
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1)
	return entries, errors.Join(err, d.Close())
}

// digestFile returns size, x bit and digest of a file, without a digest where it does not have the size. There are
// thousands of files, so it does without an os.File, which costs as much as the reading of a small one.
func digestFile(path string, size int64, buf []byte) (e archive.Entry, err error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return e, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var info syscall.Stat_t
	if _, err := retry(func() (int, error) { return 0, syscall.Fstat(fd, &info) }); err != nil {
		return e, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	e.Size, e.Executable = info.Size, info.Mode&0o100 != 0
	if info.Size != size || info.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return e, nil
	}
	e.SHA256, err = digestDescriptor(fd, size, buf)
	if err != nil {
		return e, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return e, nil
}

func digestDescriptor(fd int, size int64, buf []byte) (sum [32]byte, err error) {
	read := func() (int, error) { return retry(func() (int, error) { return syscall.Read(fd, buf) }) }
	n, err := read()
	if err != nil {
		return sum, err
	}
	if int64(n) == size {
		return sha256.Sum256(buf[:n]), nil
	}
	h := sha256.New()
	for n > 0 {
		h.Write(buf[:n])
		if n, err = read(); err != nil {
			return sum, err
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}

// rename is os.Rename for what is known not to be there: that would look first.
func rename(from, to string) error {
	if _, err := retry(func() (int, error) { return 0, syscall.Rename(from, to) }); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// retry repeats a system call that a signal has interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
