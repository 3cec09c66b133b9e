package install

import (
	"errors"
	"syscall"
)

// isPrivilege reports ERROR_PRIVILEGE_NOT_HELD.
func isPrivilege(err error) bool { return errors.Is(err, syscall.Errno(1314)) }
