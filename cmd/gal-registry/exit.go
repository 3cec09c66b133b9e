package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Exit codes. `gal-registry help exit-codes` prints this table. They are those of gal-pkg.
const (
	exitOK        = 0
	exitNegative  = 1
	exitUsage     = 2
	exitConfig    = 3
	exitNotFound  = 5
	exitNetwork   = 6
	exitIntegrity = 7
	exitAuth      = 8
	exitCancelled = 9
	exitInternal  = 70
	exitInterrupt = 130
	exitPipe      = 141
)

const exitCodes = `0    it worked
1    it ran, and the answer is no: a proposal fails
2    the command line cannot be meant: a flag, a name, an address
3    a configuration file is wrong, or the folder is not as it must be
5    a registry, a proposal or a check is not there
6    the network failed
7    SECURITY: bytes, signatures or histories are not what they must be
8    credentials are missing or were refused
9    cancelled
70   a bug of gal-registry, or the disk failed
130  interrupted
`

var exitOf = map[fault.Kind]int{
	fault.Negative:  exitNegative,
	fault.Usage:     exitUsage,
	fault.Manifest:  exitConfig,
	fault.NotFound:  exitNotFound,
	fault.Network:   exitNetwork,
	fault.Integrity: exitIntegrity,
	fault.Auth:      exitAuth,
	fault.Cancelled: exitCancelled,
	fault.Internal:  exitInternal,
}

// exitCode is the code of an error.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		return exitInterrupt
	case errors.Is(err, syscall.EPIPE):
		return exitPipe
	}
	return exitOf[fault.KindOf(err)]
}
