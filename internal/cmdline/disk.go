package cmdline

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// DiskFault makes an error of a file that nobody has explained one that is: a disk that is full or broken, or a file that
// may not be touched, is the world's doing and no bug of ours. Other errors stay as they are.
//
// Errors: fault.Manifest "disk-full", "not-writable".
func DiskFault(err error) error {
	var at *fs.PathError
	if err == nil || fault.Of(err) != nil || !errors.As(err, &at) {
		return err
	}
	switch {
	case atomicfile.IsNoSpace(err):
		return fault.New(fault.Manifest, "disk-full", "%s cannot be written", at.Path).Because(at.Err)
	case errors.Is(err, syscall.EIO):
		return fault.New(fault.Manifest, "not-writable", "the disk fails at %s", at.Path).Because(at.Err).WithFact("the system's log says more; the disk may be dying")
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Manifest, "not-writable", "%s may not be read or written", at.Path).Because(at.Err)
	}
	return err
}
