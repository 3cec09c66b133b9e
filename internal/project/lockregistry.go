package project

import (
	"context"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// A dependency for which a manifest names no registry is taken from where the user's settings say. They may say something
// else than those of the colleague who made gal.lock, and the same name in another registry may be anybody's package. So
// what is locked stays in its registry, or is moved on purpose.

// lockedBy returns what gal.lock has as the dependencies of whoever asks.
func (s *source) lockedBy(by asker) []manifest.Ref {
	if s.project.Lock == nil {
		return nil
	}
	for _, l := range s.project.Lock.Packages {
		if by.git == "" && l.Source == manifest.Local(by.rel) || by.git != "" && l.Name == by.of.Name && sameButCommit(l.Source, by.of.Source) {
			return l.Dependencies
		}
	}
	return nil
}

// sameButCommit reports whether two sources are one: a branch has another commit when it moves.
func sameButCommit(a, b manifest.Source) bool {
	a.Commit, b.Commit = "", ""
	return a == b
}

// followsDefault reports whether the settings of whoever builds decide from where an entry of a manifest is.
func followsDefault(spec manifest.DependencySpec) bool {
	return spec.Path == "" && spec.Git == "" && spec.Registry == "" && !spec.Workspace
}

// CheckRegistries looks whether the project takes every package from the registry that gal.lock has it from. It asks the
// registries that the user's settings name for packages of the lock, and no others. The error is of kind Manifest with code
// "lock-registry" where one would come from elsewhere; other errors keep it from looking.
func (p *Project) CheckRegistries(ctx context.Context, set *remote.Set) error {
	if p.Lock == nil {
		return nil
	}
	s := newSource(ctx, p, set)
	defer s.wait()
	for _, l := range p.Lock.Packages {
		if l.Source.Kind != manifest.PathSource {
			continue
		}
		m, err := s.folder(l.Source.Location)
		if err != nil {
			return err
		}
		by := asker{rel: l.Source.Location, root: p.member(l) != nil}
		if err := s.stayThere(ctx, m, by, l.Dependencies); err != nil {
			return err
		}
	}
	return nil
}

// stayThere is staysThere for those entries of a manifest that are locked.
func (s *source) stayThere(ctx context.Context, m *manifest.Manifest, by asker, locked []manifest.Ref) error {
	for _, table := range tables {
		specs := m.Table(table.name)
		for _, alias := range slices.Sorted(maps.Keys(specs)) {
			isLocked := slices.ContainsFunc(locked, func(ref manifest.Ref) bool {
				return ref.Source.Kind == manifest.RegistrySource && manifest.Fold(ref.Name) == manifest.Fold(specs[alias].Name(alias))
			})
			if !isLocked || !followsDefault(specs[alias]) {
				continue
			}
			if _, err := s.stated(ctx, m, by, table, alias, locked); err != nil {
				return err
			}
		}
	}
	return nil
}

// staysThere refuses a dependency that nobody says the registry of and that gal.lock has from another one, unless it is to
// move. Locked is of [source.lockedBy].
func (s *source) staysThere(ctx context.Context, d resolve.Dependency, locked []manifest.Ref) error {
	other := ""
	for _, ref := range locked {
		if ref.Source.Kind != manifest.RegistrySource || manifest.Fold(ref.Name) != manifest.Fold(d.ID.Name) {
			continue
		}
		if ref.Source.String() == d.ID.Source {
			return nil
		}
		other = ref.Source.Location
	}
	if other == "" || s.moves(d.ID.Name) {
		return nil
	}
	now, err := manifest.ParseSource(d.ID.Source)
	if err != nil {
		return err
	}
	f := fault.New(fault.Manifest, "lock-registry", "gal.lock has `%s` from registry %s, and here it would come from %s", d.ID.Name, other, now.Location)
	if override := s.set.Override(); override != "" {
		return f.WithFact("--registry %s stands in for the default", override).WithHelp("leave out --registry").
			WithHelp("gal-pkg update %s --registry %s     # take it from %s from now on", d.ID.Name, override, now.Location)
	}
	if r, err := s.set.For(ctx, d.ID.Name, ""); err == nil && r.Spec.Name != s.set.Default() {
		return f.WithFact("packages of registry %s in registries.toml has a pattern that takes it there", r.Spec.Name).
			WithHelp("gal-pkg update %s     # take it from %s from now on", d.ID.Name, now.Location)
	}
	if d.Where != "" {
		f.WithFact("%s names no registry, so that the default of whoever runs gal-pkg decides", d.Where)
	}
	if r, err := s.set.ByID(ctx, other); err == nil && s.set.Configured(r.Spec.Name) {
		f.WithHelp("gal-pkg registry set-default %s     # take it from where gal.lock has it", r.Spec.Name)
	} else {
		f.WithHelp("gal-pkg registry add NAME URL --default     # with the address of %s", other)
	}
	return f.WithHelp("gal-pkg update %s     # take it from %s from now on", d.ID.Name, now.Location)
}
