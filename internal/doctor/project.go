package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/internal/cmdline"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/project"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

func noEvents() fetch.Events { return fetch.Events{} }

// Project looks at the project of a manifest: whether gal.toml and gal.lock are sound and in step, and whether what is locked
// is there; whether it would come from where it is locked; and what the registries that were looked at before say of it.
// Bytes are not hashed; gal-pkg verify does that.
func (r *Report) Project(ctx context.Context, set *remote.Set, file, cacheDir string) {
	a := r.area("project")
	p, err := project.OpenFile(file)
	if err != nil {
		a.failed(err, "gal-pkg check")
		return
	}
	a.ok("%s: %s", file, cmdline.Plural(len(p.Members), "package"))
	if n := len(p.Current.Manifest.Warnings); n > 0 {
		a.warn("gal-pkg check", "%s in gal.toml", cmdline.Plural(n, "warning"))
	}
	if text := p.HalfWritten(); text != "" {
		a.warn(p.MendLock(), "%s", text)
	}
	a.lock(p)
	if p.Lock == nil {
		return
	}
	if err := p.CheckRegistries(ctx, set); fault.IsCode(err, "lock-registry") {
		a.failed(err, "")
	} else if err != nil {
		a.warn("", "whether packages come from where gal.lock has them was not looked at: %v", err)
	}
	a.store(p, cacheDir)
	a.links(p)
	for _, registry := range r.opened {
		a.advice(ctx, p, registry)
	}
}

// advice tells of what is in use and should not be.
func (a area) advice(ctx context.Context, p *project.Project, r *remote.Registry) {
	advice, err := p.AdviceOf(ctx, r)
	if fault.KindOf(err) == fault.Integrity {
		a.failed(err, "gal-pkg verify")
	} else if err != nil {
		a.warn("gal-pkg verify", "what %s has yanked and deprecated was not looked at: %v", r.ID(), err)
	}
	for _, y := range advice.Yanked {
		a.warn("gal-pkg update "+y.Name, "%s", y)
	}
	for _, d := range advice.Deprecated {
		a.warn("gal-pkg why "+d.Name+"           # who asks for it", "%s", d)
	}
}

func (a area) lock(p *project.Project) {
	findings := p.CheckLock()
	for _, f := range findings {
		level := Warn
		if f.Level == manifest.LevelError {
			level = Fail
		}
		a.add(level, f.Help, "%s", p.Placed(f))
	}
	if len(findings) == 0 && p.Lock != nil {
		a.ok("gal.lock is in step with gal.toml")
	}
}

// store counts the locked packages that are in the cache.
func (a area) store(p *project.Project, dir string) {
	store, err := cache.NewCache(dir, noEvents())
	if err != nil {
		return // said of the cache
	}
	there, all := p.Cached(store)
	if there < all {
		a.warn("gal-pkg fetch", "%d of %s are not in the cache: without a network the project may not install", all-there, cmdline.Plural(all, "locked package"))
	} else if all > 0 {
		a.ok("%s in the cache", cmdline.Plural(all, "locked package"))
	}
}

// links holds that what the compiler is shown is there.
func (a area) links(p *project.Project) {
	dir := filepath.Join(p.Dir, filepath.FromSlash(install.PackagesDir))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		a.warn("gal-pkg install", "is not installed yet")
		return
	}
	if err != nil {
		a.failed(fault.New(fault.Manifest, "not-readable", "%s cannot be looked at", dir).Because(err), "")
		return
	}
	broken := 0
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err != nil || !info.IsDir() {
			broken++
		}
	}
	if broken > 0 {
		_ = install.Forget(p.Dir) // in a project that cannot be written to, an install mends nothing either
		a.fail("gal-pkg install", "%s in %s to packages that are gone", cmdline.Plural(broken, "link"), dir)
	} else {
		a.ok("%s in .gal/packages", cmdline.Plural(len(entries), "package"))
	}
}
