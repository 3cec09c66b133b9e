package cmdline

import (
	"context"
	"errors"
	"syscall"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// Exit codes of both programs; `help exit-codes` explains them.
const (
	ExitOK         = 0
	ExitNegative   = 1
	ExitUsage      = 2
	ExitConfig     = 3
	ExitNoSolution = 4
	ExitNotFound   = 5
	ExitNetwork    = 6
	ExitIntegrity  = 7
	ExitAuth       = 8
	ExitCancelled  = 9
	ExitInternal   = 70
	ExitInterrupt  = 130
	ExitPipe       = 141
	ExitTerminated = 143
)

var exitOf = map[fault.Kind]int{
	fault.Negative:   ExitNegative,
	fault.Usage:      ExitUsage,
	fault.Manifest:   ExitConfig,
	fault.NoSolution: ExitNoSolution,
	fault.NotFound:   ExitNotFound,
	fault.Network:    ExitNetwork,
	fault.Integrity:  ExitIntegrity,
	fault.Auth:       ExitAuth,
	fault.Cancelled:  ExitCancelled,
	fault.Internal:   ExitInternal,
}

// ExitCode is the code of an error: that of the gravest kind in it, integrity before credentials before network before
// all else.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitInterrupt
	case errors.Is(err, syscall.EPIPE):
		return ExitPipe
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
