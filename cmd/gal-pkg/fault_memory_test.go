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

// peak runs gal-pkg, which may fail, and holds that it had at most so many MiB of memory more at once than one that does
// nothing:
//
//	peak MIB ARG...
func peak(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: peak MIB ARG...")
	}
	most, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	idle, err := memory(ts, "version")
	ts.Check(err)
	had, err := memory(ts, args[1:]...)
	if err != nil {
		ts.Logf("%v", err)
	}
	if idle == 0 && runtime.GOOS == "linux" {
		ts.Fatalf("the memory of a program that does nothing could not be measured")
	}
	ts.Logf("%.1f MiB, and %.1f MiB for nothing", float64(had)/(1<<20), float64(idle)/(1<<20))
	if had > idle+most<<20 {
		ts.Fatalf("%v had %.1f MiB at once, more than %d MiB above the %.1f MiB of a program that does nothing",
			args[1:], float64(had)/(1<<20), most, float64(idle)/(1<<20))
	}
}

// memory is what a run of gal-pkg had at its peak, in bytes.
func memory(ts *testscript.TestScript, args ...string) (int64, error) {
	sample, err := measure.Run(context.Background(), measure.Command{
		Dir: ts.Getenv("WORK"), Scratch: ts.Getenv("WORK"), Args: append([]string{ts.Getenv("FAILPOINT_PROGRAM")}, args...),
		Env: []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + os.Getenv("PATH"), "GAL_REGISTRY=" + ts.Getenv("HOST_URL"), "TMPDIR=" + filepath.Dir(ts.Getenv("HOME"))},
	})
	return sample.Memory, err
}
