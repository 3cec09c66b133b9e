package project

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// Choice says which part of the lock a build uses.
type Choice struct {
	Profile           string // "" means dev
	Features          []string
	AllFeatures       bool
	NoDefaultFeatures bool
	NoDev             bool
}

// Words are what a stamp must know of a choice.
func (c Choice) Words() []string {
	words := append([]string{"profile", c.Profile, "features"}, c.Features...)
	for _, flag := range []struct {
		on   bool
		name string
	}{{c.AllFeatures, "all-features"}, {c.NoDefaultFeatures, "no-default-features"}, {c.NoDev, "no-dev"}} {
		if flag.on {
			words = append(words, flag.name)
		}
	}
	return words
}

// Fetching says how packages are brought here.
type Fetching struct {
	Cache        *cache.Cache
	Concurrency  int
	Level        cache.Level
	Links        install.LinkMode // how packages get into the project
	Shared       *download.Shared // a cache that a team has in common, nil for none
	ArchivesOnly bool
	Events       fetch.Events
	Ahead        *Ahead // what was begun before; nil for nothing

	// Words are all that an installation follows from besides the project's own files, and the cache's folder with the
	// trees. It is asked once all is done; nil leaves the installation without a stamp.
	Words func() (words []string, store string, err error)
}

// options are those of downloads from a registry.
func (o Fetching) options(r *remote.Registry, offline bool) download.Options {
	return download.Options{
		Client: r.Client, Cache: o.Cache, Concurrency: o.Concurrency, Offline: offline,
		ArchivesOnly: o.ArchivesOnly, Level: o.Level, Shared: o.Shared, Early: o.Ahead.Early(r), Events: o.Events,
	}
}

// Installed is what an install did.
type Installed struct {
	Packages   []resolve.Selected
	Downloaded int
	Bytes      int64 // of the downloaded archives
	Hashed     int   // packages whose checksums were verified: all but those in folders
	Signed     int   // packages whose signatures were verified
	Yanked     []Yanked
	Links      install.Report
	Unstamped  error // why the next install will look at everything again; nil where it need not
}

// profile checks the choice's profile and what follows from it: release, and what inherits it, is built without
// development dependencies.
func (p *Project) profile(c Choice) (Choice, error) {
	name := c.Profile
	if name == "" {
		name = "dev"
	}
	if _, err := p.root.Profile(name); err != nil {
		return c, err
	}
	for range len(p.root.Profiles) + 1 {
		if name == "release" {
			c.NoDev = true
		}
		name = p.root.Profiles[name].Inherits
	}
	return c, nil
}

// Select picks what a build uses from a plan.
func (p *Plan) Select(ctx context.Context, c Choice) ([]resolve.Selected, error) {
	c, err := p.Project.profile(c)
	if err != nil {
		return nil, err
	}
	roots, graph, err := p.graph(ctx)
	if err != nil {
		return nil, err
	}
	patches, err := p.source.patches(ctx)
	if err != nil {
		return nil, err
	}
	return resolve.Select(roots, graph, resolve.SelectOptions{
		Features: c.Features, AllFeatures: c.AllFeatures, NoDefaultFeatures: c.NoDefaultFeatures, NoDev: c.NoDev, Patches: patches,
	})
}

// graph is the plan's lock with what the sources say of each package in it.
func (p *Plan) graph(ctx context.Context) ([]resolve.Root, []resolve.LockedPackage, error) {
	var roots []resolve.Root
	for _, m := range p.Project.Members {
		r, err := p.source.root(ctx, m)
		if err != nil {
			return nil, nil, err
		}
		roots = append(roots, r)
	}
	var graph []resolve.LockedPackage
	for _, pkg := range p.Solution.Packages {
		if pkg.Root {
			continue
		}
		list, err := p.source.Candidates(ctx, pkg.ID)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(list, func(c resolve.Candidate) bool { return c.Version.Equal(pkg.Version) })
		if i < 0 {
			return nil, nil, fault.New(fault.Integrity, "version-vanished", "the registry no longer has `%s %s`", pkg.ID.Name, pkg.Version)
		}
		graph = append(graph, resolve.LockedPackage{ID: pkg.ID, Version: pkg.Version, Candidate: list[i], Edges: pkg.Dependencies})
	}
	return roots, graph, nil
}

