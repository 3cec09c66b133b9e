package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/install"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
)

// Verified is what a verification has looked at, and what it found. Every number counts things that were found right.
type Verified struct {
	Packages   int       `json:"packages"`   // that gal.lock takes from registries and git
	Lines      int       `json:"lines"`      // of the index, with the checksum of gal.lock
	Signatures int       `json:"signatures"` // packages of which every signature verifies
	Logged     int       `json:"logged"`     // packages of which every line stands in the registry's log
	Archives   int       `json:"archives"`   // of the cache, hashed
	Trees      int       `json:"trees"`      // of the store, hashed and compared with their archives
	Linked     int       `json:"linked"`     // packages in .gal/packages.json that are where it says
	Unused     int       `json:"unused"`     // packages that gal.lock has, this build does not use, and the cache does not hold
	Mismatches []Trouble `json:"mismatches"` // what is not what it must be
	Unchecked  []Trouble `json:"unchecked"`  // what is not there to be checked
	Unsigned   []string  `json:"unsigned"`   // ids of registries whose signatures are not looked at, by verify_signatures
	Recovered  []string  `json:"recovered"`  // what root keys of registries gave to others, who have signed nothing since; none of it is wrong
	Advice               // none of it is wrong either, and all of it worth a look

	Stale bool `json:"-"` // gal.lock does not fit the manifests, which Mismatches has as well

	// Elsewhere is the error of [Project.CheckRegistries], which Mismatches has as well; nil where everything stays.
	Elsewhere *fault.Error `json:"-"`
}

// Trouble is one thing that is wrong with a package, or with the project where Package is "".
type Trouble struct {
	Package string   `json:"package"`
	Version string   `json:"version"`
	What    string   `json:"what"` // lock, index, log, archive, store or link
	Message string   `json:"message"`
	Facts   []string `json:"facts,omitempty"`
}

// Verify checks everything about the project's packages again, and believes nothing that an earlier run found out: the
// lines of the index and their signatures, the checksums of gal.lock, the archives, the unpacked trees, and the links. It
// mends nothing, and sees to it that the next install does: a damaged archive goes out of the cache, as whenever one is met,
// a damaged tree loses its listing to a note of what was found, and the project the stamp by which an install would find
// nothing to do. The error is for what keeps it from looking, such as a network that fails.
func (p *Project) Verify(ctx context.Context, set *remote.Set, store *cache.Cache) (*Verified, error) {
	if p.Lock == nil {
		return nil, p.ErrNoLock()
	}
	release, err := store.Hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	s := newSource(ctx, p, set)
	defer s.wait()
	v := verifier{Verified: &Verified{Mismatches: []Trouble{}, Unchecked: []Trouble{}, Unsigned: []string{}, Recovered: []string{},
		Advice: Advice{[]Yanked{}, []Deprecated{}}},
		project: p, source: s, set: set, store: store, entries: map[string][]archive.Entry{}, anew: map[string]*index.Snapshot{}, good: map[string][]index.Artifact{}}
	for _, f := range p.CheckLock() {
		v.wrong(manifest.LockedPackage{}, "lock", "%s", p.Placed(f))
		v.Stale = true
	}
	if err := v.elsewhere(ctx); err != nil {
		return nil, err
	}
	for _, l := range p.Lock.Packages {
		if l.Source.Kind == manifest.PathSource {
			continue
		}
		v.Packages++
		if l.Source.Kind == manifest.GitSource {
			if err := v.commit(ctx, l); err != nil {
				return nil, err
			}
			continue
		}
		if err := v.line(ctx, l); err != nil {
			return nil, err
		}
		if err := v.stored(ctx, l); err != nil {
			return nil, err
		}
	}
	if err := v.logged(ctx); err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(v.good)) {
		v.Recovered = append(v.Recovered, index.RecoveryWarnings(v.good[id])...)
	}
	if err := v.links(); err != nil {
		return nil, err
	}
	return v.Verified, v.forget()
}

// elsewhere holds that the project takes its packages from where they are locked.
func (v *verifier) elsewhere(ctx context.Context) error {
	err := v.project.CheckRegistries(ctx, v.set)
	if !fault.IsCode(err, "lock-registry") {
		return err
	}
	v.Elsewhere = fault.Of(err)
	v.Mismatches = append(v.Mismatches, Trouble{What: "lock", Message: v.Elsewhere.Message, Facts: v.Elsewhere.Facts})
	return nil
}

// forget takes the project's stamp away where an install has something to mend.
func (v *verifier) forget() error {
	if len(v.Mismatches) == 0 {
		return nil
	}
	return install.Forget(v.project.Dir)
}

type verifier struct {
	*Verified
	project *Project
	source  *source // packs again what comes from git
	set     *remote.Set
	store   *cache.Cache
	entries map[string][]archive.Entry  // of archives that are what they must be, by digest
	anew    map[string]*index.Snapshot  // by registry id
	good    map[string][]index.Artifact // whose lines verify, by registry id
}

func trouble(l manifest.LockedPackage, what, format string, args ...any) Trouble {
	return Trouble{Package: l.Name, Version: l.Version.String(), What: what, Message: fmt.Sprintf(format, args...)}
}

func (v *verifier) wrong(l manifest.LockedPackage, what, format string, args ...any) {
	v.Mismatches = append(v.Mismatches, trouble(l, what, format, args...))
}

func (v *verifier) unchecked(l manifest.LockedPackage, what, format string, args ...any) {
	v.Unchecked = append(v.Unchecked, trouble(l, what, format, args...))
}

