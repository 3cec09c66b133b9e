package project

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
)

// Locking shapes how versions are chosen; the zero value keeps what the lock has wherever that still fits.
type Locking struct {
	Unlock     resolve.Unlock
	Precise    map[string]version.Version
	Resolution resolve.Resolution
	Now        time.Time // what spans such as exclude-newer = "7 days" count from
	Clock      func() time.Time
	Ahead      *Ahead // told what will be needed; nil for nobody
}

// Plan is what a project would be locked to: chosen, and verified. Nothing of it is written yet.
type Plan struct {
	Project  *Project
	Lock     Locked
	Solution *resolve.Solution
	Changes  []Change
	Warnings []string

	source    *source
	artifacts map[manifest.Ref]placed
}

// placed is a verified artifact with the registry it is in.
type placed struct {
	artifact index.Artifact
	registry *remote.Registry
}

// Plan chooses the versions of a project and verifies every line that it chose.
func (p *Project) Plan(ctx context.Context, set *remote.Set, o Locking) (plan *Plan, err error) {
	err = set.Finding(ctx, func() error {
		plan, err = p.plan(ctx, set, o)
		return err
	})
	return plan, err
}

func (p *Project) plan(ctx context.Context, set *remote.Set, o Locking) (*Plan, error) {
	s := newSource(ctx, p, set)
	defer s.wait()
	s.early = o.Ahead
	o.Ahead.locked(p.Lock)
	set.Expect(p.lockedNames())
	request, err := s.request(ctx, o)
	if err != nil {
		return nil, err
	}
	s.cutoffOf = request.Options.Cutoff
	s.prefetchLock()
	solution, err := resolve.Resolve(ctx, request, s)
	if err != nil {
		p.noteAge(err, o.Now)
		return nil, cmp.Or(s.missing(ctx, request, err), s.withheld(ctx, request, err), s.imprecise(ctx, request, err), err)
	}
	withdrawn, err := s.withdrawn(ctx, request, solution)
	if err != nil {
		return nil, err
	}
	plan := &Plan{
		Project: p, Solution: solution, Warnings: slices.Concat(solution.Warnings, withdrawn), source: s, artifacts: map[manifest.Ref]placed{},
	}
	if err := plan.verify(ctx); err != nil {
		return nil, err
	}
	if err := plan.obey(ctx, o.Now); err != nil {
		return nil, err
	}
	plan.Lock = locked(plan.lock(s.cutoff(o)))
	plan.Lock.beside = s.read
	plan.Changes = Diff(p.Lock, plan.Lock.Lock)
	return plan, nil
}

// lockedNames are the packages that gal.lock has from registries, by the ids of these.
func (p *Project) lockedNames() map[string][]string {
	names := map[string][]string{}
	if p.Lock == nil {
		return names
	}
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.RegistrySource {
			names[l.Source.Location] = append(names[l.Source.Location], l.Name)
		}
	}
	return names
}

// locks reports whether gal.lock has any version of a package.
func (p *Project) locks(id resolve.PackageID) bool {
	return slices.ContainsFunc(p.Lock.Find(id.Name), func(l *manifest.LockedPackage) bool { return l.Source.String() == id.Source })
}

// verify has every registry verify the lines that were chosen from it.
func (p *Plan) verify(ctx context.Context) error {
	wants := map[string][]index.Want{}
	var order []string
	for _, pkg := range p.Solution.Packages {
		registry, ok := strings.CutPrefix(pkg.ID.Source, "registry+")
		if !ok {
			continue
		}
		if wants[registry] == nil {
			order = append(order, registry)
		}
		wants[registry] = append(wants[registry], index.Want{Name: pkg.ID.Name, Version: pkg.Version, Checksum: p.lockedChecksum(pkg)})
	}
	for _, id := range order {
		r, err := p.source.set.ByID(ctx, id)
		if err != nil {
			return err
		}
		artifacts, warnings, err := r.Snapshot.Verify(ctx, wants[id])
		if err != nil {
			return err
		}
		known, err := p.source.set.HoldAgainstKnown(ctx, r, wants[id])
		if err != nil {
			return err
		}
		p.Warnings = slices.Concat(p.Warnings, warnings, known, index.RecoveryWarnings(artifacts))
		for _, a := range artifacts {
			p.artifacts[ref(manifest.Registry(id), a.Name(), a.Version())] = placed{a, r}
		}
	}
	return nil
}

func ref(s manifest.Source, name string, v version.Version) manifest.Ref {
	return manifest.Ref{Name: name, Version: v, Source: s}
}

// lockedChecksum is what the lock says of a chosen version, "" where it says nothing.
func (p *Plan) lockedChecksum(pkg resolve.Package) index.Digest {
	if p.Project.Lock == nil {
		return ""
	}
	for _, l := range p.Project.Lock.Find(pkg.ID.Name) {
		if l.Version.Equal(pkg.Version) && l.Source.String() == pkg.ID.Source {
			return index.Digest(l.Checksum)
		}
	}
	return ""
}

// lock writes the solution as a lock file.
func (p *Plan) lock(excludeNewer time.Time) *manifest.Lock {
	lock := &manifest.Lock{Version: 1, ExcludeNewer: excludeNewer.UTC().Truncate(time.Second)}
	if p.Project.root.Package != nil {
		lock.Root = p.Project.root.Package.Name
	}
	sources := sources{}
	lock.Packages = make([]manifest.LockedPackage, len(p.Solution.Packages))
	for i, pkg := range p.Solution.Packages {
		from := sources.of(pkg.ID)
		l := &lock.Packages[i]
		l.Name, l.Version, l.Source, l.Features = pkg.ID.Name, pkg.Version, from, pkg.Features
		if a, ok := p.artifacts[ref(from, pkg.ID.Name, pkg.Version)]; ok {
			l.Checksum = string(a.artifact.Publish().Checksum)
		}
		l.Dependencies = make([]manifest.Ref, len(pkg.Dependencies))
		for j, edge := range pkg.Dependencies {
			l.Dependencies[j] = ref(sources.of(edge.ID), edge.ID.Name, edge.Version)
		}
		slices.SortFunc(l.Dependencies, manifest.Ref.Compare)
		l.Dependencies = slices.CompactFunc(l.Dependencies, func(a, b manifest.Ref) bool { return a.Compare(b) == 0 })
	}
	return lock
}

// sources are those of packages, each parsed once.
type sources map[string]manifest.Source

func (s sources) of(id resolve.PackageID) manifest.Source {
	from, ok := s[id.Source]
	if !ok {
		from, _ = manifest.ParseSource(id.Source)
		s[id.Source] = from
	}
	return from
}
