//go:build !linux

package cache

import (
	"io/fs"
	"time"
)

// quick reports whether the tree is certainly what its listing says; here it never knows.
func (t *treeCheck) quick() bool { return false }

// lastChange is when a file was changed, as far as it says.
func lastChange(info fs.FileInfo) time.Time { return info.ModTime() }
