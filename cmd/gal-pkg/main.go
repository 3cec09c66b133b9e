// Command gal-pkg is the package manager of the GAL language.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// Package cmdline prints, and has the table of exit codes.
package main

import (
	"context"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		collectLate()
	}
	// Signals stay taken to the end: one that comes when all is done must not turn success into a death.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		env: os.Getenv,
	})
	os.Exit(code)
}

// The memory at which garbage is first collected, in bytes, and how far the heap may grow from then on, in percent of what
// is in use: most commands live for a fraction of a second and never need to sweep.
const (
	firstCollection = 32 << 20
	gcPercent       = 100
)

// collectLate puts the first collection off. The limit would have the collector run without end where more than that is
// really in use, so the first collection takes it away: nothing holds the sentinel.
func collectLate() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(firstCollection)
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(math.MaxInt64)
	})
}
