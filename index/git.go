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
	offline bool
}

// OpenGit opens the copy in dir, which is made where it is missing. Offline answers from the copy alone.
func OpenGit(dir string, o gitindex.Options, offline bool) (*Git, error) {
	if offline {
		o.HTTP = &http.Client{Transport: noNetwork{}}
	}
	store, err := gitindex.Open(dir, o)
	if err != nil {
		return nil, err
	}
	return &Git{store, offline}, nil
}

// noNetwork answers every request with the reason why it is not sent.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fault.New(fault.Network, "offline-miss", "a part of the index is not in the cache, and --offline forbids to ask %s", r.URL.Host).
		WithHelp("run once without --offline")
}

// Lenient implements [Lenient]: without a network nothing newer can be had.
func (t *Git) Lenient() bool { return t.offline }

// Refresh brings the copy to the newest commit.
func (t *Git) Refresh(ctx context.Context) error {
	if t.offline {
		return nil
	}
	_, err := t.store.Refresh(ctx)
	return err
}

// Fetch asks for the files that the copy does not hold.
func (t *Git) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
	}
	files, err := t.store.Fetch(ctx, paths)
	if t.offline && fault.IsCode(err, "index-not-fetched") {
		return nil, fault.New(fault.Network, "offline-miss", "the index is not in the cache, and --offline forbids to ask for it").
			WithHelp("run once without --offline")
	}
	return files, err
}

// Tier says how the copy is fetched, for diagnosis.
func (t *Git) Tier() gitindex.Tier { return t.store.Tier() }

// Stats counts what was asked of the server since the copy was opened.
func (t *Git) Stats() gitindex.Stats { return t.store.Stats() }

// Close lets go of the copy.
func (t *Git) Close() error { return t.store.Close() }
