// Package measure runs programs and says what they took.
//
// A program is started by a copy of the calling one that does nothing else ([Main]): the kernel counts the memory of the
// process that a program is started from as the program's own, and a harness with a server in it has more than most of
// what it measures. What the copy itself takes is the floor of the figures for memory, and no part of those for time.
package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Command is a program to run.
type Command struct {
	Dir     string
	Env     []string // all of its environment
	Args    []string // Args[0] is the program's path
	Scratch string   // a folder for what the program prints
}

// Sample is what one run took.
type Sample struct {
	Wall   float64 `json:"wall"`   // seconds from start to end
	User   float64 `json:"user"`   // seconds of CPU, with those of the program's children
	System float64 `json:"system"` // likewise
	Memory int64   `json:"memory"` // bytes at the peak, of the largest process; 0 where the system does not tell
}

// CPU is the seconds of CPU together.
func (s Sample) CPU() float64 { return s.User + s.System }

// flag makes a program a copy that runs another one.
const flag = "--run-and-measure"

// result is what a copy writes to its standard output.
type result struct {
	Sample
	Exit int
}

// Run runs a program. An error says what it printed if it does not exit with 0.
func Run(ctx context.Context, c Command) (Sample, error) {
	s, exit, err := Try(ctx, c)
	if err == nil && exit != 0 {
		text, tailErr := Printed(c.Scratch)
		err = errors.Join(fmt.Errorf("%q in %s exits with %d\n%s", c.Args, c.Dir, exit, text), tailErr)
	}
	return s, err
}

// Try runs a program that may well fail, and returns its exit code.
func Try(ctx context.Context, c Command) (Sample, int, error) {
	self, err := os.Executable()
	if err != nil {
		return Sample{}, 0, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{flag, filepath.Join(c.Scratch, "printed")}, c.Args...)...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	alone(cmd)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return Sample{}, 0, fmt.Errorf("running %s: %w\n%s", c.Args[0], errors.Join(err, context.Cause(ctx)), problems.Bytes())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return Sample{}, 0, fmt.Errorf("running %s: %w", c.Args[0], err)
	}
	return r.Sample, r.Exit, nil
}

// Printed returns the end of what the last program printed that ran with a scratch folder.
func Printed(scratch string) (string, error) {
	const most = 4000
	data, err := os.ReadFile(filepath.Join(scratch, "printed"))
	return string(data[max(0, len(data)-most):]), err
}

// Main is to be called first in the main function of a program that calls [Run], and in the TestMain of its tests. In a
// copy that Run has started it does the copy's work, and does not return.
func Main() {
	if len(os.Args) < 4 || os.Args[1] != flag {
		return
	}
	if err := run(os.Stdout, os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run runs a program, with what it prints in a file, and writes what it took.
func run(w io.Writer, printed string, args []string) error {
	out, err := os.Create(printed)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	begin := time.Now()
	err = cmd.Run()
	wall := time.Since(begin).Seconds()
	if state := cmd.ProcessState; state != nil {
		return json.NewEncoder(w).Encode(result{
			Sample{wall, state.UserTime().Seconds(), state.SystemTime().Seconds(), peakMemory(state)}, state.ExitCode(),
		})
	}
	return err
}
