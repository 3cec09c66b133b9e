package project

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// source shows registries and folders to the resolver.
type source struct {
	project *Project
	set     *remote.Set

	mu      sync.Mutex
	folders map[string]*manifest.Manifest // path dependencies, by folder relative to the project
	read    []edited                      // their manifests, as they were read
	cached  map[resolve.PackageID][]resolve.Candidate
	commits map[manifest.Source]manifest.Source // git dependencies, by what is asked for: the same with a commit
	packed  map[manifest.Ref]string             // digests of what was packed of them
	unlock  resolve.Unlock                      // which of them leave the commits of gal.lock

	background context.Context
	stop       context.CancelFunc
	loads      sync.WaitGroup
	ahead      map[resolve.PackageID]bool        // what Prefetch has been through
	early      *Ahead                            // told what is likely to be chosen, nil where nobody wants to know
	cutoffOf   func(resolve.PackageID) time.Time // what is newer is not likely to be chosen
}

// newSource returns a source; what it reads ahead ends with ctx, or with wait.
func newSource(ctx context.Context, p *Project, set *remote.Set) *source {
	p.requireSignatures(set)
	background, stop := context.WithCancel(ctx)
	return &source{
		background: background, stop: stop,
		project: p, set: set, folders: map[string]*manifest.Manifest{}, cached: map[resolve.PackageID][]resolve.Candidate{},
		ahead: map[resolve.PackageID]bool{}, commits: map[manifest.Source]manifest.Source{}, packed: map[manifest.Ref]string{},
		cutoffOf: func(resolve.PackageID) time.Time { return time.Time{} },
	}
}

// Candidates implements [resolve.Source].
func (s *source) Candidates(ctx context.Context, id resolve.PackageID) ([]resolve.Candidate, error) {
	s.mu.Lock()
	known, ok := s.cached[id]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	from, err := manifest.ParseSource(id.Source)
	if err != nil {
		return nil, err
	}
	var list []resolve.Candidate
	switch from.Kind {
	case manifest.RegistrySource:
		list, err = s.fromRegistry(ctx, from.Location, id.Name)
	case manifest.PathSource:
		list, err = s.fromFolder(ctx, from.Location, id.Name)
	default:
		list, err = s.fromGit(ctx, from, id.Name)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.cached[id] = list
	s.mu.Unlock()
	return list, nil
}

func (s *source) fromRegistry(ctx context.Context, registry, name string) ([]resolve.Candidate, error) {
	r, err := s.set.ByID(ctx, registry)
	if err != nil {
		return nil, err
	}
	p, err := r.Snapshot.Package(ctx, name)
	if err != nil {
		return nil, WithSimilar(ctx, r, name, err)
	}
	return candidates(p, manifest.Registry(registry).String()), nil
}

// candidates shows a package's releases to the resolver; own is the source of its registry.
func candidates(p *index.Package, own string) []resolve.Candidate {
	list := make([]resolve.Candidate, 0, len(p.Releases))
	var before *index.Publish // of the last of list
	for _, release := range p.Releases {
		if release.Suspect {
			continue
		}
		c := candidate(release)
		if publish := release.Publish; publish != nil {
			// Most releases depend on what the one before did: hold it once.
			if before != nil && sameDependencies(before.Dependencies, publish.Dependencies) {
				c.Dependencies = list[len(list)-1].Dependencies
			} else {
				c.Dependencies = dependenciesOf(own, publish)
			}
		}
		before = release.Publish
		list = append(list, c)
	}
	return list
}

func sameDependencies(a, b []index.Dependency) bool {
	if len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
		return true
	}
	return slices.EqualFunc(a, b, func(x, y index.Dependency) bool { return x.Equal(&y) })
}

// WithSimilar adds to "not found" what may have been meant.
func WithSimilar(ctx context.Context, r *remote.Registry, name string, err error) error {
	found := fault.Of(err)
	if found == nil || found.Code != "package-not-found" || len(found.Help) > 0 {
		return err
	}
	f := fault.New(found.Kind, found.Code, "%s", found.Message)
	catalogue, catalogueErr := r.Snapshot.Catalogue(ctx)
	if catalogueErr != nil {
		return f
	}
	similar := slices.DeleteFunc(catalogue.Similar(name), func(s string) bool { return s == name })
	for _, row := range catalogue {
		if i := slices.Index(similar, row.Name); i >= 0 {
			f.WithFact("similar: %s %s", row.Name, cmp.Or(row.Version, "(every version is yanked)"))
		}
	}
	if len(similar) > 0 {
		f.WithHelp("did you mean `%s`?", similar[0])
	}
	return f
}

// candidate shows a release to the resolver, but for its dependencies.
func candidate(r *index.Release) resolve.Candidate {
	c := resolve.Candidate{Version: r.Version, Published: r.At}
	if y := r.Yanked(); y != nil {
		c.Yanked, c.YankClass, c.YankReason = true, y.Class, y.Reason
	}
	p := r.Publish
	if p == nil {
		c.Unusable = "its index line is of a newer format; update gal-pkg"
		return c
	}
	c.Links, c.Features = p.Links, p.Features
	if p.GalVersion != "" {
		c.GalVersion, _ = version.Parse(p.GalVersion)
	}
	if p.Edition != "" && !slices.Contains(manifest.Editions(), p.Edition) {
		c.Unusable = fmt.Sprintf("edition %q is not known to this gal-pkg", p.Edition)
	}
	return c
}

