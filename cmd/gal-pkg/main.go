// Command gal-pkg is the package manager of the GAL language.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// Package cmdline prints, and has the table of exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// gcPercent lets the heap grow to three times what is in use before it is swept: a process that lives for a fraction of a
// second spends less on sweeping than it would, for some MiB. GOGC overrides it.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// Signals stay taken to the end: one that comes when all is done must not turn success into a death.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		env: os.Getenv,
	})
	os.Exit(code)
}
