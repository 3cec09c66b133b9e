package gitindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Fetch returns the contents of files at the store's revision, by path; paths that are not there, or are folders, are
// absent. What the store does not have yet comes, and stays: of all paths the folders in one request, and then the files in
// one; with nothing missing the network is not used. Each file is hashed and compared with the id that its folder has for it.
//
// Faults: those of [Store.Refresh]; "index-not-fetched" before the first refresh; "index-moved" (Network) where the server
// has dropped the revision: refresh and ask again; "git-content-unsafe" for links, submodules, and paths or folders that
// no honest index has; "index-file-too-large" over [MaxFileBytes] or, together, [MaxFetchBytes].
func (s *Store) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	defer s.remote.rest()
	found, err := s.locate(ctx, paths, content)
	if err != nil {
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

// explainRead turns an error of reading the store's own repository into one for the user.
func (s *Store) explainRead(err error) error {
	switch {
	case errors.Is(err, gitrepo.ErrDamaged) && s.remote != nil:
		s.distrust()
		return fault.New(fault.Integrity, "git-bad-pack", "the copy of %q that is kept here is damaged", s.opts.URL).
			WithHelp("try again: it is fetched afresh").Because(err)
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
