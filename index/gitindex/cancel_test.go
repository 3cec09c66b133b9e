package gitindex_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestCancel: a call that is given up returns at once, whatever the server does, and leaves the store as it was.
func TestCancel(t *testing.T) {
	repo, first := gittest.Repo(t, "dist", index(10))
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		ctx, cancel := context.WithCancel(t.Context())
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method != method {
				next.ServeHTTP(w, r)
				return
			}
			cancel()
			<-r.Context().Done()
		})
		if _, err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("in %s: %v", method, err)
		}
		if s.Revision() != first.String() {
			t.Errorf("in %s: now at %s", method, s.Revision())
		}
	}
	srv.setDoor(nil)
	refresh(t, s, true)
}
