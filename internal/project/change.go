package project

import (
	"context"
	"slices"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/atomicfile"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
	"github.com/geeknik/gal-pkg/version"
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
	p.Lock, p.lockText = joinLocks(a, b), text
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

// Raised is a requirement that Raise has rewritten.
type Raised struct{ Table, Name, From, To string }

// Raise returns the text of the current manifest with the requirements that keep the newest versions out raised to them.
// Only restricts it to some dependencies; none means all. Now is what the age of releases is judged by.
func (p *Project) Raise(ctx context.Context, set *remote.Set, only []string, now time.Time) ([]byte, []Raised, error) {
	edit, err := manifest.Open(p.Text())
	if err != nil {
		return nil, nil, err
	}
	var raised []Raised
	for _, table := range tables {
		specs := p.Current.Manifest.Table(table.name)
		names := make([]string, 0, len(specs))
		for name := range specs {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			spec := specs[name]
			if spec.Path != "" || spec.Git != "" || spec.Workspace || manifest.Builtin(name) || len(only) > 0 && !slices.Contains(only, name) {
				continue
			}
			newest, err := p.newestOf(ctx, set, spec.Name(name), spec.Registry, now)
			if err != nil {
				return nil, nil, err
			}
			if newest == nil || spec.Requirement.Matches(newest.Version) {
				continue
			}
			r := Raised{Table: table.name, Name: name, From: spec.Requirement.String()}
			spec.Requirement = version.Compatible(newest.Version)
			r.To = spec.Requirement.String()
			if err := edit.AddDependency(table.name, name, spec); err != nil {
				return nil, nil, err
			}
			raised = append(raised, r)
		}
	}
	return edit.Bytes(), raised, nil
}

func (p *Project) newestOf(ctx context.Context, set *remote.Set, name, registry string, now time.Time) (*index.Release, error) {
	r, err := set.For(ctx, name, registry)
	if err != nil {
		return nil, err
	}
	pkg, err := r.Snapshot.Package(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.Newest(pkg, now), nil
}
