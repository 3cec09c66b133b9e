package project

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/version"
)

// Find returns a package of a registry. One that is not there is an error with the names that may have been meant.
func Find(ctx context.Context, r *remote.Registry, name string) (*index.Package, error) {
	p, err := r.Snapshot.Package(ctx, name)
	if err != nil {
		return nil, WithSimilar(ctx, r, name, err)
	}
	return p, nil
}

// maxListed is how many versions a message names.
const maxListed = 5

// Choose returns the release of a package that a user means: want is a version, a requirement, or "" for the newest. A
// version that is named in full may be yanked; otherwise yanked ones are not chosen. The errors are of kind NotFound with
// code "version-not-found", which lists versions that are there, or "all-yanked".
func Choose(p *index.Package, want string) (*index.Release, error) {
	if v, err := version.Parse(want); err == nil {
		if r := p.Release(v); r != nil {
			return r, nil
		}
		return nil, noVersion(p, want)
	}
	if r := p.Newest(); r != nil && want == "" {
		return r, nil
	}
	matches := func(version.Version) bool { return true }
	if want != "" {
		requirement, err := version.ParseRequirement(want)
		if err != nil {
			return nil, fault.New(fault.Usage, "bad-requirement", "%v", err)
		}
		matches = requirement.Matches
	}
	if best := p.HighestOf(func(r *index.Release) bool { return matches(r.Version) }); best != nil {
		return best, nil
	}
	var yanked []*index.Release
	for _, r := range p.Releases {
		if r.Offered() && r.Yanked() != nil && matches(r.Version) {
			yanked = append(yanked, r)
		}
	}
	if len(yanked) > 0 {
		return nil, allYanked(p, want, yanked)
	}
	return nil, noVersion(p, want)
}

func noVersion(p *index.Package, want string) error {
	err := fault.New(fault.NotFound, "version-not-found", "`%s` has no version matching `%s`", p.Name, want)
	if want == "" {
		err.Message = "`" + p.Name + "` has no version that can be used"
	}
	var open, yanked []string
	for _, r := range Newest(p) {
		if y := r.Yanked(); y != nil {
			yanked = append(yanked, r.Version.String()+" ("+y.Reason+")")
		} else if r.Offered() {
			open = append(open, r.Version.String())
		}
	}
	if len(open) > 0 {
		err.WithFact("newest: %s", strings.Join(open[:min(len(open), maxListed)], ", "))
	}
	if len(yanked) > 0 {
		err.WithFact("yanked: %s", strings.Join(yanked[:min(len(yanked), maxListed)], ", "))
	}
	return err.WithHelp("gal-pkg info %s --versions", p.Name)
}

func allYanked(p *index.Package, want string, yanked []*index.Release) error {
	err := fault.New(fault.NotFound, "all-yanked", "every version of `%s` is yanked", p.Name)
	if want != "" {
		err.Message = "every version of `" + p.Name + "` that matches `" + want + "` is yanked"
	}
	slices.SortFunc(yanked, func(a, b *index.Release) int { return b.Version.Compare(a.Version) })
	for _, r := range yanked[:min(len(yanked), maxListed)] {
		err.WithFact("%s: %s", r.Version, cmp.Or(r.Yanked().Reason, r.Yanked().Class))
	}
	return err.WithHelp("gal-pkg info %s@%s", p.Name, yanked[0].Version)
}

// Newest returns the releases of a package, the highest version first.
func Newest(p *index.Package) []*index.Release {
	list := slices.Clone(p.Releases)
	slices.SortFunc(list, func(a, b *index.Release) int { return b.Version.Compare(a.Version) })
	return list
}

// Locked returns the entry of gal.lock for a package of a registry, the highest version where there are several; false
// where there is none.
func (p *Project) Locked(name string) (manifest.LockedPackage, bool) {
	if p.Lock == nil {
		return manifest.LockedPackage{}, false
	}
	found, ok := manifest.LockedPackage{}, false
	for _, l := range p.Lock.Find(name) {
		if l.Source.Kind == manifest.RegistrySource {
			found, ok = *l, true // Find keeps the order of versions
		}
	}
	return found, ok
}
