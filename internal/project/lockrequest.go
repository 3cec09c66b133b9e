package project

import (
	"context"
	"strings"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

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
			if strings.HasPrefix(d.ID.Source, "registry+") && s.project.Lock != nil && s.project.locks(d.ID) {
				return fault.New(fault.Integrity, "package-vanished", "SECURITY: the registry no longer has `%s`, which gal.lock names", d.ID.Name).
					WithFact("required by %s", d.Where).WithFact("a registry never takes a package back")
			}
			return f.WithFact("required by %s", d.Where)
		}
	}
	return nil
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
