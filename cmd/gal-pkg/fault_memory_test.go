package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// peak runs gal-pkg, which must end with an exit code, and holds that it had at most so many MiB of memory more at once than
// one that does nothing:
//
//	peak MIB CODE ARG...
func peak(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: peak MIB CODE ARG...")
	}
	most, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	code, err := strconv.Atoi(args[1])
	ts.Check(err)
	args = args[2:]
	idle := memory(ts, 0, "version")
	had := memory(ts, code, args...)
	if (idle == 0 || had == 0) && runtime.GOOS == "linux" {
		ts.Fatalf("the memory could not be measured: %d bytes, and %d for nothing", had, idle)
	}
	ts.Logf("%.1f MiB, and %.1f MiB for nothing", float64(had)/(1<<20), float64(idle)/(1<<20))
	if had > idle+most<<20 {
		ts.Fatalf("%v had %.1f MiB at once, more than %d MiB above the %.1f MiB of a program that does nothing",
			args, float64(had)/(1<<20), most, float64(idle)/(1<<20))
	}
}

// memory is what a run of gal-pkg had at its peak, in bytes, that must end with an exit code.
func memory(ts *testscript.TestScript, code int, args ...string) int64 {
	sample, got, err := measure.Try(context.Background(), measure.Command{
		Dir: ts.Getenv("WORK"), Scratch: ts.Getenv("WORK"), Args: append([]string{ts.Getenv("FAILPOINT_PROGRAM")}, args...),
		Env: []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + os.Getenv("PATH"), "GAL_REGISTRY=" + ts.Getenv("HOST_URL"), "TMPDIR=" + filepath.Dir(ts.Getenv("HOME"))},
	})
	ts.Check(err)
	if got != code {
		text, err := measure.Printed(ts.Getenv("WORK"))
		ts.Check(err)
		ts.Fatalf("%v: exit code %d, want %d\n%s", args, got, code, text)
	}
	return sample.Memory
}
