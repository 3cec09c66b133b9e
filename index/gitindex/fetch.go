package gitindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Fetch returns the contents of files at the store's revision, by path; paths that are not there, or are folders, are
// absent. Files that the store does not have yet come in one request, for whatever number of paths, and stay; with none
// missing the network is not used. Each file is hashed and compared with the id that its folder has for it.
//
// Faults: those of [Store.Refresh]; "index-not-fetched" before the first refresh; "index-moved" (Network) where the server
// has dropped the revision: refresh and ask again; "git-content-unsafe" for links, submodules, and paths or folders that
// no honest index has; "index-file-too-large" over [MaxFileBytes] or, together, [MaxFetchBytes].
func (s *Store) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.remote.rest()
	if err := s.ready(); err != nil {
		return nil, err
	}
	found, err := s.repo().Lookup(s.revision, paths)
	if err != nil {
		return nil, s.explainRead(err)
	}
	var missing []gitrepo.Hash
	asked := map[gitrepo.Hash]bool{}
	for _, path := range paths {
		f, ok := found[path]
		if ok && !f.Mode.Regular() {
			return nil, fault.New(fault.Integrity, "git-content-unsafe", "%q is a link or a submodule, not a file", path)
		}
		if ok && !asked[f.Hash] && !s.repo().Has(f.Hash) {
			missing = append(missing, f.Hash)
		}
		asked[f.Hash] = true
	}
	if err := s.fetchBlobs(ctx, missing); err != nil {
		return nil, err
	}
	return s.read(found, paths)
}

// read reads files that must be in the repository by now.
func (s *Store) read(found map[string]gitrepo.File, paths []string) (map[string][]byte, error) {
	files := make(map[string][]byte, len(found))
	var total int64
	for _, path := range paths {
		f, ok := found[path]
		if _, done := files[path]; !ok || done {
			continue
		}
		data, err := s.repo().ReadBlob(f.Hash, MaxFileBytes)
		if err != nil {
			return nil, s.explainRead(fmt.Errorf("%q: %w", path, err))
		}
		if total += int64(len(data)); total > MaxFetchBytes {
			return nil, s.explainRead(fmt.Errorf("%d files: %w", len(found), gitrepo.ErrTooLarge))
		}
		files[path] = data
	}
	return files, nil
}

// fetchBlobs asks for objects by id, all in one request. Where the server refuses that, it asks for all of the revision,
// now and from then on.
func (s *Store) fetchBlobs(ctx context.Context, missing []gitrepo.Hash) error {
	if len(missing) == 0 || s.remote == nil {
		return nil
	}
	repo := s.repo()
	_, err := s.remote.fetch(ctx, repo, gitwire.Fetch{Wants: missing})
	if err != nil && isRefusal(err) {
		err = s.fetchAll(ctx)
	}
	if err != nil {
		return err
	}
	for _, h := range missing {
		if !repo.Has(h) {
			return fault.New(fault.Integrity, "git-bad-pack", "the git server of %q did not send an object that was asked for", s.opts.URL).
				WithFact("object %s", h)
		}
	}
	return nil
}

// fetchAll leaves the blobless tier.
func (s *Store) fetchAll(ctx context.Context) error {
	unlock, err := s.lockRefresh(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.fetchSnapshot(ctx, s.gen.repo, snapshot{commit: s.revision}); err != nil {
		if isRefusal(err) {
			return fault.New(fault.Network, "index-moved", "branch %q of %q has moved, and its server has dropped the former state",
				s.opts.Branch, s.opts.URL).WithFact("revision %s", s.revision).Because(err)
		}
		return err
	}
	s.tier = TierPlain
	if s.readState().Revision != s.revision.String() {
		return nil // another process has gone on
	}
	return s.writeState(state{Generation: s.gen.name, Revision: s.revision.String(), Tier: TierPlain})
}

// explainRead turns an error of reading the store's own repository into one for the user.
func (s *Store) explainRead(err error) error {
	switch {
	case fault.Of(err) != nil:
		return err
	case errors.Is(err, gitrepo.ErrTooLarge):
		return fault.New(fault.Integrity, "index-file-too-large", "a file of the index at %q is too large", s.opts.URL).
			WithFact("limits: %d bytes a file, %d bytes together", int64(MaxFileBytes), int64(MaxFetchBytes)).Because(err)
	case errors.Is(err, gitrepo.ErrMissingObject):
		s.distrust()
		return fault.New(fault.Integrity, "git-bad-pack", "the git server of %q has left out a part of the index, or it was lost here", s.opts.URL).
			WithHelp("try again: it is fetched afresh").Because(err)
	}
	return err
}

// distrust makes the next refresh, of whatever process, start afresh.
func (s *Store) distrust() {
	if s.remote == nil || s.opts.Offline || s.gen == nil {
		return
	}
	s.damaged = true
	if st := s.readState(); st.Generation == s.gen.name && st.Revision == s.revision.String() {
		os.Remove(filepath.Join(s.dir, stateFile))
	}
}

// Paths lists the files below a folder of the revision ("" for all), in git's order, without the network.
func (s *Store) Paths(ctx context.Context, prefix string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	var paths []string
	err := s.repo().Walk(ctx, s.revision, prefix, func(f gitrepo.File) error {
		if f.Mode.Regular() {
			paths = append(paths, f.Path)
		}
		return nil
	})
	return paths, s.explainRead(err)
}
