package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// tool is a package manager with a home, a cache and a project of its own:
//
//	DIR/home       what it finds as the user's home folder
//	DIR/cache      all that it keeps between runs: without it, it is as on the first day
//	DIR/project    the project, with the files below
type tool struct {
	name, program string
	peer          bool
	dir           string
	env           []string
	files         map[string]string // of the project, by path

	install, frozen, again []string // arguments: without a lock, with a lock that must not change, with nothing to do
	lock                   []string // paths in the project: what a lock consists of
	output                 []string // paths in the project: what an install makes there
	only                   []string // ways of installing that it is run for; nil means all
	installed              string   // a pattern of the folders that the payload is below, "" where it is not unpacked
	check                  func() error
}

// newTool returns a tool with an environment that nothing of this user's own reaches into.
func (b *bench) newTool(name, program string) *tool {
	t := &tool{name: name, program: program, dir: b.path("run", strings.ReplaceAll(name, " ", "-"))}
	t.env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C", "NO_COLOR=1", "HOME=" + t.path("home"), "USERPROFILE=" + t.path("home"),
		"XDG_CONFIG_HOME=" + t.path("home", "config"), "XDG_CACHE_HOME=" + t.path("cache", "xdg"),
		"XDG_DATA_HOME=" + t.path("cache", "data"), "XDG_STATE_HOME=" + t.path("cache", "state"),
	}
	return t
}

func (t *tool) path(parts ...string) string {
	return filepath.Join(append([]string{t.dir}, parts...)...)
}

// begin makes the tool's folders anew.
func (t *tool) begin() error {
	if err := removeAll(t.dir); err != nil {
		return err
	}
	for _, sub := range []string{"home", "cache", "project", "saved"} {
		if err := os.MkdirAll(t.path(sub), 0o755); err != nil {
			return err
		}
	}
	return t.writeFiles()
}

func (t *tool) writeFiles() error {
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		path := t.path("project", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(t.files[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// command is a run of the tool in its project.
func (t *tool) command(args ...string) measure.Command {
	return measure.Command{Dir: t.path("project"), Env: t.env, Args: append([]string{t.program}, args...), Scratch: t.dir}
}

// run runs the tool once, unmeasured.
func (t *tool) run(ctx context.Context, args ...string) error {
	_, err := measure.Run(ctx, t.command(args...))
	return err
}

// clearCache takes away what the tool has kept.
func (t *tool) clearCache() error {
	return errors.Join(removeAll(t.path("cache")), os.MkdirAll(t.path("cache"), 0o755))
}

// clearOutput takes away what an install has made in the project.
func (t *tool) clearOutput() error { return t.remove(t.output) }

// clearLock takes the lock away, and what it is known to be right by.
func (t *tool) clearLock() error { return errors.Join(t.remove(t.lock), t.writeFiles()) }

func (t *tool) remove(names []string) error {
	var err error
	for _, name := range names {
		err = errors.Join(err, removeAll(t.path("project", name)))
	}
	return err
}

// saveLock keeps the lock; restoreLock puts it back.
func (t *tool) saveLock() error    { return t.copyLock("project", "saved") }
func (t *tool) restoreLock() error { return t.copyLock("saved", "project") }

func (t *tool) copyLock(from, to string) error {
	for _, name := range t.lock {
		data, err := os.ReadFile(t.path(from, name))
		if err != nil {
			return err
		}
		if now, err := os.ReadFile(t.path(to, name)); err == nil && bytes.Equal(now, data) {
			continue // a lock with another time is another lock to some
		}
		if err := os.WriteFile(t.path(to, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tally counts the files of a payload and their bytes, below the folders that a pattern matches.
func tally(pattern string) (files int, bytes int64, err error) {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return 0, 0, err
	}
	for _, dir := range dirs {
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return files, bytes, err
		}
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !isPayload(path, entry) {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				files++
				bytes += info.Size()
			}
			return err
		})
		if err != nil {
			return files, bytes, err
		}
	}
	return files, bytes, nil
}

func isPayload(path string, entry fs.DirEntry) bool {
	return entry.Type().IsRegular() && strings.HasSuffix(path, ".gal")
}

// look finds a program on PATH that is wanted, and notes its version; "" where there is none.
func (b *bench) look(ctx context.Context, name string, version ...string) (string, error) {
	if !b.wants(name) {
		return "", nil
	}
	program, err := exec.LookPath(name)
	if err != nil {
		return "", nil
	}
	if program, err = b.real(ctx, name, program); err != nil {
		return "", err
	}
	return program, b.note(ctx, name, program, version...)
}

// real finds the program behind a front of rustup, which takes as long to start as the program itself.
func (b *bench) real(ctx context.Context, name, program string) (string, error) {
	if name != "cargo" {
		return program, nil
	}
	rustup, err := exec.LookPath("rustup")
	if err != nil {
		return program, nil
	}
	out, err := exec.CommandContext(ctx, rustup, "which", "cargo").Output()
	if err != nil {
		return "", fmt.Errorf("rustup which cargo: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// note notes the version of a program, once.
func (b *bench) note(ctx context.Context, name, program string, version ...string) error {
	if b.report.Tools[name] != "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, program, version...).CombinedOutput() // nginx says it on its standard error
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", program, err)
	}
	b.report.Tools[name] = strings.TrimSpace(string(out))
	b.report.say("%s: %s", program, b.report.Tools[name])
	return nil
}
