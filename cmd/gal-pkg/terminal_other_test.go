//go:build !linux

package main

import (
	"errors"
	"os"
)

func openTerminal(int) (program, user *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}
