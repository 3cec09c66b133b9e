package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/geeknik/gal-pkg/fetch/install"
)

// reorder records what a command does to files, as the kernel sees it, and tries what a power cut may make of it: a disk
// keeps what was synced, and of the rest what it has come to.
//
//	reorder MIN PROJECT SETUP COMMAND
//	reorder MIN DIR
//
// PROJECT, SETUP and COMMAND are as for [crash]. For every step after which the power may go, the files are made as they
// are when
//
//   - everything until then has reached the disk;
//   - after a rename or link, every name has, and of the content only what was synced: files are empty;
//   - likewise, but files have their length, and hold zeros;
//   - likewise, everything has but renames and removals in a folder that was not synced after them;
//   - and, at the end, all but a single one of the writes, renames and removals that were not synced.
//
// Then, of a PROJECT, gal.toml and gal.lock are as they were before or as the whole command leaves them, `gal-pkg install` works and every
// byte that it has linked is right; after `gal-pkg fetch`, which looks at the archives as well, everything is sound. For the
// program the system has started anew in between. DIR has everything in it, home as well, and what is tried is told by three
// scripts: setup, command, and check, which must work after every power cut. Its argument is "done" where the command had
// ended before: what that has said must be there.
//
// States that are the same are tried once; MIN is how many there have to be at least.
func reorder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 && len(args) != 2 {
		ts.Fatalf("usage: reorder MIN PROJECT SETUP COMMAND, or reorder MIN DIR")
	}
	least, err := strconv.Atoi(args[0])
	ts.Check(err)
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "reorder-")
	ts.Check(err)
	var tried int
	var steps []step
	if len(args) == 2 {
		tried, steps, err = reorderScripts(ts.MkAbs(args[1]), dir, filepath.Dir(ts.Getenv("FAILPOINT_PROGRAM")))
	} else {
		tried, steps, err = reorderProject(&crash{program: ts.Getenv("FAILPOINT_PROGRAM"), registry: ts.Getenv("HOST_URL"), project: ts.MkAbs(args[1]),
			setup: strings.Fields(args[2]), command: strings.Fields(args[3])}, dir)
	}
	ts.Check(err)
	ts.Logf("%s: %d states of %d steps", args[len(args)-1], tried, len(steps))
	if tried < least {
		ts.Fatalf("only %d states, not %d", tried, least)
	}
}

func reorderProject(c *crash, dir string) (tried int, steps []step, err error) {
	s, err := c.stage(dir)
	if err != nil {
		return 0, nil, err
	}
	if c.before, err = s.files(); err != nil {
		return 0, nil, err
	}
	folders := []string{s.path("project"), s.path("home")}
	traced := &stage{&crash{program: "strace", registry: c.registry}, dir}
	steps, err = record(dir, folders, append([]string{c.program}, c.command...), func(args []string) ([]byte, error) { return traced.run("", args) })
	if err != nil {
		return 0, nil, err
	}
	if c.after, err = s.files(); err != nil {
		return 0, nil, err
	}
	// By the time of this folder the program knows that nobody has touched the links.
	links := filepath.Join(s.path("project"), filepath.FromSlash(install.PackagesDir))
	info, err := os.Stat(links)
	if err != nil {
		return 0, nil, err
	}
	linked := info.ModTime()
	p := &powered{folders: folders, restore: s.restore, check: func(bool) error {
		if err := os.Chtimes(links, linked, linked); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.recovers()
	}}
	tried, err = p.tryAll(steps)
	return tried, steps, err
}

// reorderScripts tries the scripts in a folder, with the programs of another.
func reorderScripts(from, dir, programs string) (tried int, steps []step, err error) {
	world, saved := filepath.Join(dir, "world"), filepath.Join(dir, "saved")
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = world
		cmd.Env = []string{"HOME=" + filepath.Join(world, "home"), "PATH=" + programs + string(os.PathListSeparator) + os.Getenv("PATH")}
		return cmd.CombinedOutput()
	}
	copied := func(from, to string) error { return exec.Command("cp", "-a", from, to).Run() }
	if err := errors.Join(copied(from, world), os.MkdirAll(filepath.Join(world, "home"), 0o755)); err != nil {
		return 0, nil, err
	}
	if out, err := run("sh", "setup"); err != nil {
		return 0, nil, fmt.Errorf("setup: %w\n%s", err, out)
	}
	if err := copied(world, saved); err != nil {
		return 0, nil, err
	}
	steps, err = record(dir, []string{world}, []string{"sh", "command"}, func(args []string) ([]byte, error) { return run("strace", args...) })
	if err != nil {
		return 0, nil, err
	}
	p := &powered{folders: []string{world}, named: true, restore: func() error { return errors.Join(os.RemoveAll(world), copied(saved, world)) }, check: func(done bool) error {
		out, err := run("sh", "check", map[bool]string{true: "done"}[done])
		if err != nil {
			return fmt.Errorf("check: %w\n%s", err, out)
		}
		return nil
	}}
	tried, err = p.tryAll(steps)
	return tried, steps, err
}

// traced are the calls of the system that change files.
const traced = "open,openat,openat2,creat,write,writev,pwrite64,pwritev,truncate,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir," +
	"mkdir,mkdirat,symlink,symlinkat,link,linkat,chmod,fchmod,fchmodat,utimensat,fsync,fdatasync,copy_file_range,sendfile,splice,fallocate"

// anotherBoot runs a program for which the system was started at another time than it was.
const anotherBoot = `printf 00000000-0000-4000-8000-000000000000 >"$0" && mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`

// traceable reports whether programs can be traced here, and shown another start of the system.
func traceable() bool {
	dir, err := os.MkdirTemp("", "gal-trace-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	return exec.Command("strace", "-f", "-qq", "-z", "-o", os.DevNull, "unshare", "-rm", "sh", "-c", anotherBoot, filepath.Join(dir, "boot"), "true").Run() == nil
}

// record has run trace a program, and returns the steps that it takes below some folders. What it needs itself is in dir.
func record(dir string, folders, program []string, run func(args []string) ([]byte, error)) ([]step, error) {
	trace := filepath.Join(dir, "trace")
	args := append([]string{"-f", "-qq", "-y", "-z", "-xx", "-s", "100000000", "-e", "signal=none", "-e", "trace=" + traced, "-o", trace,
		"unshare", "-rm", "sh", "-c", anotherBoot, filepath.Join(dir, "boot")}, program...)
	if out, err := run(args); err != nil {
		return nil, fmt.Errorf("tracing %v: %w\n%s", program, err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		return nil, err
	}
	return parseTrace(string(text), folders...)
}

// recovers holds that the next install works on what a power cut has left.
func (s *stage) recovers() error {
	if _, err := s.goOn(); err != nil {
		return err
	}
	if err := usable(s.path("project"), filepath.Join(s.path("home"), ".cache", "gal")); err != nil {
		return fmt.Errorf("what the next install has linked: %w", err)
	}
	if out, err := s.run("", []string{"fetch"}); err != nil {
		return fmt.Errorf("the next fetch: %w\n%s", err, out)
	}
	// A listing is written anew when a tree is used for the first time since the system has started.
	cacheDir := filepath.Join(s.path("home"), ".cache", "gal")
	return soundness(s.path("project"), s.path("home"), cacheDir, filepath.Join(cacheDir, "store"))
}
