package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/nginx"
	"github.com/geeknik/gal-pkg/tools/bench/operator"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
	"github.com/geeknik/gal-pkg/tools/bench/world"
)

// estate is a registry of some size with those who read it. A reader of which the program is missing is nil.
type estate struct {
	*operator.Operator
	size                          int
	static, git, front, gitItself *tool
	published                     int // rounds of publishing
}

// all makes the registries of all sizes, and their readers; once.
func (b *bench) all(ctx context.Context, u *universe.Universe) error {
	if b.estates != nil {
		return nil
	}
	sizes := []int{1_000, 10_000, 100_000}
	if b.small {
		sizes = []int{100, 500}
	}
	registry, err := b.build(ctx, "cmd/gal-registry")
	if err != nil {
		return err
	}
	roots := map[string]string{}
	for _, size := range sizes {
		o, err := b.found(ctx, u, size)
		if err != nil {
			return err
		}
		b.estates = append(b.estates, &estate{Operator: o, size: size})
		roots[galName(size)] = o.Public()
		// What is old is signed anew, so that no reader calls it stale.
		if out, err := exec.CommandContext(ctx, registry, "build", "-q", o.Dir).CombinedOutput(); err != nil {
			return fmt.Errorf("building: %w\n%s", err, out)
		}
	}
	if err := b.openFront(ctx, roots); err != nil {
		return err
	}
	for _, e := range b.estates {
		if err := b.readers(ctx, u, e); err != nil {
			return err
		}
	}
	return nil
}

func galName(size int) string { return fmt.Sprintf("gal-%d", size) }

// openFront starts a real web server, where there is one.
func (b *bench) openFront(ctx context.Context, roots map[string]string) error {
	program, err := exec.LookPath("nginx")
	if err != nil || !b.wants("nginx") {
		b.report.say("nginx: not measured, it is not there or not wanted")
		return nil
	}
	dir := b.path("run", "nginx")
	if err := errors.Join(removeAll(dir), os.MkdirAll(filepath.Join(dir, "temp"), 0o755)); err != nil {
		return err
	}
	b.front, err = nginx.Start(ctx, program, dir, roots)
	return errors.Join(err, b.note(ctx, "nginx", program, "-v"))
}

// readers makes what reads a registry.
func (b *bench) readers(ctx context.Context, u *universe.Universe, e *estate) (err error) {
	name := galName(e.size)
	if e.static, err = newGal(ctx, b, name, b.host.Add(name, e.Public()), u.Root()); err != nil {
		return err
	}
	if b.front != nil {
		if e.front, err = newGal(ctx, b, name+"-nginx", b.front.URL+"/"+name, u.Root(), "SSL_CERT_FILE="+b.front.CA); err != nil {
			return err
		}
	}
	program, err := b.look(ctx, "git", "version")
	if program == "" || err != nil {
		b.report.say("git: not measured, it is not there or not wanted")
		return err
	}
	handler, err := githttp.Handler(e.Repository(), githttp.Options{})
	if err != nil {
		return err
	}
	url := b.host.Handle(fmt.Sprintf("git-%d", e.size), handler)
	if e.git, err = newGal(ctx, b, name+"-git", "git+"+url, u.Root()); err != nil {
		return err
	}
	e.gitItself, err = newGit(b, name, program, url, u)
	return err
}

// found makes a registry of some size that holds a universe, without archives, among others, or opens the one that was
// made before: it has a few versions more then.
func (b *bench) found(ctx context.Context, u *universe.Universe, size int) (*operator.Operator, error) {
	var names []string
	for _, p := range u.Packages {
		names = append(names, p.Name)
	}
	key := fmt.Sprintf("1 %d %+v", seed, u.Shape) // 1 is to be changed with what the code makes of these
	dir, err := b.once(fmt.Sprintf("registry-%d", size), key, func(dir string) error {
		others := size - len(u.Packages)
		w := world.New(seed, world.Shape{Packages: others, Versions: 10 * others, Taken: names})
		err := operator.Found(ctx, dir, func(yield func(graph.Package) bool) {
			for i := range size {
				p := graph.Package{}
				if i < len(u.Packages) {
					p = u.Graph(i)
				} else {
					p = w.Package(i - len(u.Packages))
				}
				if !yield(p) {
					return
				}
			}
		})
		return errors.Join(err, tidy(ctx, filepath.Join(dir, "registry", "index.git")))
	})
	if err != nil {
		return nil, err
	}
	return operator.Open(dir)
}

// tidy packs a repository as its operator does now and then, where git is there.
func tidy(ctx context.Context, repository string) error {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil
	}
	out, err := exec.CommandContext(ctx, program, "-C", repository, "gc", "--quiet").CombinedOutput()
	if err != nil {
		return fmt.Errorf("git gc: %w\n%s", err, out)
	}
	return nil
}
