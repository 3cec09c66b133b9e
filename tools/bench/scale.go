package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/geeknik/gal-pkg/tools/bench/graph"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
	"github.com/geeknik/gal-pkg/tools/bench/world"
)

// sized is a registry of some size, with a gal-pkg that knows it.
type sized struct {
	*tool
	size int
}

// scale measures what the size of a registry costs a project of 300 packages that are the same in each.
func (b *bench) scale(ctx context.Context) error {
	shape, sizes := universe.Full(), []int{1_000, 10_000, 100_000}
	if b.small {
		shape, sizes = universe.Small(), []int{100, 1_000}
	}
	u := universe.New(seed, shape)
	var registries []sized
	for _, size := range sizes {
		public, err := b.renderAmong(ctx, u, size)
		if err != nil {
			return err
		}
		t, err := newGal(ctx, b, fmt.Sprintf("gal-pkg of %d", size), b.host.Add(fmt.Sprintf("gal-%d", size), public), u.Root())
		if err != nil {
			return err
		}
		registries = append(registries, sized{t, size})
	}
	return b.scaling(ctx, u, registries)
}

func (b *bench) scaling(ctx context.Context, u *universe.Universe, registries []sized) error {
	word := u.Packages[len(u.Packages)/2].Name
	for _, m := range []struct {
		title   string
		prepare func(*tool) error
		args    []string
	}{
		{"first use", func(t *tool) error { return errors.Join(t.clearCache(), t.clearLock(), t.clearOutput()) }, []string{"lock", "-q"}},
		{"refresh, nothing new", nil, []string{"lock", "-q", "--upgrade"}},
		{"first search", (*tool).clearCache, []string{"search", word}},
		{"search, offline", nil, []string{"search", "--offline", word}},
	} {
		var contestants []contestant
		for i, r := range registries {
			c := contestant{name: fmt.Sprintf("%d packages", r.size), base: i == 0, command: r.command(m.args...)}
			if m.prepare != nil {
				c.prepare = func(context.Context) error { return m.prepare(r.tool) }
			}
			contestants = append(contestants, c)
		}
		if err := b.race(ctx, fmt.Sprintf("scale: %s, %d packages used", m.title, len(u.Packages)), b.rounds, contestants); err != nil {
			return err
		}
	}
	return nil
}

// renderAmong makes a GAL registry of some size that holds a universe, without archives, among others.
func (b *bench) renderAmong(ctx context.Context, u *universe.Universe, size int) (public string, err error) {
	var names []string
	for _, p := range u.Packages {
		names = append(names, p.Name)
	}
	name, key := fmt.Sprintf("among-%d", size), fmt.Sprintf("1 %d %+v", seed, u.Shape) // 1 is to be changed with what the code makes of these
	dir, err := b.once(name, key, func(dir string) error {
		others := size - len(u.Packages)
		w := world.New(seed, world.Shape{Packages: others, Versions: 10 * others, Taken: names})
		return writeLines(filepath.Join(dir, "packages.jsonl"), size, func(i int) graph.Package {
			if i < len(u.Packages) {
				return u.Graph(i)
			}
			return w.Package(i - len(u.Packages))
		})
	})
	if err != nil {
		return "", err
	}
	return b.registry(ctx, name+"-gal", key, filepath.Join(dir, "packages.jsonl"))
}
