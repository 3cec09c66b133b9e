package chaos

import (
	"context"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/failpoint"
)

// Fail is for [failpoint.Rehearse]: it decides whether a step of writing a file fails, by the step and the file's name
// without its folder.
func (r *Rehearsal) Fail(p failpoint.Point, path string) error {
	s := r.attempt(file, string(p)+" "+filepath.Base(path))
	switch s.effect {
	case late:
		defer s.over()
		return r.o.Sleep(context.Background(), s.length)
	case full:
		return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	case broken:
		return &fs.PathError{Op: "write", Path: path, Err: syscall.EIO}
	}
	return nil
}
