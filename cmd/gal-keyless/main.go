// Command gal-keyless verifies and makes signatures of identities for gal-pkg, which starts it where it meets one: package
// internal/keyless has the questions and answers. Nobody else needs to call it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/geeknik/gal-pkg/internal/keyless/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := server.Serve(ctx, os.Stdin, os.Stdout, os.Getenv, time.Now)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gal-keyless:", err)
		os.Exit(1)
	}
}
