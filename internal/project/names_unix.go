//go:build unix

package project

import (
	"io/fs"
	"syscall"
)

// hasOtherNames reports whether a file is there under another name too.
func hasOtherNames(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
