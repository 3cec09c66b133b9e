// Command gal-pkg is the package manager of the GAL language.
//
// One file holds one command: its flags, its help, and a short Run that calls a package and renders what it returns.
// Package cmdline prints, and has the table of exit codes.
package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/geeknik/gal-pkg/internal/cmdline"
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		collectLate()
	}
	code := run(cmdline.UntilSignal(context.Background()), os.Args[1:], system{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		env: os.Getenv,
	})
	os.Exit(code)
}

// firstCollection is the memory at which garbage is first collected, in bytes: most commands live for a fraction of a second
// and never need to. From then on the heap may double before it is collected again. Where the first collection has found
// that most of the heap is in use, as after much was remembered of a registry, the next ones would find the same, and are
// put off further.
const (
	firstCollection = 32 << 20
	gcPercent       = 100
	gcPercentFull   = 300
)

// collectLate puts the first collection off. The limit would have the collector run without end where more than that is
// really in use, so the first collection takes it away: nothing holds the sentinel.
func collectLate() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(firstCollection)
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		percent := gcPercent
		if metrics.Read(live); live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() > firstCollection/2 {
			percent = gcPercentFull
		}
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	})
}
