package project

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

// Vendored is the part of one registry that was put into a folder.
type Vendored struct {
	Registry string `json:"registry"` // its id
	Folder   string `json:"folder"`
	Packages int    `json:"packages"`
	Bytes    int64  `json:"bytes"`

	// How it is configured here.
	Name    string   `json:"name,omitempty"` // "" for one that is not
	Root    string   `json:"root,omitempty"` // fingerprint of its root of trust, "" for one without
	Default bool     `json:"default"`        // it is where packages are from that nothing says the registry of
	Claims  []string `json:"claims"`         // names and patterns of packages that are from there, whatever the default
}

// Vendor puts what a plan takes from registries below a folder: for each registry a tree of the same form, named by its id,
// with the locked packages alone and all that vouches for them. A tree that is there already is replaced, once the new one
// has been read back and verified without anything that is known here of its registry. Now is the clock.
func (p *Plan) Vendor(ctx context.Context, dir string, o Fetching, now time.Time) ([]Vendored, error) {
	o.ArchivesOnly = true
	if _, err := p.Fetch(ctx, nil, o); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, notVendored(dir, err)
	}
	wants := map[*remote.Registry][]index.Want{}
	var order []*remote.Registry
	for _, l := range p.Lock.Packages {
		a, ok := p.artifacts[l.Ref()]
		if !ok {
			continue
		}
		if wants[a.registry] == nil {
			order = append(order, a.registry)
		}
		wants[a.registry] = append(wants[a.registry], index.Want{Name: l.Name, Version: l.Version, Checksum: index.Digest(l.Checksum)})
	}
	slices.SortFunc(order, func(a, b *remote.Registry) int { return strings.Compare(a.ID(), b.ID()) })
	list := []Vendored{}
	for _, r := range order {
		v := vendoring{plan: p, registry: r, wants: wants[r], cache: o.Cache, now: now}
		done, err := v.run(ctx, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, done)
	}
	return list, nil
}

// NamesRegistries reports whether a manifest of the project, or of a folder that it depends on, names the registry of a
// dependency: by a name that whoever builds it must have configured.
func (p *Plan) NamesRegistries() bool {
	named := func(specs map[string]manifest.DependencySpec) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(specs)), func(s manifest.DependencySpec) bool { return s.Registry != "" })
	}
	manifests := slices.Collect(maps.Values(p.source.folders))
	for _, m := range p.Project.Members {
		manifests = append(manifests, m.Manifest)
	}
	for _, m := range manifests {
		if slices.ContainsFunc(tables, func(t table) bool { return named(m.Table(t.name)) }) {
			return true
		}
	}
	return named(p.Project.root.Patch)
}

// Unvendored names the packages of a plan that are in no registry and not in the project either: those of git.
func (p *Plan) Unvendored() (names []string) {
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.GitSource {
			names = append(names, l.Name)
		}
	}
	return names
}

func notVendored(dir string, err error) error {
	if fault.Of(err) != nil {
		return err
	}
	return fault.New(fault.Manifest, "not-writable", "%s cannot be written to", dir).Because(err)
}

// vendoring is the work on one registry.
type vendoring struct {
	plan     *Plan
	registry *remote.Registry
	wants    []index.Want
	cache    *cache.Cache
	now      time.Time
}

func (v vendoring) run(ctx context.Context, dir string) (done Vendored, err error) {
	tmp, err := os.MkdirTemp(dir, atomicfile.TempPrefix+"*")
	if err != nil {
		return done, notVendored(dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	tree := filepath.Join(tmp, "tree")
	if err := v.write(ctx, tree); err != nil {
		return done, notVendored(dir, err)
	}
	if err := v.readBack(ctx, tree, tmp); err != nil {
		return done, err
	}
	set, spec := v.plan.source.set, v.registry.Spec
	done = Vendored{
		Registry: v.registry.ID(), Folder: filepath.Join(dir, v.registry.ID()), Packages: len(v.wants),
		Root: v.root(), Default: spec.Name == set.Default(), Claims: append([]string{}, spec.Patterns...),
	}
	if set.Configured(spec.Name) {
		done.Name = spec.Name
	}
	if err := os.Rename(done.Folder, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, notVendored(dir, err)
	}
	if err := os.Rename(tree, done.Folder); err != nil {
		return done, notVendored(dir, err)
	}
	done.Bytes, err = FolderSize(done.Folder)
	return done, err
}

// write puts the registry's files and the archives into a new folder.
func (v vendoring) write(ctx context.Context, tree string) error {
	files, err := v.registry.Part(ctx, v.wants)
	if err != nil {
		return err
	}
	if files[index.CopyNotePath], err = v.note(); err != nil {
		return err
	}
	for path, data := range files {
		name := filepath.Join(tree, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	for _, l := range v.plan.Lock.Packages {
		if a, ok := v.plan.artifacts[l.Ref()]; ok && a.registry == v.registry {
			if err := v.archive(ctx, tree, l, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// note says that the tree is a part of its registry, so that what is missed in it is not taken for an attack.
func (v vendoring) note() ([]byte, error) {
	n := index.CopyNote{V: 1, Registry: v.registry.ID()}
	for _, w := range v.wants {
		n.Releases = append(n.Releases, w.Name+" "+w.Version.String())
	}
	slices.Sort(n.Releases)
	return n.Bytes()
}

func (v vendoring) archive(ctx context.Context, tree string, l manifest.LockedPackage, a placed) error {
	from, err := v.cache.Open(ctx, v.plan.item(l, a))
	if err != nil {
		return err
	}
	defer from.Close()
	name := filepath.Join(tree, filepath.FromSlash(index.ArchivePath(l.Name, l.Version.String())))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// root is the fingerprint of the registry's first root of trust, "" for a registry without metadata.
func (v vendoring) root() string {
	c, _ := v.registry.Snapshot.Currency()
	return c.First
}

// readBack opens the tree as somebody does who knows nothing of the registry but its id, its root and the checksums.
func (v vendoring) readBack(ctx context.Context, tree, tmp string) error {
	spec := v.registry.Spec
	spec.Name, spec.URL, spec.ID, spec.Mirrors, spec.Patterns, spec.BlockOrigin = "vendored", tree, v.registry.ID(), nil, nil, false
	spec.Root = cmp.Or(v.root(), spec.Root)
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{spec.Name: spec}, Default: spec.Name, Offline: true, Now: v.now,
		CacheDir: filepath.Join(tmp, "cache"), StateDir: filepath.Join(tmp, "state"),
	})
	r, err := set.Open(ctx, spec.Name)
	if err != nil {
		return err
	}
	artifacts, _, err := r.Snapshot.Verify(ctx, v.wants)
	if err == nil {
		err = r.Snapshot.CheckLog(ctx, artifacts)
	}
	return errors.Join(err, set.Close(ctx))
}
