//go:build !unix

package atomicfile

import (
	"errors"
	"syscall"
)

// IsNoSpace reports errors of a disk that is full. The numbers are Windows' ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
