// Command gal-registry makes and runs registries of GAL packages.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// render.go is the only place that prints, exit.go the only table of exit codes.
package main

import (
	"context"
	"os"
	"time"

	"github.com/geeknik/gal-pkg/internal/cmdline"
)

func main() {
	code := run(cmdline.UntilSignal(context.Background()), os.Args[1:], system{stdout: os.Stdout, stderr: os.Stderr, now: time.Now, env: os.Getenv})
	os.Exit(code)
}
