//go:build !windows

package install

import (
	"errors"
	"syscall"
)

func isRefusal(error) bool { return false }

// otherDevice reports that a hard link would lead from one file system to another.
func otherDevice(err error) bool { return errors.Is(err, syscall.EXDEV) }

// tooManyLinks reports that a file cannot have another name.
func tooManyLinks(err error) bool { return errors.Is(err, syscall.EMLINK) }

func makeJunction(string, string) error { return errors.ErrUnsupported }
