//go:build !unix

package cache

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/geeknik/gal-pkg/fetch/archive"
)

// The number is Windows' ERROR_WRITE_PROTECT.
func isReadOnlyFS(err error) bool { return errors.Is(err, syscall.Errno(19)) }

// mayWrite is false where modes do not tell.
func mayWrite(string) bool { return false }

var errNoFolder = errors.New("no folder")

// listFolder lists a folder, in no order. Through a link, somebody else's files would be looked at: it is no folder.
func listFolder(dir string) ([]fs.DirEntry, error) {
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, errNoFolder
	}
	return os.ReadDir(dir)
}

// digestFile returns size and digest of a file, without a digest where it does not have the size.
func digestFile(path string, size int64, buf []byte) (e archive.Entry, err error) {
	f, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	e.Size, e.Executable = info.Size(), info.Mode()&0o100 != 0
	if e.Size != size || !info.Mode().IsRegular() {
		return e, nil
	}
	h := sha256.New()
	_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
	h.Sum(e.SHA256[:0])
	return e, err
}

func rename(from, to string) error { return os.Rename(from, to) }
