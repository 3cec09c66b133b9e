package gitindex_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestSparse is the way of a client that has all folders, with all that goes over the wire.
func TestSparse(t *testing.T) {
	t.Run("v2", func(t *testing.T) { testSparse(t, 2, gitindex.TierV2) })
	t.Run("v0", func(t *testing.T) { testSparse(t, 0, gitindex.TierV0) })
}

func testSparse(t *testing.T, version int, tier gitindex.Tier) {
	files := index(1000)
	repo, first := gittest.Repo(t, "dist", files)
	limit(t, repo, true)
	srv := newServer(t, repo)
	srv.speak(version)
	whereIs := map[int]string{0: "GET info/refs", 2: "POST git-upload-pack"}[version] // the branch
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url})
	if s.Revision() != "" || s.Tier() != "" || srv.requests() != "" {
		t.Errorf("opening used the network: %q at %q", s.Tier(), s.Revision())
	}
	if _, err := s.Fetch(t.Context(), []string{"registry.toml"}); !fault.IsCode(err, "index-not-fetched") {
		t.Errorf("before the first refresh: %v", err)
	}

	refresh(t, s, true)
	if s.Revision() != first.String() || s.Tier() != tier {
		t.Errorf("at %s, %s", s.Revision(), s.Tier())
	}
	if got := srv.requests(); got != map[int]string{0: "GET info/refs, POST git-upload-pack", 2: "GET info/refs, POST git-upload-pack, " + posts + ", " + posts}[version] {
		t.Errorf("first refresh: %s", got)
	}
	if n := blobs(t, dir); n != 0 {
		t.Errorf("%d blobs came with the folders", n)
	}

	want := []string{"registry.toml", "index/no/such", "index", name(1)}
	for i := range 300 {
		want = append(want, name(i))
	}
	fetch(t, s, files, want...)
	srv.mu.Lock()
	body := strings.Join(srv.sent, "")
	srv.mu.Unlock()
	if got := srv.requests(); got != "POST git-upload-pack" || strings.Count(body, "want ") != 301 {
		t.Errorf("300 packages: %s with %d wants", got, strings.Count(body, "want "))
	}
	if n := blobs(t, dir); n != 301 {
		t.Errorf("%d blobs for 301 files", n)
	}
	fetch(t, s, files, want...)
	refresh(t, s, false)
	if got := srv.requests(); got != whereIs {
		t.Errorf("the same again: %s", got)
	}
	before := s.Stats()
	if before.Requests != int64(map[int]int{0: 4, 2: 6}[version]) || before.Bytes < 10_000 || before.Bytes > 200_000 || before.Objects != 301+1+1+1+10+70 {
		t.Errorf("%+v", before)
	}

	changed := map[string]string{name(7): "changed\n", "index/new": "new\n"}
	second := gittest.Commit(t, repo, "dist", changed)
	fetch(t, s, files, name(7)) // still the former snapshot
	refresh(t, s, true)
	// What differs: the commit, the root, index, and two folders below it.
	if st := s.Stats(); st.Objects-before.Objects != 5 || st.Bytes-before.Bytes > 3000 {
		t.Errorf("for two files that changed: %+v, before %+v", st, before)
	}
	fetch(t, s, changed, name(7), "index/new")
	fetch(t, s, files, name(8))
	if n := blobs(t, dir); n != 303 {
		t.Errorf("%d blobs after two files changed", n)
	}
	gittest.Fsck(t, generation(t, dir))

	again := open(t, dir, gitindex.Options{URL: srv.url})
	srv.requests()
	if again.Revision() != second.String() || again.Tier() != tier {
		t.Errorf("opened again at %s, %s", again.Revision(), again.Tier())
	}
	fetch(t, again, changed, name(7))
	if got := srv.requests(); got != "" {
		t.Errorf("reading what is there: %s", got)
	}
}

// TestRewrittenBranch: it does not matter how the commits of two fetches are related.
func TestRewrittenBranch(t *testing.T) { bothWays(t, testRewrittenBranch) }