// Fetch brings the archives of a plan, or of the selected part of it, into the cache; selected is nil for all.
func (p *Plan) Fetch(ctx context.Context, selected []resolve.Selected, o Fetching) ([]download.Result, error) {
	byClient := map[*remote.Registry][]fetch.Item{}
	artifacts := map[*remote.Registry][]index.Artifact{}
	var order []*remote.Registry
	wanted, pinned := refs(selected), p.pinned()
	for _, l := range p.Lock.Packages {
		a, ok := p.artifacts[l.Ref()]
		if !ok || selected != nil && !wanted[l.Ref()] {
			continue
		}
		if byClient[a.registry] == nil {
			order = append(order, a.registry)
		}
		item := p.item(l, a)
		if pinned[pinOf(l)] {
			item.Pinned = LockName
		}
		byClient[a.registry] = append(byClient[a.registry], item)
		artifacts[a.registry] = append(artifacts[a.registry], a.artifact)
	}
	var results []download.Result
	for _, r := range order {
		part, err := p.fetchFrom(ctx, r, byClient[r], artifacts[r], o)
		if err != nil {
			return nil, err
		}
		results = append(results, part...)
	}
	part, err := p.fetchGit(ctx, selected, o)
	return append(results, part...), err
}

// fetchFrom brings the archives of one registry, and meanwhile holds their lines against the registry's log.
func (p *Plan) fetchFrom(ctx context.Context, r *remote.Registry, items []fetch.Item, artifacts []index.Artifact, o Fetching) (results []download.Result, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.Snapshot.CheckLog(ctx, artifacts) })
	group.Go(func() (err error) {
		results, err = download.Fetch(ctx, items, o.options(r, p.source.set.Offline()))
		if err != nil {
			return err
		}
		return p.checkManifests(ctx, r, artifacts, results, o.Cache)
	})
	return results, group.Wait()
}

// refs are the packages of registries and of git among those that are selected.
func refs(selected []resolve.Selected) map[manifest.Ref]bool {
	set := make(map[manifest.Ref]bool, len(selected))
	for _, s := range selected {
		if location, ok := strings.CutPrefix(s.ID.Source, "registry+"); ok {
			set[ref(manifest.Registry(location), s.ID.Name, s.Version)] = true
		} else if from, err := manifest.ParseSource(s.ID.Source); err == nil && from.Kind == manifest.GitSource {
			set[ref(from, s.ID.Name, s.Version)] = true
		}
	}
	return set
}

func (p *Plan) item(l manifest.LockedPackage, a placed) fetch.Item {
	publish := a.artifact.Publish()
	return fetch.Item{
		Name: l.Name, Version: l.Version, Key: manifest.Key(l.Name),
		Digest: string(publish.Checksum), Size: publish.Size, Unpacked: publish.Unpacked, URLs: a.registry.URLs(l.Name, publish),
	}
}

// pinned are the name, version and digest of each package that gal.lock had before.
func (p *Plan) pinned() map[string]bool {
	set := map[string]bool{}
	if lock := p.Project.Lock; lock != nil {
		for _, l := range lock.Packages {
			set[pinOf(l)] = true
		}
	}
	return set
}

func pinOf(l manifest.LockedPackage) string {
	return l.Name + " " + l.Version.String() + " " + l.Checksum
}

// Install fetches what a build uses, links the packages into the project, and writes the manifest and the lock: last, for
// links can be made again from a lock, and a lock cannot be made again from links.
func (p *Plan) Install(ctx context.Context, c Choice, o Fetching) (*Installed, error) {
	selected, err := p.Select(ctx, c)
	if err != nil {
		return nil, err
	}
	release, err := o.Hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	o.Cache.Watch()
	results, err := p.Fetch(ctx, selected, o)
	if err != nil {
		return nil, err
	}
	done := &Installed{Packages: selected, Yanked: p.yanked(selected), Hashed: len(results), Signed: p.signed(selected)}
	trees := map[string]download.Result{}
	for _, r := range results {
		trees[r.Item.Digest] = r
		if r.Downloaded {
			done.Downloaded++
			done.Bytes += r.Item.Size
		}
	}
	free, err := hold(ctx, p.Project.Dir, o.Events)
	if err != nil {
		return nil, err
	}
	defer free()
	p.Project.sweep()
	defer p.Project.settle()
	if err := p.Project.unchanged(p.Lock); err != nil {
		return nil, err
	}
	if done.Links, err = install.Link(p.Project.Dir, p.installed(selected, trees), install.Options{Mode: o.Links}); err != nil {
		return nil, o.Cache.Blame(err, itemsOf(results)...)
	}
	if err := p.Project.write(p.Lock); err != nil {
		return nil, err
	}
	done.Unstamped = p.stamp(o)
	return done, nil
}

