package cmdline

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// Signal is the cause with which a context ends for a signal; it is [context.Canceled], as the cause of any end is that
// somebody wanted.
type Signal struct{ os.Signal }

// Error names the signal.
func (s Signal) Error() string { return s.Signal.String() + " signal received" }

// Is holds for [context.Canceled].
func (s Signal) Is(target error) bool { return target == context.Canceled }

// UntilSignal returns a context that ends with the first signal that ends a program; its cause is a [Signal]. Signals stay
// taken to the end: one that comes when all is done must not turn success into a death.
func UntilSignal(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	came := make(chan os.Signal, 1)
	signal.Notify(came, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(came, syscall.SIGHUP)
	}
	go func() { cancel(Signal{<-came}) }()
	return ctx
}

// InterruptCode is the exit code of a program whose context has ended, by the signal that it ended for.
func InterruptCode(ctx context.Context) int {
	if s := (Signal{}); errors.As(context.Cause(ctx), &s) && s.Signal != os.Interrupt {
		return ExitTerminated
	}
	return ExitInterrupt
}
