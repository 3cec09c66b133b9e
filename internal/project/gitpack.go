package project

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/resolve"
)

// lfsPointer begins a file whose content is on another server.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// gitFiles brings all files of a commit. What is no file, or stands for one, is refused: the package would not be what its
// author sees.
func (s *source) gitFiles(ctx context.Context, from manifest.Source, name string) (files []archive.File, err error) {
	err = s.withCommit(ctx, name, from, func(store *gitindex.Store) error {
		entries, err := store.Entries(ctx, archive.MaxFiles)
		if err != nil {
			return err
		}
		if files, err = plainFiles(name, entries); err != nil {
			return err
		}
		paths := make([]string, len(files))
		for i, f := range files {
			paths[i] = f.Path
		}
		contents, err := store.Fetch(ctx, paths)
		if err != nil {
			return err
		}
		for i, f := range files {
			files[i].Data = contents[f.Path]
			if bytes.HasPrefix(contents[f.Path], []byte(lfsPointer)) {
				return gitFault("dependency `%s`: %q is kept in Git LFS, which is not supported", name, f.Path)
			}
		}
		return nil
	})
	return files, err
}

// plainFiles holds, before any content is asked for, that a commit can be an archive.
func plainFiles(name string, entries []gitindex.Entry) ([]archive.File, error) {
	files := make([]archive.File, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.Submodule:
			return nil, gitFault("dependency `%s`: %q is a submodule, which is not fetched", name, e.Path)
		case e.Link:
			return nil, gitFault("dependency `%s`: %q is a symbolic link, which a package cannot have", name, e.Path)
		}
		files = append(files, archive.File{Path: e.Path, Executable: e.Executable})
	}
	slices.SortFunc(files, func(a, b archive.File) int { return strings.Compare(a.Path, b.Path) })
	if problems := archive.Check(files); len(problems) > 0 {
		return nil, gitFault("dependency `%s` cannot be a package: %s", name, problems[0].Message)
	}
	return files, nil
}

// pack makes the archive of a locked package. It follows from the commit alone, and so does its digest, which is therefore
// not in gal.lock.
func (s *source) pack(ctx context.Context, l manifest.LockedPackage) (fetch.Item, []byte, error) {
	item := fetch.Item{Name: l.Name, Version: l.Version, Key: manifest.Key(l.Name), Pinned: LockName}
	files, err := s.gitFiles(ctx, l.Source, l.Name)
	if err != nil {
		return item, nil, err
	}
	a, err := archive.Pack(item.Folder(), files)
	if err != nil {
		return item, nil, explainGit(l.Name, err)
	}
	item.Digest, item.Size, item.Unpacked = a.Digest, a.Size, a.Unpacked
	return item, a.Bytes, nil
}

// fetchGit brings the packages of a plan that come from git into the cache.
func (p *Plan) fetchGit(ctx context.Context, selected []resolve.Selected, o Fetching) ([]download.Result, error) {
	var results []download.Result
	wanted := refs(selected)
	for _, l := range p.Lock.Packages {
		if l.Source.Kind != manifest.GitSource || selected != nil && !wanted[l.Ref()] {
			continue
		}
		item, data, err := p.source.pack(ctx, l)
		if err != nil {
			return nil, err
		}
		r, err := placeGit(ctx, item, data, o)
		if err != nil {
			return nil, err
		}
		p.source.mu.Lock()
		p.source.packed[l.Ref()] = item.Digest
		p.source.mu.Unlock()
		results = append(results, r)
	}
	return results, nil
}

// placeGit puts an archive into the cache, where it is then as any other. One that turns out to be damaged is put there again.
func placeGit(ctx context.Context, item fetch.Item, data []byte, o Fetching) (download.Result, error) {
	r := download.Result{Item: item}
	o.Events.Start(item)
	for tries := 0; ; tries++ {
		filled, err := o.Cache.Fill(ctx, item, func(p *cache.Pending) error {
			_, err := p.Write(data)
			return err
		})
		if err != nil {
			return r, err
		}
		r.Downloaded = r.Downloaded || filled
		err = useGit(ctx, &r, o)
		if errors.Is(err, cache.ErrAbsent) && tries == 0 {
			continue
		}
		if err == nil {
			o.Cache.Count(!r.Downloaded)
			o.Events.Finish(item, !r.Downloaded)
		}
		return r, err
	}
}

// useGit verifies what is in the cache, and unpacks it where trees are wanted.
func useGit(ctx context.Context, r *download.Result, o Fetching) (err error) {
	if !o.ArchivesOnly {
		r.Tree, err = o.Cache.Tree(ctx, r.Item, o.Level)
		return err
	}
	f, err := o.Cache.Open(ctx, r.Item)
	if err != nil {
		return err
	}
	return f.Close()
}

// commit holds a package from git against its commit: the objects are hashed, and the archive and the tree must be what
// they come to.
func (v *verifier) commit(ctx context.Context, l manifest.LockedPackage) error {
	var item fetch.Item
	err := checkAddress(rootAsker(), l.Source.Location) // gal.lock is not what says where to look
	if err == nil {
		item, _, err = v.source.pack(ctx, l)
	}
	switch {
	case fault.KindOf(err) == fault.Integrity || fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Manifest:
		v.wrong(l, "git", "%s", fault.Of(err).Message)
		return nil
	case err != nil:
		return err
	}
	v.source.packed[l.Ref()] = item.Digest
	return v.stored(ctx, v.withDigest(l))
}

// withDigest returns a package from git with the digest that gal.lock does not have.
func (v *verifier) withDigest(l manifest.LockedPackage) manifest.LockedPackage {
	if l.Source.Kind == manifest.GitSource {
		l.Checksum = v.source.packed[l.Ref()]
	}
	return l
}
