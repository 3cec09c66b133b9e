// Command gal-pkg is the package manager of the GAL language.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// Package cmdline prints, and has the table of exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], system{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		env: os.Getenv,
	})
	stop()
	os.Exit(code)
}
