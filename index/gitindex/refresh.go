package gitindex

import (
	"context"
	"errors"
	"io/fs"

	"github.com/geeknik/gal-pkg/index/gitindex/gitwire"
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
	defer s.remote.rest()
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
	if err == nil && (head != s.revision || s.worn()) {
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

// worn reports whether there is no generation to build on.
func (s *Store) worn() bool {
	return s.gen == nil || s.damaged || s.gen.repo.PackCount() > maxPacks
}

// fetchHead fetches a commit, as much of it as the tier says, and makes it the store's revision. It builds on what is here,
// and where that cannot be done it starts a new generation.
func (s *Store) fetchHead(ctx context.Context, head gitrepo.Hash) error {
	if !s.worn() {
		// A server that has refused single objects is asked again when a generation begins, not before.
		want := snapshot{commit: head, base: s.revision, leave: s.tier.leaves()}
		err := s.moveTo(ctx, s.gen, want)
		if !fault.IsCode(err, "git-bad-pack") || errors.Is(err, gitrepo.ErrTooLarge) {
			return err
		}
	}
	gen, err := s.newGeneration()
	if err != nil {
		return err
	}
	leave := gitwire.Upper
	if s.opts.Commit != "" {
		leave = gitwire.NoFiles // it is listed: see Entries
	}
	if err = s.moveTo(ctx, gen, snapshot{commit: head, leave: leave}); err != nil {
		s.discard(gen)
	}
	return err
}

// moveTo fetches a snapshot into a generation and makes both the store's own.
func (s *Store) moveTo(ctx context.Context, gen *generation, want snapshot) error {
	tier, err := s.fetchSnapshot(ctx, gen.repo, want)
	if err == nil {
		err = s.writeState(state{Generation: gen.name, Revision: want.commit.String(), Tier: tier})
	}
	if err != nil {
		return err
	}
	s.use(gen, want.commit, tier)
	s.sweep()
	return nil
}

// snapshot is what to fetch of a commit.
type snapshot struct {
	commit gitrepo.Hash
	base   gitrepo.Hash   // one that is here but for what is left out; zero for none
	leave  gitwire.Filter // what to leave out, where the server can
}

// extent is what must be here of it.
func (w snapshot) extent() gitrepo.Extent {
	if w.leave == gitwire.Upper {
		return gitrepo.Extent{Levels: gitwire.UpperLevels}
	}
	return gitrepo.Extent{Files: w.leave == ""}
}

// fetchSnapshot brings a commit into repo, with what cannot be left out of it, and holds that it is what was asked for and
// whole: of what is not, nothing stays. The ref is set for people who look at the folder with git; the store goes by
// state.json.
func (s *Store) fetchSnapshot(ctx context.Context, repo *gitrepo.Repo, want snapshot) (Tier, error) {
	t, err := s.remote.talk(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case want.leave != "" && !t.hello.Filters():
		want.base, want.leave = gitrepo.Hash{}, "" // the base has no files to build on
	case want.leave == gitwire.Upper && t.hello.Version != 2:
		want.base, want.leave = gitrepo.Hash{}, gitwire.NoFiles // most servers of v0 refuse folders by their ids
	}
	a, cloned := s.cloneByGit(ctx, repo, want)
	if !cloned {
		a, err = s.fetchCommit(ctx, repo, want)
	}
	if want.leave == gitwire.Upper && isNoAnswer(err) {
		want.base, want.leave = gitrepo.Hash{}, gitwire.NoFiles // the base has not all folders to build on
		a, err = s.fetchCommit(ctx, repo, want)
	}
	if err != nil {
		return "", err
	}
	if err := s.checkSnapshot(ctx, repo, want); err != nil {
		if !a.pack.Known && !a.pack.Hash.IsZero() {
			repo.RemovePack(a.pack.Hash) // what stays is of no use, and swept with the generation
		}
		return "", err
	}
	if err := s.note(repo, want.commit); err != nil {
		return "", err
	}
	switch {
	case !a.filtered:
		return TierPlain, nil
	case want.leave == gitwire.Upper:
		return TierTreeless, nil
	case a.version == 2:
		return TierV2, nil
	}
	return TierV0, nil
}

// checkSnapshot holds that a commit is there with all that it should have. What comes when it is asked for is held to be
// there then.
func (s *Store) checkSnapshot(ctx context.Context, repo *gitrepo.Repo, want snapshot) error {
	_, err := repo.ReadCommit(want.commit)
	if err == nil {
		err = repo.CheckComplete(ctx, want.base, want.commit, want.extent())
	}
	if errors.Is(err, gitrepo.ErrMissingObject) {
		return fault.New(fault.Integrity, "git-bad-pack", "the git server of %q sent a pack without all of the commit that was asked for", s.opts.URL).
			WithFact("commit %s", want.commit).Because(err)
	}
	return s.explainRead(err) // what came is in packs that were checked, what it builds on may be damaged
}

// note writes down what git needs to know of a commit without history.
func (s *Store) note(repo *gitrepo.Repo, head gitrepo.Hash) error {
	if err := repo.AddShallow(head); err != nil {
		return err
	}
	name := "refs/heads/" + s.opts.Branch
	old, err := repo.Ref(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old == head {
		return nil
	}
	return repo.CompareAndSwap(name, old, head)
}
