package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/tools/bench/host"
	"github.com/geeknik/gal-pkg/tools/bench/nginx"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

// seed of everything that is made. Figures of different seeds are not for comparison.
const seed = 20261122

// bench is what scenarios run with.
type bench struct {
	options
	gal       string // the program that is measured
	fromJSONL string // the program that makes registries
	host      *host.Server
	report    *report

	estates []*estate // of scale and what follows; nil before
	front   *nginx.Server
}

func newBench(ctx context.Context, o options, out io.Writer) (*bench, error) {
	b := &bench{options: o, gal: o.gal, report: newReport(out)}
	if err := os.MkdirAll(b.path("bin"), 0o755); err != nil {
		return nil, err
	}
	var err error
	if b.fromJSONL, err = b.build(ctx, "tools/fromjsonl"); err != nil {
		return nil, err
	}
	if b.gal == "" {
		if b.gal, err = b.build(ctx, "cmd/gal-pkg"); err != nil {
			return nil, err
		}
	}
	if b.gal, err = filepath.Abs(b.gal); err != nil {
		return nil, err
	}
	b.host, err = host.Serve(universe.HostMark)
	return b, err
}

func (b *bench) close() error {
	errs := []error{b.host.Close()}
	for _, e := range b.estates {
		errs = append(errs, e.Close())
	}
	if b.front != nil {
		errs = append(errs, b.front.Close())
	}
	return errors.Join(errs...)
}

// path is a path below the folder to work in.
func (b *bench) path(parts ...string) string {
	return filepath.Join(append([]string{b.work}, parts...)...)
}

// build builds a program of this module as releases are built, and without the state of the repository in it: the same
// sources give the same bytes, which is how what it has made is known to be up to date.
func (b *bench) build(ctx context.Context, pkg string) (string, error) {
	program := b.path("bin", filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, "github.com/geeknik/gal-pkg/"+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return program, nil
}

// once makes a folder below the folder to work in, unless it is there already and was made for the same key.
func (b *bench) once(name, key string, make func(dir string) error) (string, error) {
	dir, mark := b.path(name), b.path(name+".made")
	if made, err := os.ReadFile(mark); err == nil && string(made) == key {
		return dir, nil
	}
	b.report.say("making %s", dir)
	err := os.Remove(mark)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, removeAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", err
	}
	if err := make(dir); err != nil {
		return "", fmt.Errorf("making %s: %w", dir, err)
	}
	return dir, os.WriteFile(mark, []byte(key), 0o644)
}

// registry makes a GAL registry of neutral lines and returns the folder that is served. The key is that of the lines.
func (b *bench) registry(ctx context.Context, name, key, lines string, flags ...string) (string, error) {
	program, err := os.ReadFile(b.fromJSONL)
	if err != nil {
		return "", err
	}
	key = fmt.Sprintf("%s by %x %q", key, sha256.Sum256(program), flags)
	dir, err := b.once(name, key, func(dir string) error {
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, b.fromJSONL, slices.Concat(flags, []string{"--id", "bench.invalid", lines, dir})...)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w\n%s", err, out.Bytes())
		}
		return nil
	})
	return filepath.Join(dir, "public"), err
}

// wants reports whether a package manager is to be run.
func (b *bench) wants(name string) bool { return len(b.tools) == 0 || slices.Contains(b.tools, name) }

// removeAll removes a folder, also one whose folders are read-only, as those of caches are.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(dir))
}