// itemsOf are those of which there are trees.
func itemsOf(results []download.Result) (items []fetch.Item) {
	for _, r := range results {
		if r.Tree != "" {
			items = append(items, r.Item)
		}
	}
	return items
}

// stamp lets the next install see that there is nothing to do. It is for those who hold the project: nobody else changes
// what the stamp is of.
func (p *Plan) stamp(o Fetching) error {
	if o.Words == nil {
		return nil
	}
	words, store, err := o.Words()
	if err != nil {
		return err
	}
	stamp, err := p.Project.WithLock(p.Lock).sound(words)
	if err != nil {
		return err
	}
	if !o.Cache.Undisturbed() {
		return errors.New("somebody has changed the cache meanwhile")
	}
	return stamp.Record(p.Project.Dir, store)
}

// signed counts the packages whose registries had their signatures verified.
func (p *Plan) signed(selected []resolve.Selected) int {
	n := 0
	wanted := refs(selected)
	for _, l := range p.Lock.Packages {
		if a, ok := p.artifacts[l.Ref()]; ok && wanted[l.Ref()] && a.registry.Verifies() {
			n++
		}
	}
	return n
}

func (p *Plan) yanked(selected []resolve.Selected) []Yanked {
	var list []Yanked
	wanted := refs(selected)
	for _, l := range p.Lock.Packages {
		a, ok := p.artifacts[l.Ref()]
		if !ok || !wanted[l.Ref()] {
			continue
		}
		if y := a.artifact.Yanked(); y != nil {
			list = append(list, Yanked{l.Name, l.Version.String(), y.Class, y.Reason})
		}
	}
	return list
}

// installed describes every selected package to the compiler. The package that the command is about comes first.
func (p *Plan) installed(selected []resolve.Selected, trees map[string]download.Result) []install.Installed {
	var list []install.Installed
	for _, s := range selected {
		i := install.Installed{
			ID: idOf(s.ID, s.Version.String()), Name: s.ID.Name, Key: manifest.Key(s.ID.Name), Version: s.Version,
			Features: union(s.Features, s.BuildFeatures, s.DevFeatures), Imports: map[string]string{},
			Root: s.Root && s.ID.Name == p.Project.Current.Manifest.Package.Name,
		}
		for _, e := range s.Dependencies {
			i.Imports[manifest.Ident(e.Alias)] = idOf(e.ID, e.Version.String())
		}
		from, _ := manifest.ParseSource(s.ID.Source)
		if a, ok := p.artifacts[ref(from, s.ID.Name, s.Version)]; ok {
			i.Digest = string(a.artifact.Publish().Checksum)
			i.Tree = trees[i.Digest].Tree
		} else if from.Kind == manifest.GitSource {
			i.Digest = p.source.packed[ref(from, s.ID.Name, s.Version)]
			i.Tree = trees[i.Digest].Tree
		} else {
			i.Folder = from.Location
		}
		list = append(list, i)
	}
	return list
}

func idOf(id resolve.PackageID, version string) string {
	return id.Name + " " + version + " (" + id.Source + ")"
}

func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Stamp is what a locked or installed project follows from; the same stamp means that there is nothing to do. It covers
// gal.lock and the manifest of every package that is a folder: members, and path dependencies of any depth.
func (p *Project) Stamp(words ...string) (install.Stamp, error) {
	if p.standsAlone() {
		return stampAlone(p.Dir, words)
	}
	files := []string{LockName, manifest.FileName}
	add := func(rel string) {
		if file := path.Join(rel, manifest.FileName); !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	for _, m := range p.Members {
		add(m.Rel)
	}
	if p.Lock != nil {
		for _, l := range p.Lock.Packages {
			if l.Source.Kind == manifest.PathSource {
				add(l.Source.Location)
			}
		}
	}
	return install.NewStamp(p.Dir, files, words...)
}

// sound is the stamp of the project as it was read: where its files were written since, it would be of something else, and the
// error is "changed-meanwhile".
func (p *Project) sound(words []string) (install.Stamp, error) {
	stamp, err := p.Stamp(words...)
	if err != nil {
		return "", err
	}
	return stamp, p.unchanged(Locked{p.Lock, p.lockText, p.beside})
}

// ErrNoLock is the error of what needs a lock where there is none.
func (p *Project) ErrNoLock() error {
	return fault.New(fault.Manifest, "no-lock", "there is no gal.lock in %s", p.Dir).WithHelp("gal-pkg lock")
}