func testRewrittenBranch(t *testing.T, folders bool) {
	repo, first := gittest.Repo(t, "dist", index(20))
	limit(t, repo, folders)
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	for _, text := range []string{"one", "two"} {
		h, err := repo.Commit(t.Context(), nil, []gitrepo.Edit{{Path: "f", Data: []byte(text)}}, gittest.Info(text))
		if err != nil {
			t.Fatal(err)
		}
		old, err := repo.Ref("refs/heads/dist")
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.CompareAndSwap("refs/heads/dist", old, h); err != nil {
			t.Fatal(err)
		}
		refresh(t, s, true)
		fetch(t, s, map[string]string{"f": text}, "f", name(1))
	}
	now, err := repo.Ref("refs/heads/dist")
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/dist", now, first); err != nil {
		t.Fatal(err)
	}
	refresh(t, s, true)
	fetch(t, s, index(20), "f", name(1))
}

func TestServerWithoutFilter(t *testing.T) {
	files := index(50)
	repo, _ := gittest.Repo(t, "dist", files)
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "false")
	srv := newServer(t, repo)
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	if s.Tier() != gitindex.TierPlain || blobs(t, dir) != 51 {
		t.Errorf("tier %s with %d blobs", s.Tier(), blobs(t, dir))
	}
	srv.requests()
	fetch(t, s, files, name(1), name(2), "registry.toml")
	if got := srv.requests(); got != "" {
		t.Errorf("all was there: %s", got)
	}
	if again := open(t, dir, gitindex.Options{URL: srv.url}); again.Tier() != gitindex.TierPlain {
		t.Errorf("opened again: %s", again.Tier())
	}
}

// TestServerThatRefusesBlobs: filters, but no objects by id.
func TestServerThatRefusesBlobs(t *testing.T) { bothWays(t, testServerThatRefusesBlobs) }

func testServerThatRefusesBlobs(t *testing.T, folders bool) {
	files := index(50)
	repo, _ := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var body strings.Builder
		if r.Method == http.MethodPost {
			data := make([]byte, r.ContentLength)
			r.Body.Read(data)
			body.Write(data)
			r.Body = readCloser{bytes.NewReader([]byte(body.String()))}
		}
		if r.Method == http.MethodPost && strings.Contains(body.String(), "want ") && !strings.Contains(body.String(), "deepen 1") {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			text := "ERR upload-pack: not our ref 0000\n"
			fmt.Fprintf(w, "%04x%s", len(text)+4, text)
			return
		}
		next.ServeHTTP(w, r)
	})
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	srv.requests()
	fetch(t, s, files, name(1), name(2))
	asked := 2 // a file, and everything
	if !folders {
		asked = 4 // a folder, all folders, a file, and everything
	}
	if got := srv.requests(); strings.Count(got, "POST git-upload-pack") != asked || s.Tier() != gitindex.TierPlain {
		t.Errorf("%s, tier %s", got, s.Tier())
	}
	fetch(t, s, files, name(3))
	if got := srv.requests(); got != "" {
		t.Errorf("after all was fetched: %s", got)
	}
}

func TestRevisionThatTheServerHasDropped(t *testing.T) {
	bothWays(t, testRevisionThatTheServerHasDropped)
}

func testRevisionThatTheServerHasDropped(t *testing.T, folders bool) {
	repo, _ := gittest.Repo(t, "dist", index(5))
	limit(t, repo, folders)
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	now, err := repo.Commit(t.Context(), nil, []gitrepo.Edit{{Path: "f", Data: []byte("x")}}, gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, repo.Dir(), "update-ref", "refs/heads/dist", now.String())
	gittest.Run(t, repo.Dir(), "gc", "-q", "--prune=now")
	if _, err := s.Fetch(t.Context(), []string{name(1)}); !fault.IsCode(err, "index-moved") {
		t.Errorf("%v", err)
	}
	refresh(t, s, true)
	fetch(t, s, map[string]string{"f": "x"}, "f")
}

func TestHostileContent(t *testing.T) { bothWays(t, testHostileContent) }

