package gitindex

import (
	"context"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// fetchCommit brings a revision of the store into repo. For a pinned commit, a server that does not give it by its id is
// asked for the whole history, in which it may be.
func (s *Store) fetchCommit(ctx context.Context, repo *gitrepo.Repo, want snapshot) (answer, error) {
	ask := gitwire.Fetch{Wants: []gitrepo.Hash{want.commit}, Depth: 1, Filter: want.leave, Have: want.base}
	if s.opts.Commit == "" {
		return s.remote.fetch(ctx, repo, ask)
	}
	tips, err := s.remote.tips(ctx)
	if err != nil {
		return answer{}, err
	}
	ask.Wants[0] = tips.wants(want.commit)
	a, err := s.remote.fetch(ctx, repo, ask)
	if err == nil || !isRefusal(err) {
		return a, err
	}
	if ask = (gitwire.Fetch{Wants: tips.objects(), Filter: want.leave}); len(ask.Wants) > 0 {
		if a, err = s.remote.fetch(ctx, repo, ask); err != nil {
			return answer{}, err
		}
	}
	if !repo.Has(want.commit) {
		return answer{}, s.noCommit()
	}
	return a, nil
}

func (s *Store) noCommit() error {
	return fault.New(fault.NotFound, "git-branch-not-found", "the git repository at %q does not have commit %s any more", s.opts.URL, s.opts.Commit)
}

// Entry is one entry of a snapshot that is not a folder.
type Entry struct {
	Path       string
	Executable bool
	Link       bool // a symbolic link
	Submodule  bool
}

// Entries lists what is in the revision of a store with Options.Commit, in git's order, without the network: of branches, a
// store need not have all folders. More than limit entries are a fault of code "git-content-unsafe": folders that are in each
// other many times can be few bytes and countless files.
func (s *Store) Entries(ctx context.Context, limit int) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	var list []Entry
	err := s.repo().Walk(ctx, s.revision, "", func(f gitrepo.File) error {
		if len(list) == limit {
			return fault.New(fault.Integrity, "git-content-unsafe", "the repository at %q has more than %d files", s.opts.URL, limit)
		}
		list = append(list, Entry{f.Path, f.Mode == gitrepo.ModeExec, f.Mode == gitrepo.ModeLink, f.Mode == gitrepo.ModeSubmodule})
		return nil
	})
	return list, s.explainRead(err)
}
