package gitindex

import (
	"context"
	"fmt"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// need is what is to be here of the paths that are looked for, beside the folders on the way to them.
type need bool

const (
	nothing need = false
	content need = true // of the files
)

// locate finds the entries of paths, and fetches what is missing of them. A request is for all that is known to be missing:
// of each path, the first folder that is not here, or the file; and of the paths that were announced the same. Since a
// request brings what was wanted or fails, there are at most as many as a path has parts.
func (s *Store) locate(ctx context.Context, paths []string, files need) (map[string]gitrepo.File, error) {
	if err := s.beginSearch(); err != nil {
		return nil, s.explainRead(err)
	}
	for {
		found, missing, err := s.lacks(paths, files)
		if err != nil || len(missing) == 0 {
			return found, err
		}
		wants, err := s.withRest(ctx, s.withAnnounced(missing))
		if err != nil {
			return nil, err
		}
		if err := s.fetchObjects(ctx, missing, wants); err != nil {
			return nil, err
		}
	}
}

// maxRest bounds the folders that are fetched because they are few: 300 packages of a registry of 1,000 are in folders that
// would otherwise come one request a round, and all together are 100 KB.
const maxRest = 2048

// withRest adds what brings all folders that are missing, where that is most of them and they are few.
func (s *Store) withRest(ctx context.Context, missing []gitrepo.Hash) ([]gitrepo.Hash, error) {
	if s.rested || s.tier != TierTreeless {
		return missing, nil
	}
	s.rested = true
	rest, err := s.search.Rest(ctx, maxRest)
	return append(missing, rest...), s.explainRead(err)
}

// lacks finds paths, and what must be fetched to find or read the others.
func (s *Store) lacks(paths []string, files need) (map[string]gitrepo.File, []gitrepo.Hash, error) {
	found, missing, err := s.search.Find(paths)
	if err == nil && len(missing) > 0 && s.tier != TierTreeless {
		err = fmt.Errorf("folder %s: %w", missing[0], gitrepo.ErrMissingObject)
	}
	if err != nil {
		return nil, nil, s.explainRead(err)
	}
	if !files {
		return found, missing, nil
	}
	asked := map[gitrepo.Hash]bool{}
	for _, path := range paths {
		f, ok := found[path]
		if ok && !f.Mode.Regular() {
			return nil, nil, fault.New(fault.Integrity, "git-content-unsafe", "%q is a link or a submodule, not a file", path)
		}
		if ok && !asked[f.Hash] && !s.repo().Has(f.Hash) {
			missing = append(missing, f.Hash)
		}
		asked[f.Hash] = true
	}
	return found, missing, nil
}

// maxAnnounced bounds the paths that are announced and have not come yet.
const maxAnnounced = 10_000

// Announce says that files will be asked for soon, at the present revision. Nothing is fetched for them alone; what the store
// lacks of them comes with the next requests that are made anyway, so that a [Store.Fetch] of them makes fewer, or none. An
// announcement promises nothing: what is wrong with a path shows when it is fetched.
func (s *Store) Announce(paths []string) {
	if s.remote == nil || s.opts.Offline {
		return
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	s.announced = append(s.announced, paths...)
	s.announced = s.announced[max(0, len(s.announced)-maxAnnounced):]
}

// withAnnounced adds what is missing of the announced paths. A path is forgotten when it is here or not there, when it will
// be here after the request, and when the request for a folder on its way has brought nothing new.
func (s *Store) withAnnounced(missing []gitrepo.Hash) []gitrepo.Hash {
	s.announcing.Lock()
	defer s.announcing.Unlock()
	asked := map[gitrepo.Hash]bool{}
	for _, h := range missing {
		asked[h] = true
	}
	var later []string
	var folders []gitrepo.Hash
	for _, path := range s.announced {
		found, lacking, err := s.lacks([]string{path}, content)
		if err != nil {
			continue // it is told to whoever asks for it
		}
		if _, ok := found[path]; !ok && len(lacking) > 0 && !s.asked[lacking[0]] {
			later, folders = append(later, path), append(folders, lacking[0]) // what comes is a folder on the way
		}
		for _, h := range lacking {
			if !asked[h] {
				missing, asked[h] = append(missing, h), true
			}
		}
	}
	s.announced = later
	for _, h := range folders {
		s.asked[h] = true
	}
	return missing
}

// beginSearch has one search go on as long as the store is at the same revision.
func (s *Store) beginSearch() error {
	if s.search != nil && s.searched == (place{s.repo(), s.revision}) {
		return nil
	}
	search, err := s.repo().Search(s.revision)
	if err == nil {
		s.search, s.searched, s.rested = search, place{s.repo(), s.revision}, false
	}
	return err
}

// place is what a search is of.
type place struct {
	repo     *gitrepo.Repo
	revision gitrepo.Hash
}

// fetchObjects asks for objects by id, all in one request: some that are missing, and others that may come with them. Where
// the server refuses that, it asks for all folders of the revision, or all of it, now and from then on: then the objects need
// not be here yet.
func (s *Store) fetchObjects(ctx context.Context, missing, wants []gitrepo.Hash) error {
	if s.remote == nil {
		return s.explainRead(fmt.Errorf("object %s: %w", missing[0], gitrepo.ErrMissingObject))
	}
	_, err := s.remote.fetch(ctx, s.repo(), gitwire.Fetch{Wants: wants, Filter: gitwire.NoFiles, Edge: s.revision})
	switch {
	case s.tier == TierTreeless && isServersWord(err):
		return s.fall(ctx, gitwire.NoFiles)
	case isRefusal(err):
		return s.fall(ctx, "")
	case err != nil:
		return err
	}
	for _, h := range missing {
		if !s.repo().Has(h) {
			return fault.New(fault.Integrity, "git-bad-pack", "the git server of %q did not send an object that was asked for", s.opts.URL).
				WithFact("object %s", h)
		}
	}
	return nil
}

// fall fetches the whole revision but for what a filter leaves out, and goes on by the tier of that.
func (s *Store) fall(ctx context.Context, leave gitwire.Filter) error {
	unlock, err := s.lockRefresh(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	tier, err := s.fetchSnapshot(ctx, s.gen.repo, snapshot{commit: s.revision, leave: leave})
	if isRefusal(err) {
		return fault.New(fault.Network, "index-moved", "branch %q of %q has moved, and its server has dropped the former state",
			s.opts.Branch, s.opts.URL).WithFact("revision %s", s.revision).Because(err)
	}
	if err != nil {
		return err
	}
	s.tier = tier
	if st := s.readState(); st.Generation != s.gen.name || st.Revision != s.revision.String() {
		return nil // another process has gone on
	}
	return s.writeState(state{Generation: s.gen.name, Revision: s.revision.String(), Tier: tier})
}