func testHostileContent(t *testing.T, folders bool) {
	repo, _ := gittest.Repo(t, "main", nil)
	limit(t, repo, folders)
	dir := repo.Dir()
	blob := gittest.Input(t, dir, "text", "hash-object", "-w", "--stdin")
	srv := newServer(t, repo)
	commit := func(lines string, literally bool) {
		tree := ""
		if literally {
			id := blob
			if strings.HasPrefix(lines, "40000") {
				id = gittest.Input(t, dir, "100644 blob "+blob+"\tx\n", "mktree")
			}
			h, err := gitrepo.ParseHash(id)
			if err != nil {
				t.Fatal(err)
			}
			tree = gittest.Input(t, dir, lines+"\x00"+string(h[:]), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
		} else {
			tree = gittest.Input(t, dir, lines, "mktree", "--missing")
		}
		gittest.Run(t, dir, "update-ref", "refs/heads/dist", gittest.Run(t, dir, "commit-tree", "-m", "x", tree))
	}
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	commit("100644 blob "+blob+"\tfile\n120000 blob "+blob+"\tlink\n160000 commit "+strings.Repeat("1", 40)+"\tmodule\n", false)
	refresh(t, s, true)
	fetch(t, s, map[string]string{"file": "text"}, "file")
	for _, path := range []string{"link", "module", "link/x", "module/x", "../file", ".git/config", "/file", ""} {
		if data, err := s.Fetch(t.Context(), []string{"file", path}); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %q, %v", path, data, err)
		}
	}
	good := s.Revision()
	for _, entry := range []string{"40000 .GIT", "100644 .git", "100644 ..", "100664 x"} {
		commit(entry, true)
		if _, err := s.Refresh(t.Context()); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %v", entry, err)
		}
		if s.Revision() != good {
			t.Errorf("%q: the store has moved", entry)
		}
	}
}

func TestResponseCap(t *testing.T) { bothWays(t, testResponseCap) }

func testResponseCap(t *testing.T, folders bool) {
	repo, _ := gittest.Repo(t, "dist", map[string]string{"d/big": noise(400_000), "small": "x"})
	limit(t, repo, folders)
	srv := newServer(t, repo)
	dir := t.TempDir()
	s := open(t, dir, gitindex.Options{URL: srv.url, MaxPackBytes: 100_000})
	refresh(t, s, true)
	_, err := s.Fetch(t.Context(), []string{"d/big"})
	if fault.KindOf(err) != fault.Integrity || !errors.Is(err, gitrepo.ErrTooLarge) {
		t.Errorf("%v", err)
	}
	fetch(t, s, map[string]string{"small": "x"}, "small")

	// A server that never ends is cut off while it sends.
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		fmt.Fprint(w, "0008NAK\n")
		for {
			if _, err := fmt.Fprintf(w, "%04x\x02%s", 5+60_000, noise(60_000)); err != nil { // progress, not pack
				return
			}
		}
	})
	if _, err := s.Fetch(t.Context(), []string{"d/big"}); fault.KindOf(err) != fault.Integrity {
		t.Errorf("endless answer: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "gen-*", "objects", "pack", "tmp_*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// noise returns text that does not compress well, the same in every run.
func noise(n int) string {
	data := make([]byte, n)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return string(data)
}

// TestPacksDoNotPileUp: after many fetches a refresh starts afresh, and an open reader keeps what it reads.
func TestPacksDoNotPileUp(t *testing.T) { bothWays(t, testPacksDoNotPileUp) }

func testPacksDoNotPileUp(t *testing.T, folders bool) {
	files := index(60)
	repo, _ := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	dir := t.TempDir()
	reader := open(t, dir, gitindex.Options{URL: srv.url})
	refresh(t, reader, true)
	s := open(t, dir, gitindex.Options{URL: srv.url})
	fetch(t, s, files, name(1), name(2))
	copyPack(t, generation(t, dir), 300)
	fetch(t, s, files, name(3))
	refresh(t, s, false)
	if !exists(filepath.Join(dir, "gen-1")) || !exists(filepath.Join(dir, "gen-2")) {
		t.Error("the reader's generation was removed, or there is no new one")
	}
	fetch(t, reader, files, name(1), name(59))
	fetch(t, s, files, name(1))
	reader.Close()
	gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
	refresh(t, s, true)
	if exists(filepath.Join(dir, "gen-1")) || exists(filepath.Join(dir, "gen-1.lock")) {
		t.Error("a generation that nobody reads was kept")
	}
	packs, err := filepath.Glob(filepath.Join(dir, "gen-2", "objects", "pack", "*.pack"))
	if want := map[bool]int{true: 3, false: 4}[folders]; err != nil || len(packs) != want {
		t.Errorf("%d packs, want %d, %v", len(packs), want, err)
	}
}

// copyPack stands in for many fetches: it gives one pack n more names.
func copyPack(t *testing.T, gen string, n int) {
	packs, err := filepath.Glob(filepath.Join(gen, "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("%v, %v", packs, err)
	}
	for i := range n {
		for _, suffix := range []string{".idx", ".pack"} {
			to := filepath.Join(gen, "objects", "pack", fmt.Sprintf("pack-%040x%s", i, suffix))
			if err := os.Link(strings.TrimSuffix(packs[0], ".pack")+suffix, to); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDamagedStore: whatever has happened to the folder, a refresh makes it good.
func TestDamagedStore(t *testing.T) { bothWays(t, testDamagedStore) }

func testDamagedStore(t *testing.T, folders bool) {
	files := index(10)
	repo, _ := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	damage := map[string]func(dir string) error{
		"state is cut": func(dir string) error { return os.Truncate(filepath.Join(dir, "state.json"), 10) },
		"state is foreign": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"v":2}`), 0o600)
		},
		"state leads out": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"v":1,"url":"`+srv.url+`","branch":"dist","generation":"../x","revision":"","tier":"full"}`), 0o600)
		},
		"no generation": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "gen-1")) },
		"no packs":      func(dir string) error { return os.RemoveAll(filepath.Join(dir, "gen-1", "objects", "pack")) },
		"empty pack": func(dir string) error {
			found, err := filepath.Glob(filepath.Join(dir, "gen-1", "objects", "pack", "*.pack"))
			if err != nil || len(found) != 1 {
				return fmt.Errorf("%v, %v", found, err)
			}
			return os.Truncate(found[0], 0)
		},
	}
	for what, do := range damage {
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		s.Close()
		if err := do(dir); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, gitindex.Options{URL: srv.url})
		if s.Revision() != "" {
			t.Errorf("%s: opened at %s", what, s.Revision())
		}
		refresh(t, s, true)
		fetch(t, s, files, name(1))
	}
}

