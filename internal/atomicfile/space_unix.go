//go:build unix

package atomicfile

import (
	"errors"
	"syscall"
)

// IsNoSpace reports errors of a disk that is full, or of which a user may have no more.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
