package project

import (
	"context"

	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// Explain tells why a package is at its version.
func (p *Project) Explain(ctx context.Context, set *remote.Set, o Locking, name string) ([]resolve.Explanation, error) {
	s := newSource(ctx, p, set)
	defer s.wait()
	request, err := s.request(ctx, o)
	if err != nil {
		return nil, err
	}
	return resolve.Explain(ctx, request, s, name)
}

// OpenTorn opens the project of a manifest whose gal.lock has merge conflict markers. What both sides have in common, and what only one
// of them has, is kept where it still fits; a package that they have at different versions is chosen anew.
func OpenTorn(file string) (*Project, error) {
	p, err := openWithoutLock(file)
	if err != nil {
		return nil, err
	}
	text, err := atomicfile.Read(p.LockPath(), 16<<20)
	if err != nil {
		return nil, err
	}
	ours, theirs, ok := manifest.ConflictSides(text)
	if !ok {
		return nil, fault.New(fault.Manifest, "lock-conflict", "the conflict markers of gal.lock do not belong together").
			WithHelp("rm gal.lock && gal-pkg lock")
	}
	a, errA := manifest.ParseLock(LockName, ours)
	b, errB := manifest.ParseLock(LockName, theirs)
	if errA != nil || errB != nil {
		return nil, fault.New(fault.Manifest, "lock-conflict", "one of the two sides of gal.lock is no lock file").
			WithHelp("rm gal.lock && gal-pkg lock")
	}
	p.Lock, p.lockText, p.torn = joinLocks(a, b), text, true
	return p, nil
}

// joinLocks keeps what the two sides do not disagree on. A merge goes by lines: it may have joined the version of one side
// with the checksum of the other. Then the version stays, and the registry's signed line says what its checksum is.
func joinLocks(a, b *manifest.Lock) *manifest.Lock {
	joined := &manifest.Lock{Version: 1, Root: a.Root, ExcludeNewer: a.ExcludeNewer}
	if b.ExcludeNewer.After(joined.ExcludeNewer) {
		joined.ExcludeNewer = b.ExcludeNewer
	}
	for _, pkg := range a.Packages {
		other := find(b, pkg)
		if other == nil && len(b.Find(pkg.Name)) > 0 {
			continue
		}
		if other != nil && other.Checksum != pkg.Checksum {
			pkg.Checksum = ""
		}
		joined.Packages = append(joined.Packages, pkg)
	}
	for _, pkg := range b.Packages {
		if len(a.Find(pkg.Name)) == 0 {
			joined.Packages = append(joined.Packages, pkg)
		}
	}
	return joined
}

// find returns the same version of the same package from the same source, nil where a lock does not have it.
func find(l *manifest.Lock, p manifest.LockedPackage) *manifest.LockedPackage {
	for _, q := range l.Find(p.Name) {
		if q.Version.Equal(p.Version) && q.Source == p.Source {
			return q
		}
	}
	return nil
}
