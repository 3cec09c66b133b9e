package gitindex_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// gitProgram returns the program git, or with a script a stand-in for it that does something else.
func gitProgram(t *testing.T, script string) string {
	if script == "" {
		path, err := exec.LookPath("git")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCloneByGit: git clones once, with the credentials and without showing them, and our own fetches build on that.
func TestCloneByGit(t *testing.T) {
	files := index(300)
	repo, first := gittest.Repo(t, "dist", files)
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "false")
	srv := newServer(t, repo)
	agents := []string{}
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Authorization") != basic("ada", "secret") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		srv.mu.Lock()
		agents = append(agents, r.UserAgent())
		srv.mu.Unlock()
		next.ServeHTTP(w, r)
	})
	program := gitProgram(t, "")
	seen := filepath.Join(t.TempDir(), "args")
	spy := gitProgram(t, `echo "$@" >> `+seen+"\nexec "+program+` "$@"`)
	t.Setenv("GIT_DIR", t.TempDir()) // of the user's own doings
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url, Auth: ada, Git: spy})
	refresh(t, s, true)
	if s.Revision() != first.String() || s.Tier() != gitindex.TierPlain || !strings.Contains(strings.Join(agents, " "), "git/2") {
		t.Errorf("at %s, %s, by %q", s.Revision(), s.Tier(), agents)
	}
	if st := s.Stats(); st.Requests != 3 || st.Objects != 300+1+1+1+1+10+70 || st.Bytes == 0 {
		t.Errorf("%+v", st)
	}
	srv.requests()
	fetch(t, s, files, name(1), name(299), "no")
	if got := srv.requests(); got != "" {
		t.Errorf("all was there: %s", got)
	}
	args, err := os.ReadFile(seen)
	if err != nil || strings.Contains(string(args), "secret") || strings.Contains(string(args), "Authorization") || strings.Count(string(args), "\n") != 1 {
		t.Errorf("%v: %s", err, args)
	}
	gittest.Commit(t, repo, "dist", map[string]string{name(1): "changed"})
	refresh(t, s, true)
	fetch(t, s, map[string]string{name(1): "changed", name(2): files[name(2)]}, name(1), name(2))
	if args, err := os.ReadFile(seen); err != nil || strings.Count(string(args), "\n") != 1 {
		t.Errorf("git was run again: %v, %s", err, args)
	}
	os.Unsetenv("GIT_DIR")
	gittest.Fsck(t, generation(t, dir))
}

// TestCloneByGitThatFails: without git it goes on, and git has left nothing. Where git could help it is not asked at all.
func TestCloneByGitThatFails(t *testing.T) {
	files := index(50)
	repo, _ := gittest.Repo(t, "dist", files)
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "false")
	srv := newServer(t, repo)
	for what, git := range map[string]string{
		"not there":   filepath.Join(t.TempDir(), "nothing"),
		"it fails":    gitProgram(t, "echo junk > objects/pack/tmp_pack_1; exit 1"),
		"it does not": gitProgram(t, "exit 0"),
		"rubbish":     gitProgram(t, "echo junk > objects/pack/pack-1.pack; echo junk > objects/pack/pack-1.idx; echo x > shallow"),
		"it hangs":    gitProgram(t, "while echo 0123456789012345678901234567890123456789; do :; done > objects/pack/tmp_pack_1"),
	} {
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url, Git: git, MaxPackBytes: 1 << 20})
		refresh(t, s, true)
		fetch(t, s, files, name(1), name(49))
		gittest.Fsck(t, generation(t, dir))
		if packs, err := filepath.Glob(filepath.Join(generation(t, dir), "objects", "pack", "*")); err != nil || len(packs) != 3 {
			t.Errorf("%s: %v, %v", what, packs, err)
		}
		if t.Failed() {
			t.Fatal(what)
		}
	}
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "true")
	mark := filepath.Join(t.TempDir(), "mark")
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Git: gitProgram(t, "touch "+mark)})
	refresh(t, s, true)
	if exists(mark) || s.Tier() != gitindex.TierTreeless {
		t.Errorf("git was run for a server with filters, tier %s", s.Tier())
	}
	s = open(t, t.TempDir(), gitindex.Options{URL: srv.url, Git: gitProgram(t, "touch "+mark), Offline: true})
	if _, err := s.Refresh(t.Context()); !fault.IsCode(err, "offline-miss") || exists(mark) {
		t.Errorf("offline: %v", err)
	}
}
