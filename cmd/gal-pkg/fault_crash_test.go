package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/failpoint"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/manifest"
)

// crash is a command that is stopped at every step that package failpoint has a name for, each time in a project and a
// home of their own:
//
//	crash [-signal=S] PROJECT SETUP COMMAND
//	crashed MIN
//
// PROJECT is a folder. SETUP is a command of gal-pkg that is run before, or "", and COMMAND the one that is stopped: by
// SIGKILL, or with S interrupt or terminate by a signal that it may answer, with exit code 130 or 143. After each crash every
// gal.toml and gal.lock is as it was before or as the whole command leaves it, and `gal-pkg install` works and leaves
// everything sound. Where only some of the manifests are new, that is told, and the same command again makes the others new.
// MIN is how many crashes there have to be in a script at least: with fewer it has stopped testing.
type crash struct {
	program  string
	registry string
	signal   string // kill, interrupt or terminate
	project  string // the folder to begin with
	setup    []string
	command  []string
	before   []string // the texts of the manifests and of gal.lock
	after    []string

	shots  atomic.Int64 // that hit
	halves atomic.Int64 // that left some of the manifests new
}

func crashes(ts *testscript.TestScript, neg bool, args []string) {
	c := &crash{program: ts.Getenv("FAILPOINT_PROGRAM"), registry: ts.Getenv("HOST_URL"), signal: "kill"}
	if len(args) > 0 {
		if name, ok := strings.CutPrefix(args[0], "-signal="); ok {
			c.signal, args = name, args[1:]
		}
	}
	if neg || len(args) != 3 {
		ts.Fatalf("usage: crash [-signal=S] PROJECT SETUP COMMAND")
	}
	c.project, c.setup, c.command = ts.MkAbs(args[0]), strings.Fields(args[1]), strings.Fields(args[2])
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "crash-")
	ts.Check(err)
	steps, err := c.rehearse(filepath.Join(dir, "rehearsal"))
	ts.Check(err)
	ts.Check(c.all(dir, steps))
	ts.Logf("%s: stopped by %s at %d of %d steps, at %d of them halfway", args[2], c.signal, c.shots.Load(), len(steps), c.halves.Load())
	if manifests := len(c.before) - 1; manifests > 1 && c.signal == "kill" && c.halves.Load() == 0 {
		ts.Fatalf("%s was never stopped between two of %d manifests", args[2], manifests)
	}
	tally := ts.Value(tallyKey{}).(*tally)
	tally.shots += int(c.shots.Load())
	for _, step := range steps {
		point, _, _ := strings.Cut(step, ":")
		tally.points[failpoint.Point(point)] = true
	}
}

// tallyKey is under which a script keeps its tally.
type tallyKey struct{}

// tally is what the crashes of a script have hit.
type tally struct {
	shots  int
	points map[failpoint.Point]bool
}

func crashed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crashed MIN")
	}
	least, err := strconv.Atoi(args[0])
	ts.Check(err)
	tally := ts.Value(tallyKey{}).(*tally)
	if ts.Logf("%d crashes", tally.shots); tally.shots < least {
		ts.Fatalf("only %d crashes, not %d", tally.shots, least)
	}
	for _, p := range failpoint.Points() {
		if !tally.points[p] {
			ts.Fatalf("the point %s was never reached", p)
		}
	}
}

// rehearse runs the command to its end and returns its steps, each as POINT:N.
func (c *crash) rehearse(dir string) ([]string, error) {
	s, err := c.stage(dir)
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "log")
	if c.before, err = s.files(); err != nil {
		return nil, err
	}
	if out, err := s.run("GAL_FAILPOINT_LOG="+log, c.command); err != nil {
		return nil, fmt.Errorf("%v\n%s", err, out)
	}
	if c.after, err = s.files(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	seen := map[string]int{}
	var steps []string
	for _, point := range strings.Fields(string(data)) {
		seen[point]++
		steps = append(steps, point+":"+strconv.Itoa(seen[point]))
	}
	return steps, nil
}

