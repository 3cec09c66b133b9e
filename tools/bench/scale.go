package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/geeknik/gal-pkg/tools/bench/measure"
	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

// Readers of a registry, in the tables.
const (
	overStatic = "static"
	overFront  = "static, nginx"
	overGit    = "git"
	gitItself  = "git itself"
	cargoPeer  = "cargo, sparse"
)

// scale measures what the size of a registry costs a project of 300 packages that are the same in each.
func (b *bench) scale(ctx context.Context) error {
	u := b.universe()
	if err := b.all(ctx, u); err != nil {
		return err
	}
	peers, err := b.cargoes(ctx, u)
	if err != nil {
		return err
	}
	for _, part := range []func() error{
		func() error { return b.firstUse(ctx, u, peers) },
		func() error { return b.loading(ctx, u, "package files, fetched", fetchFiles) },
		func() error { return b.loading(ctx, u, "packages, verified", loadPackages) },
		func() error { return b.refreshing(ctx, peers) },
		func() error { return b.fromAfar(ctx) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) universe() *universe.Universe {
	if b.small {
		return universe.New(seed, universe.Small())
	}
	return universe.New(seed, universe.Full())
}

// entrant enters a reader of one registry into a race; nil where there is no such reader.
func entrant(e *estate, client string, t *tool, b *bench, args ...string) []contestant {
	if t == nil {
		return nil
	}
	c := contestant{name: fmt.Sprintf("%s, %d packages", client, e.size), client: client, size: e.size, command: t.command(args...)}
	if client == overFront {
		c.server = b.front
	}
	return []contestant{c}
}

// each enters every reader with gal-pkg of every registry.
func (b *bench) each(prepare func(e *estate, t *tool) error, args ...string) []contestant {
	var all []contestant
	for _, e := range b.estates {
		for _, r := range []struct {
			client string
			*tool
		}{{overStatic, e.static}, {overFront, e.front}, {overGit, e.git}} {
			for _, c := range entrant(e, r.client, r.tool, b, args...) {
				if prepare != nil {
					c.prepare = func(context.Context) error { return prepare(e, r.tool) }
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// asNew takes away all that a tool knows.
func asNew(_ *estate, t *tool) error {
	return errors.Join(t.clearCache(), t.clearLock(), t.clearOutput())
}

func (b *bench) firstUse(ctx context.Context, u *universe.Universe, peers []contestant) error {
	contestants := append(b.each(asNew, "lock", "-q"), peers...)
	for _, e := range b.estates {
		for _, c := range entrant(e, gitItself, e.gitItself, b) {
			c.command = e.gitItself.command(e.gitItself.install...)
			c.prepare = func(context.Context) error { return asNew(e, e.gitItself) }
			contestants = append(contestants, c)
		}
	}
	return b.race(ctx, fmt.Sprintf("scale: first use, %d packages used", len(u.Packages)), b.rounds, contestants)
}

// cargoes are cargo with an index of the same packages: what it asks for does not depend on how many others there are.
func (b *bench) cargoes(ctx context.Context, u *universe.Universe) ([]contestant, error) {
	dir, err := b.once("cargo-index", fmt.Sprintf("1 %d %+v", seed, u.Shape), func(dir string) error {
		for i := range u.Packages {
			if err := writeCargo(dir, u.Graph(i)); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"dl":%q}`, universe.HostMark+"/nothing"), 0o644)
	})
	if err != nil {
		return nil, err
	}
	t, err := cargoNamed(ctx, b, "cargo-sparse", b.host.Add("cargo-index", dir), u.Root())
	if t == nil || err != nil {
		b.report.say("cargo: not measured, it is not there or not wanted")
		return nil, err
	}
	return []contestant{{
		name: cargoPeer, base: true, client: cargoPeer, command: t.command("generate-lockfile", "--quiet"),
		prepare: func(context.Context) error { return asNew(nil, t) },
	}}, nil
}

// refreshing is a run that finds nothing new. It needs what the first use has left behind.
func (b *bench) refreshing(ctx context.Context, peers []contestant) error {
	again := b.each(nil, "lock", "-q", "--upgrade")
	for _, p := range peers {
		p.prepare = nil
		p.command.Args = []string{p.command.Args[0], "update", "--quiet"}
		again = append(again, p)
	}
	return b.race(ctx, "scale: refresh, nothing new", b.rounds, again)
}

// fromAfar leaves the peers out: cargo asks for two files at a time.
func (b *bench) fromAfar(ctx context.Context) error {
	b.host.Delay(far)
	defer b.host.Delay(0)
	var near []contestant
	for _, c := range b.each(asNew, "lock", "-q") {
		if c.server == nil {
			near = append(near, c)
		}
	}
	return b.race(ctx, fmt.Sprintf("scale: first use, %s a request", far), b.rounds, near)
}

// find measures what needs nobody, choosing versions and searching, and the first search, which reads the catalogue.
func (b *bench) find(ctx context.Context) error {
	u := b.universe()
	if err := b.all(ctx, u); err != nil {
		return err
	}
	for _, e := range b.estates {
		if err := e.static.run(ctx, "lock", "-q"); err != nil {
			return err
		}
	}
	word := u.Packages[len(u.Packages)/2].Name
	forget := func(_ *estate, t *tool) error { return t.clearCache() }
	unlock := func(_ *estate, t *tool) error { return t.clearLock() }
	for _, m := range []struct {
		title   string
		clients []string
		prepare func(*estate, *tool) error
		args    []string
	}{
		{"lock, offline", []string{overStatic}, unlock, []string{"lock", "-q", "--offline"}},
		{"first search", []string{overStatic, overFront}, forget, []string{"search", word}},
		{"search, offline", []string{overStatic}, nil, []string{"search", "--offline", word}},
		{"search of a slip, offline", []string{overStatic}, nil, []string{"search", "--offline", word[1:] + "q"}},
		{"search of what is in every third package, offline", []string{overStatic}, nil, []string{"search", "--offline", "ba"}},
	} {
		list := slices.DeleteFunc(b.each(m.prepare, m.args...), func(c contestant) bool { return !slices.Contains(m.clients, c.client) })
		if err := b.race(ctx, "find: "+m.title, b.rounds, list); err != nil {
			return err
		}
	}
	return nil
}

// loading is reading the 300 packages in this process, in one of two ways: no start of a program, no choice of versions, no
// file written but for the cache.
func (b *bench) loading(ctx context.Context, u *universe.Universe, what string, read reading) error {
	var names []string
	for _, p := range u.Packages {
		names = append(names, p.Name)
	}
	t := table{Title: fmt.Sprintf("scale: %d %s", len(names), what), Before: load()}
	for _, e := range b.estates {
		t.Rows = append(t.Rows, row{Name: fmt.Sprintf("in process, %d packages", e.size), Client: "in process", Size: e.size})
	}
	for round := range b.rounds + 1 {
		for i, e := range b.estates {
			dir := b.path("run", "loading")
			if err := removeAll(dir); err != nil {
				return err
			}
			b.host.Reset()
			wall, err := loadOnce(ctx, b.host.URL+"/"+galName(e.size), dir, names, read)
			if err != nil {
				return err
			}
			if counts := b.host.Reset(); round > 0 {
				t.Rows[i].Samples = append(t.Rows[i].Samples, measure.Sample{Wall: wall.Seconds()})
				t.Rows[i].Counts = append(t.Rows[i].Counts, counts)
			}
		}
	}
	t.After = load()
	return b.report.add(t)
}