// snapshot is the registry of an id, without what it remembers.
func (v *verifier) snapshot(ctx context.Context, id string) (*index.Snapshot, error) {
	if s, ok := v.anew[id]; ok {
		return s, nil
	}
	r, err := v.set.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Spec.Trust.Signatures == index.SignaturesOff {
		v.Unsigned = append(v.Unsigned, id)
	}
	s, err := r.Anew(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, l := range v.project.Lock.Packages {
		if l.Source == manifest.Registry(id) {
			names = append(names, l.Name)
		}
	}
	// One file that is malformed must not hide the others: each package meets its own error again.
	if err := s.Load(ctx, names); err != nil && fault.KindOf(err) != fault.Integrity {
		return nil, err
	}
	v.anew[id] = s
	return s, nil
}

// line holds a package against the index: that it is there, has the checksum of the lock, and is signed.
func (v *verifier) line(ctx context.Context, l manifest.LockedPackage) error {
	s, err := v.snapshot(ctx, l.Source.Location)
	if err != nil {
		return err
	}
	artifacts, warnings, err := s.Verify(ctx, []index.Want{{Name: l.Name, Version: l.Version, Checksum: index.Digest(l.Checksum)}})
	switch kind := fault.KindOf(err); {
	case kind == fault.Integrity || kind == fault.NotFound:
		f := fault.Of(err)
		t := trouble(l, "index", "%s", f.Message)
		t.Facts = f.Facts
		v.Mismatches = append(v.Mismatches, t)
	case fault.IsCode(err, "package-too-new"):
		v.unchecked(l, "index", "%s", fault.Of(err).Message)
	case err != nil:
		return err
	default:
		v.good[l.Source.Location] = append(v.good[l.Source.Location], artifacts...)
		if pkg, err := s.Package(ctx, l.Name); err == nil {
			v.Advice.add(pkg, l)
		}
		v.Lines++
		for _, w := range warnings {
			v.wrong(l, "index", "%s", w)
		}
		if len(warnings) == 0 && !slices.Contains(v.Unsigned, l.Source.Location) {
			v.Signatures++
		}
	}
	return nil
}

// logged holds the lines that verify against the log of their registry.
func (v *verifier) logged(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(v.good)) {
		if err := v.known(ctx, id); err != nil {
			return err
		}
		s := v.anew[id]
		if _, ok := s.Currency(); !ok {
			continue // it has no metadata, and no log that could be held to anything
		}
		err := s.CheckLog(ctx, v.good[id])
		switch f := fault.Of(err); {
		case err == nil:
			v.Logged += len(v.good[id])
		case fault.KindOf(err) == fault.Integrity:
			v.Mismatches = append(v.Mismatches, Trouble{What: "log", Message: f.Message, Facts: f.Facts})
		default:
			return err
		}
	}
	return nil
}

// known holds what a copy says against what this machine has seen of its registry elsewhere.
func (v *verifier) known(ctx context.Context, id string) error {
	r, err := v.set.ByID(ctx, id)
	if err != nil {
		return err
	}
	var wants []index.Want
	for _, a := range v.good[id] {
		wants = append(wants, index.Want{Name: a.Name(), Version: a.Version(), Checksum: a.Publish().Checksum})
	}
	_, err = v.set.HoldAgainstKnown(ctx, r, wants)
	if f := fault.Of(err); fault.KindOf(err) == fault.Integrity {
		v.Mismatches = append(v.Mismatches, Trouble{What: "index", Message: f.Message, Facts: f.Facts})
		return nil
	}
	return err
}

// itemOf is a locked package as the cache knows it.
func itemOf(l manifest.LockedPackage) fetch.Item {
	return fetch.Item{Name: l.Name, Version: l.Version, Key: manifest.Key(l.Name), Digest: l.Checksum}
}

// stored hashes what the cache has of a package.
func (v *verifier) stored(ctx context.Context, l manifest.LockedPackage) error {
	item := itemOf(l)
	if index.Digest(l.Checksum).Check() != nil {
		return nil // told already, or by whoever compares it with the index
	}
	had := v.store.Has(item)
	f, err := v.store.Open(ctx, item)
	switch {
	case errors.Is(err, cache.ErrAbsent) && had:
		v.wrong(l, "archive", "its archive in the cache does not have the checksum of gal.lock; it was removed")
	case errors.Is(err, cache.ErrAbsent):
		v.unchecked(l, "archive", "its archive is not in the cache")
	case err != nil:
		return err
	default:
		defer f.Close()
		entries, err := archive.List(f, item.Folder(), archive.Options{})
		if err != nil {
			v.wrong(l, "archive", "%v", err)
			return nil
		}
		v.Archives++
		v.entries[l.Checksum] = entries
	}
	return v.tree(l, item)
}

// tree compares a package's tree with its archive; where that is missing, with the listing from when it was unpacked.
func (v *verifier) tree(l manifest.LockedPackage, item fetch.Item) error {
	if !v.store.HasTree(item) {
		return nil
	}
	path, err := v.store.TreePath(item)
	if err != nil {
		return err
	}
	if entries, ok := v.entries[l.Checksum]; ok {
		err = compareTree(path, entries)
	} else {
		err = v.store.Check(item, cache.Content)
	}
	if err != nil {
		v.wrong(l, "store", "%s: %v", path, err)
		_ = v.store.Distrust(map[string]string{path: err.Error()}) // in a cache that cannot be written to, an install mends nothing either
		return nil
	}
	v.Trees++
	return nil
}