// all stops the command at every step, on all processors.
func (c *crash) all(dir string, steps []string) error {
	queue := make(chan string, len(steps))
	for _, s := range steps {
		queue <- s
	}
	close(queue)
	var wg sync.WaitGroup
	failures := make([]error, runtime.GOMAXPROCS(0))
	for i := range failures {
		wg.Go(func() {
			s, err := c.stage(filepath.Join(dir, strconv.Itoa(i)))
			for step := range queue {
				if err == nil {
					err = c.stopAt(s, step)
				}
			}
			failures[i] = err
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

func (c *crash) stopAt(s *stage, step string) error {
	if err := s.restore(); err != nil {
		return err
	}
	out, err := s.run("GAL_FAILPOINT="+step+":"+c.signal, c.command)
	if err == nil {
		return nil // what happens at once happens in another order each time
	}
	c.shots.Add(1)
	failed := func(format string, args ...any) error {
		return fmt.Errorf("%s at %s: %s\n%s", c.signal, step, fmt.Sprintf(format, args...), out)
	}
	var exit *exec.ExitError
	code := map[string]int{"interrupt": 130, "terminate": 143}[c.signal]
	if code != 0 && (!errors.As(err, &exit) || exit.ExitCode() != code) {
		return failed("%v", err)
	}
	half, err := s.goOn()
	if err != nil {
		return failed("%v", err)
	}
	if half {
		c.halves.Add(1)
	}
	if err := soundness(s.path("project"), s.path("home"), filepath.Join(s.path("home"), ".cache", "gal")); err != nil {
		return failed("%v", err)
	}
	return nil
}

// goOn holds that the next install works on what a crash has left. Where that is half of the manifests, it says so, and the
// command that was stopped makes it whole.
func (s *stage) goOn() (half bool, err error) {
	if half, err = s.crash.judge(s); err != nil {
		return half, err
	}
	out, err := s.run("", []string{"install"})
	if err != nil {
		return half, fmt.Errorf("the next install: %v\n%s", err, out)
	}
	if told := bytes.Contains(out, []byte("was stopped halfway")); told != half {
		return half, fmt.Errorf("some of the manifests are new: %t, and that is told: %t\n%s", half, told, out)
	}
	if !half {
		return false, nil
	}
	if out, err := s.run("", s.crash.command); err != nil {
		return half, fmt.Errorf("the same again: %v\n%s", err, out)
	}
	if now, err := s.files(); err != nil || !slices.Equal(now[:len(now)-1], s.crash.after[:len(now)-1]) {
		return half, fmt.Errorf("the same again did not finish it: %q, %w", now, err)
	}
	return half, nil
}

// judge holds that every manifest and the lock are old or new, the lock only where all manifests are, and reports whether some
// manifests are new and others are not.
func (c *crash) judge(s *stage) (half bool, err error) {
	now, err := s.files()
	if err != nil || len(now) != len(c.before) {
		return false, fmt.Errorf("%d files: %w", len(now), err)
	}
	last, written, left := len(now)-1, 0, 0
	for i, text := range now {
		switch {
		case text != c.before[i] && text != c.after[i]:
			return false, fmt.Errorf("gal.toml or gal.lock is neither old nor new:\n%s", text)
		case c.before[i] == c.after[i]:
		case i == last && text == c.after[i] && left > 0:
			return false, errors.New("gal.lock is new before a manifest is")
		case i < last && text == c.after[i]:
			written++
		case i < last:
			left++
		}
	}
	return written > 0 && left > 0, nil
}

// stage is a project with a home, which can be set back to how it was.
type stage struct {
	crash *crash
	dir   string
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// stage makes a project that is set up.
func (c *crash) stage(dir string) (*stage, error) {
	s := &stage{c, dir}
	if err := os.MkdirAll(s.path("home"), 0o755); err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.path("project"), os.DirFS(c.project)); err != nil {
		return nil, err
	}
	if len(c.setup) > 0 {
		if out, err := s.run("", c.setup); err != nil {
			return nil, fmt.Errorf("%v\n%s", err, out)
		}
	}
	for _, name := range []string{"project", "home"} {
		if err := os.CopyFS(s.path("saved/"+name), os.DirFS(s.path(name))); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) restore() error {
	for _, name := range []string{"project", "home"} {
		if err := os.RemoveAll(s.path(name)); err != nil {
			return err
		}
		if err := os.CopyFS(s.path(name), os.DirFS(s.path("saved/"+name))); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) run(variable string, args []string) ([]byte, error) {
	cmd := exec.Command(s.crash.program, args...)
	cmd.Dir = s.path("project")
	cmd.Env = []string{"HOME=" + s.path("home"), "GAL_REGISTRY=" + s.crash.registry, "PATH=" + os.Getenv("PATH"), variable}
	return cmd.CombinedOutput()
}

// files are the texts of the manifests, in the order of their paths, and of gal.lock.
func (s *stage) files() (texts []string, err error) {
	err = filepath.WalkDir(s.path("project"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == install.Dir:
			return fs.SkipDir
		case d.Name() != manifest.FileName:
			return nil
		}
		data, err := os.ReadFile(path)
		texts = append(texts, string(data))
		return err
	})
	lock, lockErr := os.ReadFile(filepath.Join(s.path("project"), project.LockName))
	if lockErr != nil && !errors.Is(lockErr, fs.ErrNotExist) {
		err = errors.Join(err, lockErr)
	}
	return append(texts, string(lock)), err
}
