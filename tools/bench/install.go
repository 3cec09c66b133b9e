package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/tools/bench/universe"
)

// way is one way of installing.
type way struct {
	name, title         string
	cold, locked, empty bool
}

func ways() []way {
	return []way{
		{"s1", "cold cache, no lock", true, false, true},
		{"s2", "cold cache, lock", true, true, true},
		{"s3", "warm cache, lock, empty project", false, true, true},
		{"s4", "nothing to do", false, true, false},
		{"s5", "warm cache, no lock, empty project", false, false, true},
	}
}

// far is how long a server waits that is not near.
const far = 30 * time.Millisecond

func (b *bench) install(ctx context.Context) error {
	tools, err := b.installers(ctx)
	if err != nil {
		return err
	}
	for _, w := range ways() {
		if err := b.installing(ctx, w, w.title, tools); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) latency(ctx context.Context) error {
	tools, err := b.installers(ctx)
	if err != nil {
		return err
	}
	defer b.host.Delay(0)
	for _, w := range ways() {
		if w.name == "s3" || w.name == "s4" {
			continue // they ask nothing
		}
		b.host.Delay(far)
		if err := b.installing(ctx, w, fmt.Sprintf("%s, %s a request", w.title, far), tools); err != nil {
			return err
		}
	}
	return nil
}

// installing races the tools at one way of installing.
func (b *bench) installing(ctx context.Context, w way, title string, tools []*tool) error {
	var contestants []contestant
	for _, t := range tools {
		if t.only != nil && !slices.Contains(t.only, w.name) {
			continue
		}
		args := t.install
		switch {
		case !w.empty:
			args = t.again
		case w.locked:
			args = t.frozen
		}
		prepare := func(context.Context) error { return t.ready(w) }
		contestants = append(contestants, contestant{name: t.name, base: t.peer, prepare: prepare, command: t.command(args...), check: t.check})
	}
	return b.race(ctx, w.name+": "+title, b.rounds, contestants)
}

// ready puts a project that was installed once into the state that a way of installing begins with.
func (t *tool) ready(w way) error {
	if w.cold {
		if err := t.clearCache(); err != nil {
			return err
		}
	}
	if w.empty {
		if err := t.clearOutput(); err != nil {
			return err
		}
	}
	if !w.locked {
		return t.clearLock()
	}
	return t.restoreLock()
}

// installers makes the universe and the tools, and installs once with each.
func (b *bench) installers(ctx context.Context) ([]*tool, error) {
	shape := universe.Full()
	if b.small {
		shape = universe.Small()
	}
	u := universe.New(seed, shape)
	urls, err := b.serveUniverse(ctx, u)
	if err != nil {
		return nil, err
	}
	tools, err := b.galInstallers(ctx, u, urls["gal"])
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		form, installed string
		make            manager
	}{
		{universe.NPMDir, "project/node_modules", newBun},
		{universe.NPMDir, "project/node_modules/.pnpm", newPnpm},
		{universe.NPMDir, "project/node_modules", newNPM},
		{universe.CargoDir, "cache/cargo/registry/src", newCargo},
		{universe.GoDir, "cache/mod/bench.test", newGo},
	} {
		t, err := m.make(ctx, b, urls[m.form], u.Root())
		if err != nil {
			return nil, err
		}
		if t != nil {
			t.unpacks(u, m.installed)
			tools = append(tools, t)
		}
	}
	for _, t := range tools {
		if err := errors.Join(t.run(ctx, t.install...), t.saveLock()); err != nil {
			return nil, fmt.Errorf("the first install of %s: %w", t.name, err)
		}
	}
	return tools, nil
}

// serveUniverse renders a universe and serves it; it returns the URLs by the form.
func (b *bench) serveUniverse(ctx context.Context, u *universe.Universe) (map[string]string, error) {
	key := fmt.Sprintf("1 %d %+v", seed, u.Shape) // 1 is to be changed with what the code makes of these
	name := fmt.Sprintf("universe-%d", u.Shape.Packages)
	dir, err := b.once(name, key, u.Render)
	if err != nil {
		return nil, err
	}
	public, err := b.registry(ctx, name+"-gal", key, filepath.Join(dir, universe.NeutralDir, "packages.jsonl"), "--archives")
	if err != nil {
		return nil, err
	}
	urls := map[string]string{"gal": b.host.Add("gal", public)}
	for _, form := range []string{universe.NPMDir, universe.CargoDir, universe.GoDir} {
		urls[form] = b.host.Add(form, filepath.Join(dir, form))
	}
	return urls, nil
}

// galInstallers are gal-pkg as it is, its fetch, which downloads and verifies and unpacks nothing, and gal-pkg told to
// look at the sizes of files that it has unpacked before instead of reading them.
func (b *bench) galInstallers(ctx context.Context, u *universe.Universe, url string) ([]*tool, error) {
	t, err := newGal(ctx, b, "gal-pkg", url, u.Root())
	if err != nil {
		return nil, err
	}
	if err := b.note(ctx, "gal-pkg", b.gal, "--version"); err != nil {
		return nil, err
	}
	t.unpacks(u, "project/.gal/packages/*")
	fetch, err := newGal(ctx, b, "gal-pkg fetch", url, u.Root())
	if err != nil {
		return nil, err
	}
	fetch.install, fetch.frozen = []string{"fetch", "-q"}, []string{"fetch", "-q", "--locked"}
	fetch.only = []string{"s1", "s2"}
	fetch.check = func() error { return archives(u, fetch.path("cache", "gal", "blobs", "sha256", "*", "*")) }
	stat, err := newGal(ctx, b, "gal-pkg stat", url, u.Root())
	if err != nil {
		return nil, err
	}
	stat.only = []string{"s3"}
	stat.unpacks(u, "project/.gal/packages/*")
	return []*tool{t, fetch, stat}, stat.run(ctx, "config", "set", "store.verify", "stat")
}

// unpacks says where an install must leave a universe's payload.
func (t *tool) unpacks(u *universe.Universe, pattern string) {
	t.installed = t.path(filepath.FromSlash(pattern))
	t.check = whole(u, t.installed)
}

// whole checks that all of a universe's payload is below the folders that a pattern matches.
func whole(u *universe.Universe, pattern string) func() error {
	wantFiles, wantBytes := u.Payload()
	return func() error {
		files, bytes, err := tally(pattern)
		if err == nil && (files != wantFiles || bytes != wantBytes) {
			err = fmt.Errorf("%d files of %d bytes are below %s, want %d of %d", files, bytes, pattern, wantFiles, wantBytes)
		}
		return err
	}
}

// archives checks that there is an archive for every package of a universe.
func archives(u *universe.Universe, pattern string) error {
	found, err := filepath.Glob(pattern)
	if err == nil && len(found) != len(u.Packages) {
		err = fmt.Errorf("%d archives are below %s, want %d", len(found), pattern, len(u.Packages))
	}
	return err
}
