package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Exit codes. `gal-pkg help exit-codes` prints this table.
const (
	exitOK         = 0
	exitNegative   = 1
	exitUsage      = 2
	exitConfig     = 3
	exitNoSolution = 4
	exitNotFound   = 5
	exitNetwork    = 6
	exitIntegrity  = 7
	exitAuth       = 8
	exitCancelled  = 9
	exitInternal   = 70
	exitInterrupt  = 130
	exitPipe       = 141
)

const exitCodes = `0    it worked
1    it ran, and the answer is no: findings, a stale lock, a check that failed
2    the command line cannot be meant: a flag, a name, a version
3    a manifest, a lock or a configuration file is wrong
4    no set of versions satisfies the requirements
5    a package, version, feature or registry is not there
6    the network failed, or was needed with --offline
7    SECURITY: bytes, signatures or histories are not what they must be
8    credentials are missing or were refused
9    you said no, or a question could not be asked
70   a bug of gal-pkg
130  interrupted
`

var exitOf = map[fault.Kind]int{
	fault.Negative:   exitNegative,
	fault.Usage:      exitUsage,
	fault.Manifest:   exitConfig,
	fault.NoSolution: exitNoSolution,
	fault.NotFound:   exitNotFound,
	fault.Network:    exitNetwork,
	fault.Integrity:  exitIntegrity,
	fault.Auth:       exitAuth,
	fault.Cancelled:  exitCancelled,
	fault.Internal:   exitInternal,
}

// exitCode is the code of an error: that of the gravest kind in it, integrity before credentials before network before
// all else.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		return exitInterrupt
	case errors.Is(err, syscall.EPIPE):
		return exitPipe
	}
	return exitOf[gravest(err)]
}

var grave = []fault.Kind{fault.Integrity, fault.Auth, fault.Network}

func gravest(err error) fault.Kind {
	kinds := kindsIn(err)
	for _, kind := range grave {
		for _, k := range kinds {
			if k == kind {
				return kind
			}
		}
	}
	return fault.KindOf(err)
}

// kindsIn lists the kinds of all errors that were joined into one.
func kindsIn(err error) []fault.Kind {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []fault.Kind{fault.KindOf(err)}
	}
	var kinds []fault.Kind
	for _, e := range joined.Unwrap() {
		kinds = append(kinds, kindsIn(e)...)
	}
	return kinds
}
