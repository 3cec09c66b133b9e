package project

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
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
func (p *Project) Plan(ctx context.Context, set *remote.Set, o Locking) (*Plan, error) {
	s := newSource(ctx, p, set)
	defer s.wait()
	s.early = o.Ahead
	o.Ahead.locked(p.Lock)
	request, err := s.request(ctx, o)
	if err != nil {
		return nil, err
	}
	s.prefetchLock()
	solution, err := resolve.Resolve(ctx, request, s)
	if err != nil {
		p.noteAge(err, o.Now)
		return nil, cmp.Or(s.missing(ctx, request, err), s.imprecise(ctx, request, err), err)
	}
	plan := &Plan{Project: p, Solution: solution, Warnings: solution.Warnings, source: s, artifacts: map[manifest.Ref]placed{}}
	if err := plan.verify(ctx); err != nil {
		return nil, err
	}
	if err := plan.obey(ctx, o.Now); err != nil {
		return nil, err
	}
	plan.Lock = locked(plan.lock(s.cutoff(o)))
	plan.Changes = Diff(p.Lock, plan.Lock.Lock)
	return plan, nil
}

// missing says, where there is no solution, which package that a manifest asks for is in no registry: then nothing else
// matters. It is nil where all of them are there.
func (s *source) missing(ctx context.Context, request resolve.Request, err error) error {
	if fault.KindOf(err) != fault.NoSolution {
		return nil
	}
	for _, root := range request.Roots {
		for _, d := range root.Dependencies {
			_, err := s.Candidates(ctx, d.ID)
			f := fault.Of(err)
			if f == nil || f.Kind != fault.NotFound {
				continue
			}
			if s.project.Lock != nil && s.project.locks(d.ID) {
				return fault.New(fault.Integrity, "package-vanished", "SECURITY: the registry no longer has `%s`, which gal.lock names", d.ID.Name).
					WithFact("required by %s", d.Where).WithFact("a registry never takes a package back")
			}
			return f.WithFact("required by %s", d.Where)
		}
	}
	return nil
}

// locks reports whether gal.lock has any version of a package.
func (p *Project) locks(id resolve.PackageID) bool {
	return slices.ContainsFunc(p.Lock.Find(id.Name), func(l *manifest.LockedPackage) bool { return l.Source.String() == id.Source })
}

// imprecise says, where there is no solution, which version that was asked for by its number has not been published.
func (s *source) imprecise(ctx context.Context, request resolve.Request, err error) error {
	if fault.KindOf(err) != fault.NoSolution || s.project.Lock == nil {
		return nil
	}
	for name, v := range request.Options.Precise {
		for _, l := range s.project.Lock.Find(name) {
			if l.Source.Kind != manifest.RegistrySource {
				continue
			}
			r, err := s.set.ByID(ctx, l.Source.Location)
			if err != nil {
				return err
			}
			if p, err := r.Snapshot.Package(ctx, name); err == nil && p.Release(v) == nil {
				return noVersion(p, v.String())
			}
		}
	}
	return nil
}

// prefetchLock asks for everything that the lock names at once.
func (s *source) prefetchLock() {
	if s.project.Lock == nil {
		return
	}
	if s.early != nil {
		s.loads.Go(s.aheadOfLock)
	}
	var hints []resolve.Hint
	for _, l := range s.project.Lock.Packages {
		hints = append(hints, resolve.Hint{ID: resolve.PackageID{Source: l.Source.String(), Name: l.Name}})
	}
	s.Prefetch(hints)
}

func (s *source) request(ctx context.Context, o Locking) (resolve.Request, error) {
	var r resolve.Request
	s.unlock = o.Unlock
	for _, m := range s.project.Members {
		root, err := s.root(ctx, m)
		if err != nil {
			return r, err
		}
		r.Roots = append(r.Roots, root)
	}
	if lock := s.project.Lock; lock != nil {
		for _, l := range lock.Packages {
			if l.Source.Kind == manifest.RegistrySource {
				r.Locked = append(r.Locked, resolve.Locked{ID: resolve.PackageID{Source: l.Source.String(), Name: l.Name}, Version: l.Version})
			}
		}
	}
	var err error
	if r.Patches, err = s.patches(ctx); err != nil {
		return r, err
	}
	policy := s.project.root.Resolver
	r.Options = resolve.Options{
		Resolution:   o.Resolution,
		GalVersions:  galPolicies[policy.IncompatibleGalVersions],
		Duplicates:   duplicatePolicies[policy.Duplicates],
		ExcludeNewer: s.cutoff(o),
		Unlock:       o.Unlock, Precise: o.Precise,
		Suggestions: resolve.Suggesting{Now: o.Clock},
	}
	r.Options.ExcludeNewerFor, err = s.cutoffs(ctx, o.Now)
	s.project.withhold(&r.Options, o.Now)
	return r, err
}

var galPolicies = map[string]resolve.GalPolicy{"fallback": resolve.GalFallback, "allow": resolve.GalAllow, "deny": resolve.GalDeny}

var duplicatePolicies = map[string]resolve.DuplicatePolicy{"allow": resolve.DuplicatesAllow, "warn": resolve.DuplicatesWarn, "deny": resolve.DuplicatesDeny}

// cutoff is exclude-newer as a time. A span is counted from now when everything is unlocked; otherwise the time that
// gal.lock has stays, so that the same lock does not mean something else tomorrow.
func (s *source) cutoff(o Locking) time.Time {
	c := s.project.root.Resolver.ExcludeNewer
	if c.IsZero() {
		return time.Time{}
	}
	if lock := s.project.Lock; c.Span != 0 && lock != nil && !lock.ExcludeNewer.IsZero() && !o.Unlock.All && len(o.Unlock.Names) == 0 {
		return lock.ExcludeNewer
	}
	return c.At(o.Now)
}

