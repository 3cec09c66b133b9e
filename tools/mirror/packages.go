package mirror

import (
	"context"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign/tuf"
)

const batchSize = 256 // packages

// copyMetadata copies what vouches: every root, the state that was verified, and the files that it names itself.
func (r *run) copyMetadata(ctx context.Context) error {
	state := r.standing.now.Metadata
	current, _ := r.snapshot.Currency()
	var roots []string
	for n := int64(1); n <= current.Version; n++ {
		roots = append(roots, tuf.RootPath(n))
	}
	if _, err := r.from.Fetch(ctx, roots); err != nil {
		return err
	}
	data := map[string][]byte{}
	for i, path := range state.Paths() {
		data[path] = [][]byte{state.Root, state.Timestamp, state.Snapshot, state.Targets}[i]
		if err := r.from.stage(path, data[path]); err != nil {
			return err
		}
	}
	targets, err := tuf.TargetsOf(state)
	if err != nil {
		return err
	}
	var names []string
	for name := range targets {
		if name != listing.TopTarget { // which has been read: there are no lists without it
			names = append(names, name)
		}
	}
	slices.Sort(names)
	found, err := r.snapshot.Files(ctx, names)
	if err == nil && len(found) < len(names) {
		err = fault.New(fault.Integrity, "metadata-mismatch", "SECURITY: %s lacks files that its metadata names", r.source.Name)
	}
	return err
}

// copyPackages copies and verifies the files of packages, and those of everybody who speaks in them.
func (r *run) copyPackages(ctx context.Context) error {
	names, err := r.names(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]index.Digest{}
	for _, want := range r.releases {
		wanted[releaseKey(want.Name, want.Version)] = want.Checksum
	}
	for batch := range slices.Chunk(names, batchSize) {
		if err := r.copyBatch(ctx, batch, wanted); err != nil {
			return err
		}
	}
	for _, want := range r.releases {
		if !slices.ContainsFunc(r.archives, func(a archive) bool { return releaseKey(a.Name, a.Version) == releaseKey(want.Name, want.Version) }) {
			return fault.New(fault.NotFound, "version-not-found", "registry %s has no `%s %s` that can be used", r.report.Registry, want.Name, want.Version)
		}
	}
	return nil
}

// names returns the names of the packages that the mirror is to hold, sorted.
func (r *run) names(ctx context.Context) (names []string, err error) {
	if !r.o.Scope.Whole && !r.o.Scope.Found {
		for _, want := range r.releases {
			names = append(names, want.Name)
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	rows, err := r.snapshot.Catalogue(ctx)
	if err != nil && !r.o.Scope.Found {
		return nil, err
	}
	for _, row := range rows {
		names = append(names, row.Name)
	}
	there := map[string]bool{}
	for _, path := range r.source.Paths {
		if there[path] = true; !strings.HasPrefix(path, index.PackageDir) {
			continue
		}
		name, err := nameIn(ctx, r.source.Transport, path)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if r.o.Scope.Found { // a part may have the catalogue of the whole
		names = slices.DeleteFunc(names, func(name string) bool { return !there[index.PackagePath(name)] })
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// nameIn returns the name of the package that a file is about, as its first line has it. Whether the file is what it should
// be is found when it is read by that name.
func nameIn(ctx context.Context, t index.Transport, path string) (string, error) {
	files, err := t.Fetch(ctx, []string{path})
	if err != nil {
		return "", err
	}
	entries, err := new(index.Decoder).ParseStamped(path, files[path])
	if err != nil || len(entries) == 0 || index.PackagePath(entries[0].Line.Subject) != path {
		return "", fault.New(fault.Integrity, "index-malformed", "SECURITY: %s is no file of a package", path).Because(err)
	}
	return entries[0].Line.Subject, nil
}

// copyBatch copies and verifies some packages, and notes which archives belong to them.
func (r *run) copyBatch(ctx context.Context, names []string, wanted map[string]index.Digest) error {
	if err := r.snapshot.Load(ctx, names); err != nil {
		return err
	}
	var wants []index.Want
	for _, name := range names {
		p, err := r.snapshot.Package(ctx, name)
		switch {
		case fault.IsCode(err, "package-too-new"):
			r.o.Say("warning: package %s uses a newer index format: it is copied as it is, without its archives", name)
			continue
		case fault.KindOf(err) == fault.NotFound && r.o.Scope.Whole:
			continue // the catalogue names more than there is, or one in another spelling
		case err != nil:
			return err
		}
		r.report.Packages++
		for _, release := range p.Releases {
			checksum, ok := wanted[releaseKey(name, release.Version)]
			if release.Offered() && (ok || len(wanted) == 0) && r.isThere(name, release) {
				wants = append(wants, index.Want{Name: name, Version: release.Version, Checksum: checksum})
			}
		}
	}
	if err := r.copyBundles(ctx, names); err != nil {
		return err
	}
	artifacts, _, err := r.snapshot.Verify(ctx, wants)
	if err == nil {
		err = r.snapshot.CheckLog(ctx, artifacts)
	}
	for _, a := range artifacts {
		r.archives = append(r.archives, archiveOf(a))
	}
	return err
}

// isThere reports whether the archive of a release can be had: an import takes those that its source has.
func (r *run) isThere(name string, release *index.Release) bool {
	if !r.o.Scope.Found {
		return true
	}
	_, found := slices.BinarySearch(r.source.Paths, index.ArchivePath(name, release.Version.String()))
	return found
}

// copyBundles copies the bundles that signatures by identities are in, of some packages' lines and of their speakers'. Which
// of them a client reads depends on what it has verified before; a mirror has all.
func (r *run) copyBundles(ctx context.Context, names []string) error {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = index.PackagePath(name)
	}
	speakers, wanted, err := r.readLines(ctx, paths)
	if err != nil {
		return err
	}
	paths = paths[:0]
	for _, id := range speakers {
		paths = append(paths, index.PublisherPath(id))
	}
	_, more, err := r.readLines(ctx, paths)
	if err != nil {
		return err
	}
	_, err = r.from.Fetch(ctx, append(wanted, more...))
	return err
}

// readLines returns who speaks in some files, and the paths of the bundles that their lines refer to.
func (r *run) readLines(ctx context.Context, paths []string) (speakers, bundles []string, err error) {
	found, err := r.snapshot.Files(ctx, paths)
	if err != nil {
		return nil, nil, err
	}
	decoder := new(index.Decoder)
	for path, data := range found {
		entries, err := decoder.ParseStamped(path, data)
		if err != nil {
			return nil, nil, err
		}
		speakers = append(speakers, index.Speakers(entries)...)
		for _, e := range entries {
			for _, digest := range e.Line.Bundles() {
				bundles = append(bundles, index.BundlePath(digest))
			}
		}
	}
	slices.Sort(speakers)
	slices.Sort(bundles)
	return slices.Compact(speakers), slices.Compact(bundles), nil
}
