package project

import (
	"context"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/manifest"
)

// gitStanding compares the commit that a package is locked to with the one that its branch or tag has now, which is where
// an update moves it. A rev never moves, and offline nobody can be asked: then there is nothing to say, and no standing.
func (s *source) gitStanding(ctx context.Context, l manifest.LockedPackage, demands []demand) (*Standing, error) {
	if l.Source.RefKind == "rev" || s.set.Offline() {
		return nil, nil
	}
	from := l.Source
	from.Commit = ""
	now, err := s.newestCommit(ctx, l.Name, from)
	if err != nil {
		return nil, err
	}
	return &Standing{
		Name: l.Name, Repository: strings.TrimSuffix(from.String(), "#"), Locked: l.Source.Commit, Compatible: now.Commit, Newest: now.Commit, HeldBy: []Demand{},
		Direct: slices.ContainsFunc(demands, func(d demand) bool { return d.direct }),
	}, nil
}

// UsesGit reports whether gal.lock has packages from git.
func (p *Project) UsesGit() bool {
	return p.Lock != nil && slices.ContainsFunc(p.Lock.Packages, func(l manifest.LockedPackage) bool { return l.Source.Kind == manifest.GitSource })
}