// dependenciesOf shows what a release depends on to the resolver; own is the source of its registry.
func dependenciesOf(own string, p *index.Publish) []resolve.Dependency {
	list := make([]resolve.Dependency, 0, len(p.Dependencies))
	for _, d := range p.Dependencies {
		from := own
		if d.Registry != "" {
			from = manifest.Registry(d.Registry).String()
		}
		kind := resolve.Normal
		if d.Kind == "build" {
			kind = resolve.Build
		}
		list = append(list, resolve.Dependency{
			Alias: d.Name, ID: resolve.PackageID{Source: from, Name: d.Real()},
			Requirement: d.Requirement, Kind: kind, Features: d.Features, DefaultFeatures: !d.NoDefault, Optional: d.Optional,
		})
	}
	return list
}

// fromFolder reads a path dependency: the one version that its manifest says.
func (s *source) fromFolder(ctx context.Context, rel, name string) ([]resolve.Candidate, error) {
	m, err := s.folder(rel)
	if err != nil {
		return nil, err
	}
	if m.Package == nil || m.Package.Name != name {
		return nil, fault.New(fault.Manifest, "wrong-package", "%s is not the package `%s`", filepath.Join(rel, manifest.FileName), name)
	}
	c := resolve.Candidate{
		Version: m.Package.Version, Links: m.Package.Links, GalVersion: m.Package.GalVersion, Features: m.Features,
	}
	c.Dependencies, err = s.dependencies(ctx, m, asker{rel: rel})
	return []resolve.Candidate{c}, err
}

// folder loads the manifest of a path dependency once.
func (s *source) folder(rel string) (*manifest.Manifest, error) {
	for _, member := range s.project.Members {
		if member.Rel == rel {
			return member.Manifest, nil
		}
	}
	s.mu.Lock()
	m, ok := s.folders[rel]
	s.mu.Unlock()
	if ok {
		return m, nil
	}
	file := filepath.Join(s.project.Dir, filepath.FromSlash(rel), manifest.FileName)
	m, text, err := load(file)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.folders[rel] = m
	s.read = append(s.read, edited{file, text, text})
	s.mu.Unlock()
	return m, nil
}

// table is a table of dependencies.
type table struct {
	name string
	kind resolve.Kind
}

// tables are those of a manifest, in the order in which the resolver decides.
var tables = []table{{"dependencies", resolve.Normal}, {"build-dependencies", resolve.Build}, {"dev-dependencies", resolve.Dev}}

// dependencies turns the tables of a manifest into what the resolver sees. Those of a root are told with their places.
func (s *source) dependencies(ctx context.Context, m *manifest.Manifest, by asker) ([]resolve.Dependency, error) {
	var list []resolve.Dependency
	locked := s.lockedBy(by)
	for _, table := range tables {
		if table.kind == resolve.Dev && !by.root {
			continue
		}
		for alias, spec := range m.Table(table.name) {
			if manifest.Builtin(spec.Name(alias)) {
				continue // the toolchain's own; it is never fetched
			}
			d, err := s.stated(ctx, m, by, table, alias, locked)
			if err != nil {
				return nil, err
			}
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b resolve.Dependency) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		return strings.Compare(a.Alias, b.Alias)
	})
	return list, nil
}

// stated turns an entry of a table into what the resolver sees. Locked is of [source.lockedBy].
func (s *source) stated(ctx context.Context, m *manifest.Manifest, by asker, t table, alias string, locked []manifest.Ref) (resolve.Dependency, error) {
	spec := m.Table(t.name)[alias]
	d, err := s.dependency(ctx, by, alias, spec)
	if err != nil {
		return d, err
	}
	d.Kind = t.kind
	if line, _ := m.Where(t.name, alias); by.root && line > 0 {
		d.Where = fmt.Sprintf("%s:%d", join(by.rel, manifest.FileName), line)
	}
	if followsDefault(spec) {
		err = s.staysThere(ctx, d, locked)
	}
	return d, err
}

func (s *source) dependency(ctx context.Context, by asker, alias string, spec manifest.DependencySpec) (resolve.Dependency, error) {
	d := resolve.Dependency{
		Alias: alias, Requirement: spec.Requirement, Features: spec.Features, DefaultFeatures: spec.DefaultFeatures, Optional: spec.Optional,
	}
	d.ID.Name = spec.Name(alias)
	switch {
	case spec.Path != "" && by.git != "":
		return d, gitFault("dependency `%s` of %s is a path inside a git repository, which is not supported", alias, by.git).
			WithHelp("its author can publish it, or give it a repository of its own")
	case spec.Path != "":
		folder := join(by.rel, spec.Path)
		d.ID.Source = manifest.Local(folder).String()
		if d.Requirement.IsZero() {
			m, err := s.folder(folder)
			if err != nil {
				return d, fault.New(fault.Manifest, "path-dependency", "dependency `%s` has no package in %s", alias, folder).Because(err)
			}
			if m.Package != nil {
				d.Requirement = version.Exactly(m.Package.Version)
			}
		}
	case spec.Git != "":
		from, err := s.gitDependency(ctx, by, d.ID.Name, spec)
		if err != nil {
			return d, err
		}
		d.ID.Source = from.String()
	default:
		r, err := s.set.For(ctx, d.ID.Name, spec.Registry)
		if err != nil {
			return d, err
		}
		d.ID.Source = manifest.Registry(r.ID()).String()
	}
	return d, nil
}

// root turns a member into what the resolver starts from.
func (s *source) root(ctx context.Context, m *Member) (resolve.Root, error) {
	info := m.Manifest.Package
	deps, err := s.dependencies(ctx, m.Manifest, asker{rel: m.Rel, root: true})
	return resolve.Root{
		ID:      resolve.PackageID{Source: manifest.Local(m.Rel).String(), Name: info.Name},
		Version: info.Version, Dependencies: deps, Features: m.Manifest.Features, Links: info.Links,
		GalVersion: info.GalVersion, Manifest: join(m.Rel, manifest.FileName),
	}, err
}
