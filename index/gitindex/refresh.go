package gitindex

import (
	"context"
	"errors"
	"io/fs"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Refresh moves the store to the newest commit of the branch, and reports whether that is another one than before. It
// waits for other processes that refresh the same folder, and then uses what they have fetched. After an error the store
// is where it was.
//
// Faults: "git-branch-not-found", "git-repository-not-found" (NotFound), "git-auth-required", "git-auth-refused",
// "git-ssh-failed" (Auth), "git-unreachable", "git-redirect-refused" (Network), "git-bad-pack",
// "git-response-too-large", "git-content-unsafe" (Integrity).
func (s *Store) Refresh(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.local != nil {
		return s.refreshLocal()
	}
	unlock, err := s.lockRefresh(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	before := s.revision
	if err := s.load(); err != nil {
		return false, err
	}
	head, err := s.head(ctx)
	if err == nil && (s.gen == nil || head != s.revision || s.gen.repo.PackCount() > maxPacks) {
		err = s.fetchHead(ctx, head)
	}
	return s.revision != before, err
}

func (s *Store) refreshLocal() (bool, error) {
	if s.opts.Commit != "" {
		return s.pinLocal()
	}
	head, err := s.local.Ref("refs/heads/" + s.opts.Branch)
	if errors.Is(err, fs.ErrNotExist) {
		return false, s.noBranch()
	}
	if err != nil {
		return false, err
	}
	changed := head != s.revision
	s.revision = head
	return changed, nil
}

// pinLocal holds that a repository of this machine has the pinned commit.
func (s *Store) pinLocal() (bool, error) {
	head, err := gitrepo.ParseHash(s.opts.Commit)
	if err != nil {
		return false, err
	}
	if _, err := s.local.ReadCommit(head); errors.Is(err, gitrepo.ErrMissingObject) {
		return false, s.noCommit()
	} else if err != nil {
		return false, err
	}
	changed := head != s.revision
	s.revision = head
	return changed, nil
}

func (s *Store) noBranch() error {
	return fault.New(fault.NotFound, "git-branch-not-found", "the git repository at %q has no branch %q", s.opts.URL, s.opts.Branch)
}

// head asks the server where the branch is; a pinned commit is where it always was.
func (s *Store) head(ctx context.Context) (gitrepo.Hash, error) {
	if s.opts.Commit != "" {
		return gitrepo.ParseHash(s.opts.Commit)
	}
	name := "refs/heads/" + s.opts.Branch
	refs, err := s.remote.refs(ctx, name)
	if err != nil {
		return gitrepo.Hash{}, err
	}
	for _, e := range refs {
		if e.Name == name {
			return e.Hash, nil
		}
	}
	return gitrepo.Hash{}, s.noBranch()
}

// fetchHead fetches a commit with its folders and makes it the store's revision; with too many packs, or none at all,
// in a new generation.
func (s *Store) fetchHead(ctx context.Context, head gitrepo.Hash) error {
	gen := s.gen
	if gen == nil || gen.repo.PackCount() > maxPacks {
		var err error
		if gen, err = s.newGeneration(); err != nil {
			return err
		}
	}
	// A server that has refused single objects is asked again when a generation begins, not before.
	tier, err := s.fetchSnapshot(ctx, gen.repo, head, gen != s.gen || s.tier != TierFull)
	if err == nil {
		err = s.writeState(state{Generation: gen.name, Revision: head.String(), Tier: tier})
	}
	if err != nil {
		if gen != s.gen {
			gen.close()
		}
		return err
	}
	s.use(gen, head, tier)
	s.sweep()
	return nil
}

// fetchSnapshot brings a commit, its folders and, where they cannot be left out, its files into repo, and checks that it
// is what was asked for. The ref is set for people who look at the folder with git; the store goes by state.json.
func (s *Store) fetchSnapshot(ctx context.Context, repo *gitrepo.Repo, head gitrepo.Hash, noBlobs bool) (Tier, error) {
	filtered, err := s.fetchCommit(ctx, repo, head, noBlobs)
	if err != nil {
		return "", err
	}
	if !complete(repo, head) {
		return "", fault.New(fault.Integrity, "git-bad-pack", "the git server of %q sent a pack without the commit that was asked for", s.opts.URL).
			WithFact("commit %s", head)
	}
	if err := repo.AddShallow(head); err != nil {
		return "", err
	}
	name := "refs/heads/" + s.opts.Branch
	old, err := repo.Ref(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if old != head {
		if err := repo.CompareAndSwap(name, old, head); err != nil {
			return "", err
		}
	}
	if filtered {
		return TierBlobless, nil
	}
	return TierFull, nil
}
