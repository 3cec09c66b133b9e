package index

import (
	"context"
	"net/http"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
)

// Git reads a tree from branch dist of a git repository, through a sparse copy that holds only the files that were asked
// for. All files of a round come in one request.
type Git struct {
	store   *gitindex.Store
	rounds  *gatherer
	offline bool
	plain   func() (*gitindex.Store, error) // opens the copy of branch main; nil where that is not to be read
}

// GitOptions say how a registry's repository is read.
type GitOptions struct {
	Offline bool // answer from the copy alone
	// Plain reads branch main where there is no branch dist: what people proposed, with nothing that vouches for it.
	Plain bool
}

// OpenGit opens the copy in dir, which is made where it is missing.
func OpenGit(dir string, o gitindex.Options, g GitOptions) (*Git, error) {
	if g.Offline {
		o.HTTP = &http.Client{Transport: noNetwork{}}
	}
	store, err := gitindex.Open(dir, o)
	if err != nil {
		return nil, err
	}
	t := &Git{store: store, offline: g.Offline}
	t.rounds = newGatherer(func(ctx context.Context, paths []string) (map[string][]byte, error) { return t.store.Fetch(ctx, paths) })
	if g.Plain {
		t.plain = func() (*gitindex.Store, error) {
			main := o
			main.Branch = plainBranch
			return gitindex.Open(dir+"."+plainBranch, main)
		}
	}
	return t, nil
}

// plainBranch is where a registry without builds has its lines.
const plainBranch = "main"

// noNetwork answers every request with the reason why it is not sent.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fault.New(fault.Network, "offline-miss", "a part of the index is not in the cache, and --offline forbids to ask %s", r.URL.Host).
		WithHelp("run once without --offline")
}

// Offline reports whether nobody is asked.
func (t *Git) Offline() bool { return t.offline }

// Lenient implements [Lenient]: without a network nothing newer can be had.
func (t *Git) Lenient() bool { return t.offline }

// Refresh brings the copy to the newest commit.
func (t *Git) Refresh(ctx context.Context) error {
	if t.offline {
		return nil
	}
	_, err := t.store.Refresh(ctx)
	if fault.IsCode(err, "git-branch-not-found") && t.plain != nil {
		return t.turnPlain(ctx)
	}
	return err
}

// turnPlain goes over to branch main.
func (t *Git) turnPlain(ctx context.Context) error {
	store, err := t.plain()
	if err != nil {
		return err
	}
	t.store.Close()
	t.store, t.plain = store, nil
	return t.Refresh(ctx)
}

// Fetch asks for the files that the copy does not hold, together with what others ask for at the same time.
func (t *Git) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
	}
	files, err := t.rounds.Fetch(ctx, paths)
	if t.offline && t.plain != nil && fault.IsCode(err, "index-not-fetched") {
		if err := t.turnPlain(ctx); err != nil {
			return nil, err
		}
		return t.Fetch(ctx, paths)
	}
	if t.offline && fault.IsCode(err, "index-not-fetched") {
		return nil, fault.New(fault.Network, "offline-miss", "the index is not in the cache, and --offline forbids to ask for it").
			WithHelp("run once without --offline")
	}
	return files, err
}

// Batches implements [Batching].
func (t *Git) Batches() bool { return true }

// Announce implements [Announced].
func (t *Git) Announce(paths []string) { t.store.Announce(paths) }

// Tier says how the copy is fetched, for diagnosis.
func (t *Git) Tier() gitindex.Tier { return t.store.Tier() }

// Stats counts what was asked of the server since the copy was opened.
func (t *Git) Stats() gitindex.Stats { return t.store.Stats() }

// Close lets go of the copy.
func (t *Git) Close() error { return t.store.Close() }
