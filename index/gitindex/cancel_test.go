package gitindex_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestCancel: a call that is given up returns at once, whatever the server does, and leaves the store as it was.
func TestCancel(t *testing.T) {
	repo, first := gittest.Repo(t, "dist", index(10))
	srv := newServer(t, repo)
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
	for _, word := range []string{"", "command=ls-refs", "command=fetch"} { // in the body of the request that hangs
		s = open(t, dir, gitindex.Options{URL: srv.url})
		ctx, cancel := context.WithCancel(t.Context())
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			var body bytes.Buffer
			body.ReadFrom(r.Body)
			r.Body = readCloser{bytes.NewReader(body.Bytes())}
			if (r.Method == http.MethodGet) != (word == "") || !strings.Contains(body.String(), word) {
				next.ServeHTTP(w, r)
				return
			}
			cancel()
			<-r.Context().Done()
		})
		if _, err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("in %q: %v", word, err)
		}
		if s.Revision() != first.String() {
			t.Errorf("in %q: now at %s", word, s.Revision())
		}
	}
	srv.setDoor(nil)
	refresh(t, s, true)
}
