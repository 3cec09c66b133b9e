package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/tools/bench/measure"
)

// flipping is what a tool makes of one flipped bit in an unpacked file that it keeps.
type flipping struct {
	Tool    string `json:"tool"`
	Exit    int    `json:"exit"` // of the install after it
	Outcome string `json:"outcome"`
	Words   string `json:"words"`
}

// What may become of a flipped bit.
const (
	flipError  = "an error"
	flipUsed   = "used as it is"
	flipHealed = "made anew"
	flipNone   = "no unpacked files are kept"
)

// flip installs with every tool, flips one bit of what it has unpacked, leaves the file its time, and installs once more
// into an empty project.
func (b *bench) flip(ctx context.Context) error {
	tools, err := b.installers(ctx)
	if err != nil {
		return err
	}
	b.report.say("\nflip: one bit of an unpacked file, whose time stays, and another install\n")
	for _, t := range tools {
		if t.installed == "" {
			continue
		}
		f, err := t.flipOnce(ctx)
		if err != nil {
			return fmt.Errorf("flipping a bit for %s: %w", t.name, err)
		}
		b.report.Flips = append(b.report.Flips, f)
		b.report.say("%s, exit %d: %s\n%s", f.Tool, f.Exit, f.Outcome, indent(f.Words))
	}
	return nil
}

func (t *tool) flipOnce(ctx context.Context) (flipping, error) {
	f := flipping{Tool: t.name}
	name, err := t.payload()
	if err != nil {
		return f, err
	}
	before, err := flipBit(name)
	if err != nil {
		return f, err
	}
	kept, err := below(t.path("cache"), name)
	if err != nil {
		return f, err
	}
	if err := t.clearOutput(); err != nil {
		return f, err
	}
	aloud := slices.DeleteFunc(slices.Clone(t.frozen), func(arg string) bool { return arg == "-q" || arg == "--quiet" })
	if _, f.Exit, err = measure.Try(ctx, t.command(aloud...)); err != nil {
		return f, err
	}
	if f.Words, err = measure.Printed(t.dir); err != nil {
		return f, err
	}
	now, err := os.ReadFile(name)
	switch {
	case f.Exit != 0:
		f.Outcome = flipError
	case err != nil:
		return f, err
	case !bytes.Equal(now, before):
		f.Outcome = flipUsed
	case kept:
		f.Outcome = flipHealed
	default:
		f.Outcome = flipNone
	}
	return f, t.clearCache()
}

// payload returns a file of the payload as the project has it, which may be in the tool's cache.
func (t *tool) payload() (name string, err error) {
	dirs, err := filepath.Glob(t.installed)
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return "", err
		}
		err = filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !isPayload(path, entry) {
				return err
			}
			name = dir + strings.TrimPrefix(path, real)
			return fs.SkipAll
		})
		if name != "" || err != nil {
			return name, err
		}
	}
	return "", errors.Join(err, fmt.Errorf("no payload is below %s", t.installed))
}

// flipBit flips one bit in the middle of a file, and returns what was in it before.
func flipBit(name string) (before []byte, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if before, err = os.ReadFile(name); err != nil {
		return nil, err
	}
	now := bytes.Clone(before)
	now[len(now)/2] ^= 1
	return before, errors.Join(os.Chmod(name, 0o644), os.WriteFile(name, now, 0o644), os.Chmod(name, info.Mode()), os.Chtimes(name, info.ModTime(), info.ModTime()))
}

// below reports whether a file is in a folder too, under whatever name.
func below(dir, name string) (found bool, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return false, err
	}
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		other, err := entry.Info()
		if err != nil || !os.SameFile(info, other) {
			return err
		}
		found = true
		return fs.SkipAll
	})
	return found, err
}
