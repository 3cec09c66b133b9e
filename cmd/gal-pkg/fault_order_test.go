package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	"mkdir,mkdirat,symlink,symlinkat,link,linkat,chmod,fchmod,fchmodat,fsync,fdatasync,copy_file_range,sendfile,splice,fallocate"

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

// powered is what a power cut is tried on.
type powered struct {
	folders []string              // everything that counts
	named   bool                  // nothing is tried after steps that nobody sees before something has its name
	restore func() error          // makes them what they were before the first step
	check   func(done bool) error // after a power cut; done says that it came after the last step
}

// tryAll tries every state once and returns how many there were.
func (p *powered) tryAll(steps []step) (int, error) {
	seen := map[[32]byte]bool{}
	try := func(what string, kept []step, done bool) error {
		if err := p.restore(); err != nil {
			return err
		}
		for _, step := range kept {
			if err := step.do(); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if err := age(kept); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		sum, err := p.sum(done)
		if err != nil || seen[sum] {
			return err
		}
		seen[sum] = true
		if err := p.check(done); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	for end := range len(steps) + 1 {
		for _, cut := range powerCuts() {
			if end > 0 && end < len(steps) && (!cut.after(steps[end-1].kind) || p.named && steps[end-1].isUnnamed()) {
				continue
			}
			what := fmt.Sprintf("%s after %d steps", cut.name, end)
			if end > 0 {
				what += ", the last " + steps[end-1].String()
			}
			if err := try(what, cut.kept(steps[:end]), end == len(steps)); err != nil {
				return len(seen), err
			}
		}
	}
	for i := range steps {
		if steps[i].mayBeLost(steps) {
			if err := try("without "+steps[i].String(), slices.Delete(slices.Clone(steps), i, i+1), true); err != nil {
				return len(seen), err
			}
		}
	}
	return len(seen), nil
}

// age makes the files of steps as old as they are when the power comes back: an hour.
func age(steps []step) error {
	before := time.Now().Add(-time.Hour)
	for _, s := range steps {
		path := s.path
		if s.kind == "rename" || s.kind == "name" {
			path = s.to
		}
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := os.Chtimes(path, before, before); err != nil {
			return err
		}
	}
	return nil
}

// powerCut is a way in which a disk keeps some steps and loses others.
type powerCut struct {
	name  string
	after func(kind string) bool // whether it is of interest after a step of that kind
	kept  func([]step) []step
}

func powerCuts() []powerCut {
	// What is lost shows where something else got its name without it.
	named := func(kind string) bool { return kind == "rename" || kind == "name" || kind == "link" }
	return []powerCut{
		{"all", func(kind string) bool { return kind != "sync" && kind != "mode" }, func(steps []step) []step { return steps }},
		{"empty files", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) { return s, s.kind != "write" || !s.mayBeLost(steps) })
		}},
		{"zeros", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) {
				if s.kind == "write" && s.mayBeLost(steps) {
					s.data = make([]byte, len(s.data))
				}
				return s, true
			})
		}},
		{"renames lost", named, func(steps []step) []step {
			return keep(steps, func(s step) (step, bool) { return s, s.kind == "write" || !s.mayBeLost(steps) })
		}},
	}
}

func keep(steps []step, choose func(step) (step, bool)) []step {
	var kept []step
	for _, s := range steps {
		if s, ok := choose(s); ok {
			kept = append(kept, s)
		}
	}
	return kept
}

// sum is a digest of everything that counts.
func (p *powered) sum(done bool) (sum [32]byte, err error) {
	h := sha256.New()
	fmt.Fprintln(h, done)
	for _, folder := range p.folders {
		err = errors.Join(err, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%q %v\n", path, info.Mode())
			var content []byte
			switch {
			case info.Mode().IsRegular():
				content, err = os.ReadFile(path)
			case info.Mode()&fs.ModeSymlink != 0:
				var to string
				to, err = os.Readlink(path)
				content = []byte(to)
			}
			fmt.Fprintf(h, "%d\n", len(content))
			h.Write(content)
			return err
		}))
	}
	return [32]byte(h.Sum(nil)), err
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

// step is one change of a file or folder, or a sync.
type step struct {
	kind string // create, write, cut, rename, name, remove, folder, link, mode, sync
	path string
	to   string // of a rename the new path, of a name one more, of a link where it leads
	data []byte
	mode fs.FileMode
	size int64

	fresh bool // of a file that was made: there was none

	at   int // which step it is
	file int // which file: it keeps its number through renames
	into int // of a rename, name or removal: which folder gets or loses it
}

// String names the step.
func (s step) String() string { return strings.TrimSpace(s.kind + " " + s.path + " " + s.to) }

// isUnnamed reports whether a step is about what has its name later: the files of locks have theirs.
func (s step) isUnnamed() bool {
	return s.kind == "write" || s.kind == "cut" || s.kind == "folder" || s.kind == "create" && !strings.HasSuffix(s.path, ".lock")
}

// mayBeLost reports whether a write, rename or removal was not followed by the sync that makes it stay.
func (s step) mayBeLost(steps []step) bool {
	wanted := s.into
	switch s.kind {
	case "write":
		wanted = s.file
	case "rename", "name":
		// What has got another name since is there if that is.
		if i := slices.IndexFunc(steps, func(other step) bool {
			return other.at > s.at && other.to != "" && other.path == s.to && other.file == s.file
		}); i >= 0 {
			return steps[i].mayBeLost(steps)
		}
	case "remove":
	default:
		return false
	}
	return !slices.ContainsFunc(steps, func(other step) bool { return other.kind == "sync" && other.at > s.at && other.file == wanted })
}

// do does the step anew. What rests on a step that was lost finds nothing to change.
func (s step) do() error {
	var err error
	switch s.kind {
	case "create":
		if s.fresh {
			_ = os.Remove(s.path) // a removal was lost, and is made up for by who comes next
		}
		var f *os.File
		if f, err = os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, s.mode); err == nil {
			err = f.Close()
		}
	case "write":
		err = appendTo(s.path, s.data)
	case "cut":
		err = os.Truncate(s.path, s.size)
	case "rename":
		err = os.Rename(s.path, s.to)
	case "name":
		err = os.Link(s.path, s.to)
	case "remove":
		err = os.Remove(s.path)
	case "folder":
		err = os.Mkdir(s.path, s.mode)
	case "link":
		err = os.Symlink(s.to, s.path)
	case "mode":
		err = os.Chmod(s.path, s.mode)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// appendTo writes behind what is there, as all our writers do. A file that its owner made read-only was open already.
func appendTo(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close(), os.Chmod(path, info.Mode()))
}

// unhex undoes the escapes of strace -xx.
func unhex(text string) (string, error) {
	var out strings.Builder
	for text != "" {
		i := strings.Index(text, `\x`)
		if i < 0 || i+4 > len(text) {
			out.WriteString(text)
			break
		}
		b, err := hex.DecodeString(text[i+2 : i+4])
		if err != nil {
			return "", err
		}
		out.WriteString(text[:i])
		out.Write(b)
		text = text[i+4:]
	}
	return out.String(), nil
}
