package gitindex_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func ada(string) (string, string) { return "ada", "secret" }

const proposal = "refs/heads/publish/company/http-client/0123456789abcdef"

// TestPublish appends a line to one file of many and proposes it, without ever having the others.
func TestPublish(t *testing.T) { bothWays(t, testPublish) }

func testPublish(t *testing.T, folders bool) {
	files := index(200)
	repo, _ := gittest.Repo(t, "main", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url, Branch: "main", Auth: ada})
	refresh(t, s, true)
	got, err := s.Fetch(t.Context(), []string{name(5)})
	if err != nil {
		t.Fatal(err)
	}
	gittest.Commit(t, repo, "main", map[string]string{"meanwhile": "1"}) // the branch goes on
	edits := []gitindex.Edit{{Path: name(5), Data: append(got[name(5)], "new line\n"...)}, {Path: "publishers/a/ada", Data: []byte("key\n")}}
	commit, err := s.Commit(t.Context(), edits, gittest.Info("publish http-client 1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if n := blobs(t, dir); n != 3 {
		t.Errorf("%d blobs, want the old file and two new ones", n)
	}
	for range 2 { // the second is a repetition after a lost answer
		if err := s.Push(t.Context(), proposal, commit, gitindex.PushOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	gittest.Fsck(t, repo.Dir())
	if log := gittest.Run(t, repo.Dir(), "log", "--format=%H %s", proposal); !strings.HasPrefix(log, commit+" publish http-client 1.0.0\n") {
		t.Errorf("git log: %s", log)
	}
	changed := gittest.Run(t, repo.Dir(), "diff-tree", "-r", "--name-status", "--no-commit-id", commit)
	if changed != "M\t"+name(5)+"\nA\tpublishers/a/ada" {
		t.Errorf("git sees the changes %q", changed)
	}

	other, err := s.Commit(t.Context(), edits, gittest.Info("another"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), proposal, other, gitindex.PushOptions{}); !fault.IsCode(err, "git-branch-exists") {
		t.Errorf("over another commit: %v", err)
	}
	refs, err := s.Refs(t.Context(), "refs/heads/publish/")
	if err != nil || len(refs) != 1 || refs[0].Name != proposal || refs[0].Hash.String() != commit {
		t.Errorf("%v, %v", refs, err)
	}
	anonymous := open(t, dir, gitindex.Options{URL: srv.url, Branch: "main"})
	if err := anonymous.Push(t.Context(), proposal+"2", commit, gitindex.PushOptions{}); fault.KindOf(err) != fault.Auth {
		t.Errorf("without credentials: %v", err)
	}
}

// TestPushWhoseAnswerIsLost: the server has taken it, the client hears nothing.
func TestPushWhoseAnswerIsLost(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", index(3))
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Branch: "main", Auth: ada})
	refresh(t, s, true)
	commit, err := s.Commit(t.Context(), []gitindex.Edit{{Path: "a", Data: []byte("1")}}, gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "receive-pack") {
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	})
	if err := s.Push(t.Context(), proposal, commit, gitindex.PushOptions{}); err != nil {
		t.Error(err)
	}
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	})
	if err := s.Push(t.Context(), proposal+"2", commit, gitindex.PushOptions{}); fault.KindOf(err) != fault.Network {
		t.Errorf("a push that did not arrive: %v", err)
	}
}

func TestPushRefused(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", index(3))
	gittest.Run(t, repo.Dir(), "config", "receive.maxInputSize", "10")
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Branch: "main", Auth: ada})
	refresh(t, s, true)
	commit, err := s.Commit(t.Context(), []gitindex.Edit{{Path: "a", Data: []byte("1")}}, gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), proposal, commit, gitindex.PushOptions{}); !fault.IsCode(err, "git-push-refused") {
		t.Errorf("%v", err)
	}
	for _, ref := range []string{"main", "refs/heads/../x", "refs/heads/a~b", ""} {
		if err := s.Push(t.Context(), ref, commit, gitindex.PushOptions{}); !fault.IsCode(err, "git-ref-name") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestPushLocal(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", index(3))
	s := open(t, t.TempDir(), gitindex.Options{URL: repo.Dir(), Branch: "main"})
	push := func(message string) error {
		commit, err := s.Commit(t.Context(), []gitindex.Edit{{Path: "a", Data: []byte("1")}}, gittest.Info(message))
		if err != nil {
			t.Fatal(err)
		}
		return s.Push(t.Context(), proposal, commit, gitindex.PushOptions{})
	}
	if err := push("x"); err != nil {
		t.Error(err)
	}
	if err := push("x"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := push("y"); !fault.IsCode(err, "git-branch-exists") {
		t.Errorf("another: %v", err)
	}
	refs, err := s.Refs(t.Context(), "refs/heads/publish/")
	if err != nil || len(refs) != 1 {
		t.Errorf("%v, %v", refs, err)
	}
	gittest.Fsck(t, repo.Dir())
}

// TestPushToFork sends the proposal to another repository than the one it was built on.
func TestPushToFork(t *testing.T) {
	repo, first := gittest.Repo(t, "main", index(3))
	srv := newServer(t, repo)
	forkDir := t.TempDir() + "/fork.git"
	gittest.Run(t, t.TempDir(), "clone", "-q", "--bare", repo.Dir(), forkDir)
	fork, err := gitrepo.Open(forkDir)
	if err != nil {
		t.Fatal(err)
	}
	defer fork.Close()
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Branch: "main", Auth: ada})
	refresh(t, s, true)
	commit, err := s.Commit(context.Background(), []gitindex.Edit{{Path: "a", Data: []byte("1")}}, gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), proposal, commit, gitindex.PushOptions{URL: newServer(t, fork).url}); err != nil {
		t.Fatal(err)
	}
	if got := gittest.Run(t, forkDir, "rev-parse", proposal, proposal+"^"); got != commit+"\n"+first.String() {
		t.Errorf("the fork has %s", got)
	}
	if refs, err := repo.Refs("refs/heads/publish/"); err != nil || len(refs) != 0 {
		t.Errorf("the original has %v, %v", refs, err)
	}
}
