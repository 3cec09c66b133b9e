package gitindex_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// server is a real git server on loopback, with a door in front that counts, asks for a password, or misbehaves.
type server struct {
	repo *gitrepo.Repo
	url  string // git+http://...

	mu    sync.Mutex
	log   []string                                               // requests, as "GET info/refs" and "POST git-upload-pack"
	sent  []string                                               // their bodies
	door  func(http.ResponseWriter, *http.Request, http.Handler) // nil: straight through
	auths []string                                               // Authorization headers
	old   bool                                                   // it speaks v0 only
}

func newServer(t testing.TB, repo *gitrepo.Repo) *server {
	s := &server{repo: repo}
	h, err := githttp.Handler(repo.Dir(), githttp.Options{Push: func(r *http.Request) (string, bool) {
		user, password, _ := r.BasicAuth()
		return user, password == "secret"
	}})
	if err != nil {
		t.Fatal(err)
	}
	inner := http.StripPrefix("/registry", h)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		body.ReadFrom(r.Body)
		r.Body = http.NoBody
		if body.Len() > 0 {
			r.Body = readCloser{bytes.NewReader(body.Bytes())}
		}
		s.mu.Lock()
		s.log = append(s.log, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/registry/"))
		s.sent = append(s.sent, body.String())
		s.auths = append(s.auths, r.Header.Get("Authorization"))
		door := s.door
		if s.old {
			r.Header.Del("Git-Protocol")
		}
		s.mu.Unlock()
		if door != nil {
			door(w, r, inner)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = "git+" + srv.URL + "/registry"
	return s
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// requests returns what came since the last call.
func (s *server) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := strings.Join(s.log, ", ")
	s.log, s.sent = nil, nil
	return got
}

// speak makes it one of v0, or of v2 again.
func (s *server) speak(version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = version == 0
}

func (s *server) setDoor(door func(http.ResponseWriter, *http.Request, http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.door = door
}

// index returns the files of an index of n packages.
func index(n int) map[string]string {
	files := map[string]string{"registry.toml": "id = \"test\"\n"}
	for i := range n {
		files[name(i)] = strings.Repeat(fmt.Sprintf("line of package %d\n", i), 20)
	}
	return files
}

func name(i int) string { return fmt.Sprintf("index/p%d/%d/package%d", i%10, i%7, i) }

func open(t testing.TB, dir string, opts gitindex.Options) *gitindex.Store {
	t.Helper()
	s, err := gitindex.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func refresh(t testing.TB, s *gitindex.Store, want bool) {
	t.Helper()
	changed, err := s.Refresh(t.Context())
	if err != nil || changed != want {
		t.Fatalf("refresh: changed %v, want %v, %v", changed, want, err)
	}
}

// fetch fetches and compares.
func fetch(t testing.TB, s *gitindex.Store, want map[string]string, paths ...string) {
	t.Helper()
	got, err := s.Fetch(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, ok := want[path]
		data, have := got[path]
		if ok != have || string(data) != text {
			t.Errorf("%q: %.40q (there: %v), want %.40q (there: %v)", path, data, have, text, ok)
		}
	}
}

// bothWays runs a test with a store that fetches folders when they are asked for, and with one that has all of them.
func bothWays(t *testing.T, test func(t *testing.T, folders bool)) {
	t.Run("treeless", func(t *testing.T) { test(t, false) })
	t.Run("with folders", func(t *testing.T) { test(t, true) })
}

// limit has servers of a repository refuse to leave out folders, where all are to be sent.
func limit(t *testing.T, repo *gitrepo.Repo, folders bool) {
	if folders {
		gittest.Run(t, repo.Dir(), "config", "uploadpackfilter.combine.allow", "false")
	}
}

// generation returns the repository that a store's folder uses now.
func generation(t testing.TB, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "gen-*", "HEAD"))
	if err != nil || len(found) != 1 {
		t.Fatalf("generations: %v, %v", found, err)
	}
	return filepath.Dir(found[0])
}

// blobs counts the file objects that a store has on disk.
func blobs(t testing.TB, dir string) int {
	out := gittest.Run(t, generation(t, dir), "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
	return strings.Count(out, "blob")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