func (s *source) cutoffs(ctx context.Context, now time.Time) (map[string]time.Time, error) {
	policy := s.project.root.Resolver
	if len(policy.ExcludeNewerPackage)+len(policy.ExcludeNewerRegistry) == 0 {
		return nil, nil
	}
	all := map[string]time.Time{}
	for name, c := range policy.ExcludeNewerRegistry {
		r, err := s.set.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		all[manifest.Registry(r.ID()).String()] = c.At(now)
	}
	for name, c := range policy.ExcludeNewerPackage {
		all[name] = c.At(now)
	}
	return all, nil
}

// patches replaces registry packages by folders, for the whole graph.
func (s *source) patches(ctx context.Context) (map[resolve.PackageID]resolve.PackageID, error) {
	if len(s.project.root.Patch) == 0 {
		return nil, nil
	}
	patches := map[resolve.PackageID]resolve.PackageID{}
	for name, spec := range s.project.root.Patch {
		r, err := s.set.For(ctx, name, spec.Registry)
		if err != nil {
			return nil, err
		}
		d, err := s.dependency(ctx, rootAsker(), name, spec)
		if err != nil {
			return nil, err
		}
		patches[resolve.PackageID{Source: manifest.Registry(r.ID()).String(), Name: name}] = d.ID
	}
	return patches, nil
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
		p.Warnings = append(append(p.Warnings, warnings...), known...)
		for _, a := range artifacts {
			for _, r := range a.Recoveries() {
				p.Warnings = append(p.Warnings, r.Warning(a.Name()))
			}
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

// Change is one difference between two locks.
type Change struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // "" for a package that is added
	To   string `json:"to,omitempty"`   // "" for one that is removed
}

// Verb says in a word what a change does.
func (c Change) Verb() string {
	switch {
	case c.From == "":
		return "Adding"
	case c.To == "":
		return "Removing"
	}
	from, err := version.Parse(c.From)
	to, err2 := version.Parse(c.To)
	if err == nil && err2 == nil && to.Less(from) {
		return "Downgrading"
	}
	return "Updating"
}

// Diff lists what changes from one lock to another, registry packages and path dependencies, without the roots. A package
// of which one version goes and one comes is one change.
func Diff(old, next *manifest.Lock) []Change {
	before, after := versionsOf(old), versionsOf(next)
	var names []string
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	var changes []Change
	for _, name := range slices.Compact(names) {
		gone, come := minus(before[name], after[name]), minus(after[name], before[name])
		for i := range max(len(gone), len(come)) {
			c := Change{Name: name}
			if i < len(gone) {
				c.From = gone[i]
			}
			if i < len(come) {
				c.To = come[i]
			}
			changes = append(changes, c)
		}
	}
	return changes
}

func versionsOf(l *manifest.Lock) map[string][]string {
	all := map[string][]string{}
	if l == nil {
		return all
	}
	for _, p := range l.Packages {
		switch p.Source.Kind {
		case manifest.RegistrySource:
			all[p.Name] = append(all[p.Name], p.Version.String())
		case manifest.GitSource:
			all[p.Name] = append(all[p.Name], fmt.Sprintf("%s (%.8s)", p.Version, p.Source.Commit))
		}
	}
	return all
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// Stale is the error of --locked where the lock would change: it lists every difference.
func (p *Plan) Stale() error {
	err := fault.New(fault.Negative, "lock-stale", "gal.lock does not match gal.toml")
	if p.Project.Lock == nil {
		err.WithFact("there is no gal.lock")
	}
	for _, c := range p.Changes {
		switch {
		case c.From == "":
			err.WithFact("%-20s %s, gal.lock has no entry", c.Name, p.asked(c))
		case c.To == "":
			err.WithFact("%-20s gal.lock has %s, nothing needs it", c.Name, c.From)
		default:
			err.WithFact("%-20s %s, gal.lock has %s", c.Name, p.asked(c), c.From)
		}
	}
	if len(p.Changes) == 0 && p.Project.Lock != nil {
		err.WithFact("features, edges or the root differ")
	}
	return err.WithHelp("gal-pkg lock          # then commit gal.lock")
}

// asked says where gal.toml asks for what a change brings; what only other packages ask for is told by its version.
func (p *Plan) asked(c Change) string {
	text := c.To + " is needed"
	for _, m := range p.Project.Members {
		eachDependency(m, func(table, alias string, spec manifest.DependencySpec) {
			if spec.Name(alias) == c.Name && !spec.Requirement.IsZero() {
				line, _ := m.Manifest.Where(table, alias)
				text = fmt.Sprintf("%s:%d requires %s", join(m.Rel, manifest.FileName), line, spec.Requirement)
			}
		})
	}
	return text
}

// Summary says in one line what a plan came to.
func (p *Plan) Summary() string {
	fetched := 0
	for _, l := range p.Lock.Packages {
		if l.Source.Kind != manifest.PathSource {
			fetched++
		}
	}
	packages, changes := "packages", "changes"
	if fetched == 1 {
		packages = "package"
	}
	if len(p.Changes) == 1 {
		changes = "change"
	}
	switch {
	case !p.Project.Changed(p.Lock):
		return fmt.Sprintf("%d %s (gal.lock unchanged)", fetched, packages)
	case len(p.Changes) == 0:
		return fmt.Sprintf("%d %s (gal.lock changes, no version does)", fetched, packages)
	}
	return fmt.Sprintf("%d %s (%d %s to gal.lock)", fetched, packages, len(p.Changes), changes)
}