// TestDamagedPacks: a pack of which some bytes were altered is never an answer, and after one refresh it is not there any more.
func TestDamagedPacks(t *testing.T) {
	files := wide(30)
	repo, _ := gittest.Repo(t, "dist", files)
	srv := newServer(t, repo)
	var all []string
	for i := range 30 {
		all = append(all, name(i))
	}
	for at := 0; ; at++ {
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		fetch(t, s, files, all[:10]...)
		fetch(t, s, files, all[10:]...)
		s.Close()
		packs, err := filepath.Glob(filepath.Join(dir, "gen-1", "objects", "pack", "*.pack"))
		if err != nil || at == len(packs) {
			return
		}
		data, err := os.ReadFile(packs[at])
		if err != nil {
			t.Fatal(err)
		}
		copy(data[len(data)/2:], "damage")
		if err := errors.Join(os.Chmod(packs[at], 0o600), os.WriteFile(packs[at], data, 0o600)); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, gitindex.Options{URL: srv.url})
		if _, err := s.Fetch(t.Context(), all); err != nil && fault.KindOf(err) != fault.Integrity && !fault.IsCode(err, "index-not-fetched") {
			t.Errorf("pack %d: %v", at, err)
		}
		gittest.Commit(t, repo, "dist", map[string]string{"more": fmt.Sprint(at)})
		refresh(t, s, true)
		fetch(t, s, files, all...)
	}
}

func TestLocal(t *testing.T) {
	files := index(10)
	repo, first := gittest.Repo(t, "dist", files)
	for _, url := range []string{repo.Dir(), "git+file://" + repo.Dir()} {
		dir := filepath.Join(t.TempDir(), "unused")
		s := open(t, dir, gitindex.Options{URL: url})
		if s.Revision() != first.String() || s.Tier() != gitindex.TierLocal {
			t.Errorf("%s: at %s, %s", url, s.Revision(), s.Tier())
		}
		refresh(t, s, false)
		fetch(t, s, files, name(1), "no")
		if exists(dir) || s.Stats() != (gitindex.Stats{}) {
			t.Errorf("%s: %+v", url, s.Stats())
		}
	}
	s := open(t, t.TempDir(), gitindex.Options{URL: repo.Dir(), Branch: "other"})
	if _, err := s.Refresh(t.Context()); !fault.IsCode(err, "git-branch-not-found") || s.Revision() != "" {
		t.Errorf("no such branch: %v", err)
	}
	if _, err := gitindex.Open(t.TempDir(), gitindex.Options{URL: t.TempDir()}); !fault.IsCode(err, "git-repository-not-found") {
		t.Errorf("no repository: %v", err)
	}
}
