package main

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/tools/build"
)

// options of a conversion.
type options struct {
	id       string
	archives bool
}

type counts struct{ packages, versions, yanked int }

// flushEvery is how many lines are held in memory before they go to the disk: a multiple of the width of the log's tiles,
// so that those are written once.
const flushEvery = 64 * 256

func key(name string) string { return manifest.Key(name) }

// convert makes the registry of a file in a folder.
func convert(ctx context.Context, in, dir string, o options) (counts, error) {
	if err := index.CheckRegistryID(o.id); err != nil {
		return counts{}, err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return counts{}, fmt.Errorf("%s is not empty", dir)
	}
	file, err := os.Open(in)
	if err != nil {
		return counts{}, err
	}
	defer file.Close()
	var input io.Reader = file
	if strings.HasSuffix(in, ".gz") {
		if input, err = gzip.NewReader(file); err != nil {
			return counts{}, fmt.Errorf("%s: %w", in, err)
		}
	}
	public := filepath.Join(dir, "public")
	if err := os.MkdirAll(public, 0o755); err != nil {
		return counts{}, err
	}
	c, err := newConverter(o, folder(public), filepath.Dir(in))
	if err != nil {
		return counts{}, err
	}
	if err := c.run(ctx, input); err != nil {
		return c.counts, fmt.Errorf("%s: %w", in, err)
	}
	return c.counts, c.finish()
}

// converter is one conversion.
type converter struct {
	options
	tree    folder
	base    string // what paths in the input are relative to
	author  *throwaway
	log     translog.Verifier
	builder *build.Builder
	pending int                     // lines in the builder's memory
	written map[string]listing.File // what vouching is to name
	counts  counts
}

func newConverter(o options, tree folder, base string) (*converter, error) {
	log, err := translog.GenerateKey(rand.Reader, o.id)
	if err != nil {
		return nil, err
	}
	c := &converter{options: o, tree: tree, base: base, log: log.Verifier(), written: map[string]listing.File{}}
	if c.author, err = newThrowaway(o.id); err != nil {
		return nil, err
	}
	if c.builder, err = build.New(o.id, tree, 0, log); err != nil {
		return nil, err
	}
	return c, c.add(c.author.first)
}

// job is a package on its way: read, then signed by one of the workers, then added to the tree in the order of the input.
type job struct {
	versions []*neutral
	lines    chan []stamped
}

// run reads, signs on all cores, and builds, all at once. At most a few dozen packages are on their way.
func (c *converter) run(ctx context.Context, in io.Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	work, ordered := make(chan *job), make(chan *job, 16*workers)
	group.Go(func() error {
		defer close(work)
		defer close(ordered)
		return readPackages(in, func(versions []*neutral) error {
			j := &job{versions, make(chan []stamped, 1)}
			return errors.Join(send(ctx, ordered, j), send(ctx, work, j))
		})
	})
	for range workers {
		w := &worker{throwaway: c.author, reader: newReader()}
		if c.archives {
			w.packer = &packer{base: c.base, tree: c.tree}
		}
		group.Go(func() error {
			for j := range work {
				lines, err := w.lines(j.versions)
				if err != nil {
					return err
				}
				j.lines <- lines
			}
			return nil
		})
	}
	group.Go(func() error { return c.collect(ctx, ordered) })
	return group.Wait()
}

func send(ctx context.Context, to chan<- *job, j *job) error {
	select {
	case to <- j:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// collect adds the signed packages to the tree in the order of the input.
func (c *converter) collect(ctx context.Context, ordered <-chan *job) error {
	for j := range ordered {
		select {
		case lines := <-j.lines:
			for _, s := range lines {
				if err := c.add(s); err != nil {
					return err
				}
			}
			c.counts.packages++
			c.counts.versions += len(j.versions)
			c.counts.yanked += len(lines) - len(j.versions)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (c *converter) add(s stamped) error {
	if err := c.builder.Append(s.line, s.at); err != nil {
		return err
	}
	c.pending++
	// The bundles beside archives are made from all releases at the end.
	if c.pending < flushEvery || c.archives {
		return nil
	}
	c.pending = 0
	return c.builder.Flush(c.write)
}

// write writes a file of the tree, and notes what it is.
func (c *converter) write(name string, data []byte) error {
	if index.IsListed(name) || build.IsTarget(name) {
		c.written[name] = listing.FileOf(data)
	}
	return c.tree.write(name, data)
}

// finish writes what is left, and last the configuration: without it the folder is no registry.
func (c *converter) finish() error {
	out, err := c.builder.Finish()
	if err != nil {
		return err
	}
	for name, data := range out.Files {
		if err := c.write(name, data); err != nil {
			return err
		}
	}
	if c.archives {
		for _, r := range out.Releases {
			bundle, err := out.Bundle(r)
			if err != nil {
				return err
			}
			if err := c.tree.write(index.ArchivePath(r.Name, r.Line.Version())+sign.BundleSuffix, bundle); err != nil {
				return err
			}
		}
	}
	if err := c.tree.write(index.AccessPath, []byte("[access]\nread_public = true\nwrite_requires_auth = true\n")); err != nil {
		return err
	}
	if err := c.write(index.ConfigPath, fmt.Appendf(nil, "id = %q\nname = %q\nformat = 1\n", c.id, c.id)); err != nil {
		return err
	}
	return c.vouch()
}

// folder is a published tree on disk.
type folder string

// ReadFile returns a file of the tree.
func (f folder) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(name)))
}

func (f folder) write(name string, data []byte) error {
	path := filepath.Join(string(f), filepath.FromSlash(name))
	err := os.WriteFile(path, data, 0o644)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
