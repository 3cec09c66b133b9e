// Command gal-registry makes and runs registries of GAL packages.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// render.go is the only place that prints, exit.go the only table of exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	// Signals stay taken to the end: one that comes when all is done must not turn success into a death.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system{stdout: os.Stdout, stderr: os.Stderr, now: time.Now, env: os.Getenv})
	os.Exit(code)
}
