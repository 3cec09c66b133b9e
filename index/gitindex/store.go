package gitindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
)

// Store is a sparse copy of one branch. Its methods may be called concurrently; several processes may open the same
// folder. Close it after use.
type Store struct {
	dir    string
	opts   Options
	remote *remote // nil for a repository of this machine

	mu       sync.Mutex
	gen      *generation   // nil before the first refresh, and for a repository of this machine
	local    *gitrepo.Repo // only for a repository of this machine
	revision gitrepo.Hash
	tier     Tier
	damaged  bool // a part of the revision could not be read

	search   *gitrepo.Search // see beginSearch
	searched place
	rested   bool // whether all folders should be fetched was asked

	announcing sync.Mutex // so that nobody who announces waits for a request
	announced  []string
	asked      map[gitrepo.Hash]bool // folders on the way to announced paths
}

// Open opens the store in dir, which is made where it is not there, without the network: at the revision of the last
// refresh, or at none. For a repository of this machine it keeps nothing in dir, and the revision is the branch's.
//
// An address that is not accepted is a fault of kind Usage ("git-url", "git-url-credentials", "git-url-insecure").
func Open(dir string, opts Options) (*Store, error) {
	opts = filled(opts)
	if opts.Commit != "" {
		if _, err := checkCommit(opts.Commit); err != nil {
			return nil, err
		}
		opts.Branch = "commit-" + opts.Commit // the state on disk is then that of this commit alone
	}
	at, err := parseLocation(opts.URL, opts.AllowInsecure)
	if err != nil {
		return nil, err
	}
	if err := gitrepo.CheckRefName("refs/heads/" + opts.Branch); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts}
	if at.scheme == "file" {
		return s, s.openLocal(at.path)
	}
	s.remote = newRemote(at, opts)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, s.load()
}

// filled returns the options with their defaults.
func filled(opts Options) Options {
	if opts.Branch == "" {
		opts.Branch = DefaultBranch
	}
	if opts.MaxPackBytes <= 0 {
		opts.MaxPackBytes = DefaultMaxPackBytes
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return opts
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (s *Store) openLocal(path string) error {
	repo, err := openRepository(path)
	if err != nil {
		return err
	}
	s.local, s.tier = repo, TierLocal
	if _, err = s.refreshLocal(); fault.KindOf(err) == fault.NotFound {
		return nil // no such branch yet: as a remote that was never refreshed
	}
	return err
}

// loadTries bounds how often load follows another process that replaces the generation under its hands.
const loadTries = 10

// load takes over the state on disk. A state that does not lead to a readable snapshot counts as none.
func (s *Store) load() error {
	for range loadTries {
		st := s.readState()
		if st == (state{}) {
			return nil
		}
		gen := s.gen
		if gen == nil || gen.name != st.Generation {
			var err error
			if gen, err = s.openGeneration(st.Generation); err != nil && !errors.Is(err, errGone) {
				return err
			}
		}
		if gen == nil {
			continue
		}
		revision, err := gitrepo.ParseHash(st.Revision)
		if err != nil || !complete(gen.repo, revision) {
			if gen != s.gen {
				gen.close()
			}
			return nil
		}
		s.use(gen, revision, st.Tier)
		return nil
	}
	return nil
}

// use makes a generation and a revision the store's own.
func (s *Store) use(gen *generation, revision gitrepo.Hash, tier Tier) {
	if s.gen != gen {
		s.gen.close()
	}
	if s.revision != revision {
		s.announcing.Lock()
		s.announced, s.asked = nil, map[gitrepo.Hash]bool{}
		s.announcing.Unlock()
	}
	s.gen, s.revision, s.tier = gen, revision, tier
}

// complete reports whether a commit and its root folder can be read.
func complete(repo *gitrepo.Repo, revision gitrepo.Hash) bool {
	c, err := repo.ReadCommit(revision)
	if err != nil {
		return false
	}
	_, err = repo.Lookup(c.Tree, []string{"registry.toml"})
	return err == nil
}

// Close gives up the store's files and locks.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen.close()
	s.gen = nil
	if s.remote != nil {
		s.remote.hangUp()
	}
	if s.local != nil {
		return s.local.Close()
	}
	return nil
}

// Revision returns the commit that the store reads from, 40 hex digits, or "" before the first refresh.
func (s *Store) Revision() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revision.IsZero() {
		return ""
	}
	return s.revision.String()
}

// Head returns the commit of the revision, without the network.
func (s *Store) Head() (gitrepo.Commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return gitrepo.Commit{}, err
	}
	return s.repo().ReadCommit(s.revision)
}

// Tier returns how the store reads its remote, or "" before the first refresh.
func (s *Store) Tier() Tier {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tier
}

// Stats returns what was asked of the remote since Open.
func (s *Store) Stats() Stats {
	if s.remote == nil {
		return Stats{}
	}
	m := s.remote.meter
	return Stats{Requests: m.requests.Load(), Bytes: m.bytes.Load(), Objects: m.objects.Load()}
}

// repo returns the repository that holds the revision.
func (s *Store) repo() *gitrepo.Repo {
	if s.local != nil {
		return s.local
	}
	if s.gen == nil {
		return nil
	}
	return s.gen.repo
}

// ready fails before the first refresh.
func (s *Store) ready() error {
	if s.revision.IsZero() || s.repo() == nil {
		return fault.New(fault.NotFound, "index-not-fetched", "branch %q of %q was not fetched yet", s.opts.Branch, s.opts.URL)
	}
	return nil
}

// lockRefresh waits for other processes that refresh the same folder.
func (s *Store) lockRefresh(ctx context.Context) (unlock func(), err error) {
	lock := flock.New(filepath.Join(s.dir, "refresh.lock"))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return nil, fmt.Errorf("waiting for another refresh of %s: %w", s.dir, err)
	}
	return func() { lock.Close() }, nil
}

const lockPause = 20 * time.Millisecond
