package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tracer turns what strace -f -y -z -xx has written into steps.
type tracer struct {
	below []string       // folders whose changes count
	files map[string]int // number of each file by its path
	given int            // numbers given so far
	steps []step

	working map[string]string // where each process works, as AT_FDCWD</path>
}

// traceLine is `PID  call(arguments) = result`, the result with the path of a file descriptor.
var traceLine = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (\d+)`)

// traceTime is the second of the two times of a file, that of its content.
var traceTime = regexp.MustCompile(`, \{tv_sec=(\d+), `)

func parseTrace(text string, below ...string) ([]step, error) {
	t := &tracer{below: below, files: map[string]int{}, working: map[string]string{}}
	for line := range strings.Lines(text) {
		m := traceLine.FindStringSubmatch(line)
		if m == nil && strings.Contains(line, " ???(") {
			continue // a thread that ended with its process before it called anything
		}
		if m == nil {
			return nil, fmt.Errorf("a line of the trace that says nothing: %.200s", line)
		}
		name, args, err := t.placed(m[1], m[2], strings.Split(m[3], ", "))
		if err == nil {
			err = t.call(name, args)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %.200s", err, line)
		}
	}
	return t.steps, nil
}

// placed turns a call of a process that goes by where it works into the same one that says where: rename into renameat. A process
// has opened something there before.
func (t *tracer) placed(process, name string, args []string) (string, []string, error) {
	if strings.HasPrefix(args[0], "AT_FDCWD<") {
		t.working[process] = args[0]
	}
	at := map[string]string{
		"rename": "renameat", "unlink": "unlinkat", "rmdir": "unlinkat", "mkdir": "mkdirat", "link": "linkat", "chmod": "fchmodat", "symlink": "symlinkat",
	}[name]
	if at == "" {
		return name, args, nil
	}
	where, ok := t.working[process]
	if !ok {
		return name, args, fmt.Errorf("it is not known where process %s works", process)
	}
	switch name {
	case "symlink":
		return at, []string{args[0], where, args[1]}, nil
	case "rename", "link":
		return at, []string{where, args[0], where, args[1]}, nil
	}
	return at, append([]string{where}, args...), nil
}

// call notes one call that succeeded. One that is not understood must not be left out.
func (t *tracer) call(name string, args []string) error {
	switch name {
	case "openat":
		if !strings.Contains(args[2], "O_CREAT") {
			return nil
		}
		path, err := at(args[0], args[1])
		if err != nil {
			return err
		}
		mode, err := strconv.ParseUint(args[3], 8, 32)
		t.note(step{kind: "create", path: path, mode: fs.FileMode(mode), fresh: strings.Contains(args[2], "O_EXCL")})
		if strings.Contains(args[2], "O_TRUNC") {
			t.note(step{kind: "cut", path: path})
		}
		return err
	case "write":
		path, err := descriptor(args[0])
		if err != nil || !t.counts(path) {
			return err
		}
		data, err := quoted(args[1])
		t.note(step{kind: "write", path: path, data: []byte(data)})
		return err
	case "ftruncate":
		path, err := descriptor(args[0])
		size, sizeErr := strconv.ParseInt(args[1], 10, 64)
		if err == nil {
			err = sizeErr
		}
		t.note(step{kind: "cut", path: path, size: size})
		return err
	case "fchmod":
		path, err := descriptor(args[0])
		mode, modeErr := strconv.ParseUint(args[1], 8, 32)
		if err == nil {
			err = modeErr
		}
		t.note(step{kind: "mode", path: path, mode: fs.FileMode(mode)})
		return err
	case "sendfile":
		path, err := descriptor(args[0])
		if err != nil || t.counts(path) {
			return fmt.Errorf("what was sent to %s is not known: %w", path, err)
		}
		return nil
	case "fsync", "fdatasync":
		path, err := descriptor(args[0])
		t.note(step{kind: "sync", path: path})
		return err
	}
	return t.named(name, args)
}

// named notes a call that is about names.
func (t *tracer) named(name string, args []string) error {
	switch name {
	case "renameat", "renameat2", "linkat":
		from, err := at(args[0], args[1])
		to, toErr := at(args[2], args[3])
		if err == nil {
			err = toErr
		}
		kind := "rename"
		if name == "linkat" {
			kind = "name"
		}
		t.note(step{kind: kind, path: from, to: to})
		return err
	case "unlinkat":
		path, err := at(args[0], args[1])
		t.note(step{kind: "remove", path: path})
		return err
	case "mkdirat":
		path, err := at(args[0], args[1])
		mode, modeErr := strconv.ParseUint(args[2], 8, 32)
		if err == nil {
			err = modeErr
		}
		t.note(step{kind: "folder", path: path, mode: fs.FileMode(mode)})
		return err
	case "fchmodat":
		path, err := at(args[0], args[1])
		mode, modeErr := strconv.ParseUint(args[2], 8, 32)
		if err == nil {
			err = modeErr
		}
		t.note(step{kind: "mode", path: path, mode: fs.FileMode(mode)})
		return err
	case "utimensat":
		path, err := at(args[0], args[1])
		if m := traceTime.FindStringSubmatch(strings.Join(args[2:], ", ")); m != nil && err == nil {
			var seconds int64
			seconds, err = strconv.ParseInt(m[1], 10, 64)
			t.note(step{kind: "time", path: path, time: time.Unix(seconds, 0)})
		}
		return err
	case "symlinkat":
		to, err := quoted(args[0])
		path, pathErr := at(args[1], args[2])
		if err == nil {
			err = pathErr
		}
		t.note(step{kind: "link", path: path, to: to})
		return err
	}
	return fmt.Errorf("the call %s is not understood", name)
}

// note keeps a step that counts, and gives the file its number.
func (t *tracer) note(s step) {
	if !t.counts(s.path) {
		return
	}
	s.at = len(t.steps)
	s.file = t.number(s.path)
	if s.kind == "rename" {
		s.into = t.number(filepath.Dir(s.to))
		t.move(s.path, s.to)
	}
	if s.kind == "name" {
		s.into = t.number(filepath.Dir(s.to))
		t.files[s.to] = s.file
	}
	if s.kind == "remove" {
		s.into = t.number(filepath.Dir(s.path))
		delete(t.files, s.path)
	}
	t.steps = append(t.steps, s)
}

func (t *tracer) number(path string) int {
	n, ok := t.files[path]
	if !ok {
		t.given++
		n = t.given
		t.files[path] = n
	}
	return n
}

// move renames a file or folder in the numbers.
func (t *tracer) move(from, to string) {
	moved := map[string]int{}
	for path, n := range t.files {
		if rest, ok := strings.CutPrefix(path, from+"/"); ok {
			moved[to+"/"+rest] = n
			delete(t.files, path)
		}
	}
	moved[to] = t.files[from]
	delete(t.files, from)
	for path, n := range moved {
		t.files[path] = n
	}
}

func (t *tracer) counts(path string) bool {
	return slices.ContainsFunc(t.below, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
}

// at is the path that a name means below a descriptor.
func at(dir, name string) (string, error) {
	path, err := quoted(name)
	if err != nil || filepath.IsAbs(path) {
		return filepath.Clean(path), err
	}
	base, err := descriptor(dir)
	return filepath.Join(base, path), err
}

// descriptor is the path in `8</path>`.
func descriptor(arg string) (string, error) {
	_, path, ok := strings.Cut(arg, "<")
	if !ok || !strings.HasSuffix(path, ">") {
		return "", fmt.Errorf("%s names no file", arg)
	}
	return unhex(strings.TrimSuffix(path, ">"))
}

// quoted is a string, which must be whole.
func quoted(arg string) (string, error) {
	if len(arg) < 2 || arg[0] != '"' || arg[len(arg)-1] != '"' {
		return "", fmt.Errorf("%.40s is no whole string", arg)
	}
	return unhex(arg[1 : len(arg)-1])
}
