package gitindex_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

const posts = "POST git-upload-pack"

// wide is index(n) with so many folders beside that nobody would fetch all of them.
func wide(n int) map[string]string {
	files := index(n)
	for i := range 2100 {
		files[fmt.Sprintf("index/q%d/%d/package", i%30, i)] = "of q"
	}
	return files
}

// counted is what some use of a store has asked for.
func counted(s *gitindex.Store, use func()) (requests, objects int64) {
	before := s.Stats()
	use()
	after := s.Stats()
	return after.Requests - before.Requests, after.Objects - before.Objects
}

// TestWhatIsAskedForDependsOnThePaths, and not on how many others there are.
func TestWhatIsAskedForDependsOnThePaths(t *testing.T) {
	for _, packages := range []int{100, 5000} {
		files := wide(packages)
		repo, _ := gittest.Repo(t, "dist", files)
		srv := newServer(t, repo)
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url})
		row := func(what string, requests, objects int64, use func()) {
			t.Helper()
			if r, o := counted(s, use); r != requests || o != objects {
				t.Errorf("%d packages, %s: %d requests, %d objects; want %d and %d", packages, what, r, o, requests, objects)
			}
		}
		row("first refresh", 3, 1+1+1+40, func() { refresh(t, s, true) }) // greeting, refs; the commit, the root, index, the folders in it
		row("three paths", 2, 3+3+1, func() { fetch(t, s, files, name(1), name(2), name(13), "registry.toml", "no/such") })
		row("the same", 0, 0, func() { fetch(t, s, files, name(1), name(2), name(13)) })
		row("another file of a folder", 1, 1, func() { fetch(t, s, files, name(71)) })
		row("folders without the file", 1, 1, func() { fetch(t, s, files, "index/p1/4/none", "index/p1/none/x", "index/none/x/y") })

		changed := map[string]string{name(2): "changed", name(99): "changed", "index/p1/1/new": "new"}
		gittest.Commit(t, repo, "dist", changed)
		row("an update", 2, 1+1+1+3, func() { refresh(t, s, true) })
		row("what was changed", 2, 2+2, func() { fetch(t, s, changed, name(2), "index/p1/1/new") })
		row("what was not", 0, 0, func() { fetch(t, s, files, name(1)) })
		if s.Tier() != gitindex.TierTreeless {
			t.Errorf("tier %s", s.Tier())
		}
		gittest.Fsck(t, generation(t, dir))

		offline := open(t, dir, gitindex.Options{URL: srv.url, Offline: true})
		fetch(t, offline, files, name(1))
		if _, err := offline.Fetch(t.Context(), []string{name(3)}); !fault.IsCode(err, "offline-miss") {
			t.Errorf("a folder that is not here: %v", err)
		}
	}
}

// TestAnnounce: what was announced comes with the requests of others, and an announcement alone asks for nothing.
func TestAnnounce(t *testing.T) {
	files := wide(100)
	files["list"], files["list2"], files["list3"] = "a", "b", "c"
	repo, _ := gittest.Repo(t, "dist", files)
	s := open(t, t.TempDir(), gitindex.Options{URL: newServer(t, repo).url})
	refresh(t, s, true)
	for _, row := range []struct {
		what              string
		announce, fetch   []string
		requests, objects int64
	}{
		{"alone", []string{name(1), name(2), "no/such", "../x"}, nil, 0, 0},
		{"their folders come with a list", nil, []string{"list"}, 1, 3},
		{"they come with another list", nil, []string{"list2"}, 1, 3},
		{"they are here", nil, []string{name(1), name(2)}, 0, 0},
		{"nothing is left of them", nil, []string{"list3"}, 1, 1},
		{"again", []string{name(1)}, []string{name(1)}, 0, 0},
	} {
		s.Announce(row.announce)
		if r, o := counted(s, func() { fetch(t, s, files, row.fetch...) }); r != row.requests || o != row.objects {
			t.Errorf("%s: %d requests, %d objects; want %d and %d", row.what, r, o, row.requests, row.objects)
		}
	}
}

// TestFewFolders: of a small index all folders come with the first that is needed, and after an update those that are needed.
func TestFewFolders(t *testing.T) {
	files := index(500)
	repo, _ := gittest.Repo(t, "dist", files)
	s := open(t, t.TempDir(), gitindex.Options{URL: newServer(t, repo).url})
	refresh(t, s, true)
	if r, _ := counted(s, func() { fetch(t, s, files, name(1)) }); r != 2 {
		t.Errorf("the first file: %d requests", r)
	}
	if r, o := counted(s, func() { fetch(t, s, files, name(2), name(3), name(4)) }); r != 1 || o != 3 {
		t.Errorf("others: %d requests, %d objects", r, o)
	}
	changed := maps.Clone(files)
	for i := range 20 {
		changed[name(i)] = "changed"
	}
	gittest.Commit(t, repo, "dist", changed)
	refresh(t, s, true)
	if r, o := counted(s, func() { fetch(t, s, changed, name(5)) }); r != 2 || o != 2 {
		t.Errorf("after an update: %d requests, %d objects", r, o)
	}
}

// TestAnnouncedThatNeverComes: who asks for a list gets it, whatever a server does about what was announced, and what does not
// come is not asked for again and again.
func TestAnnouncedThatNeverComes(t *testing.T) {
	files := wide(100)
	files["list"], files["list2"], files["list3"] = "a", "b", "c"
	repo, first := gittest.Repo(t, "dist", files)
	srv := newServer(t, repo)
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	s.Announce([]string{name(1), name(2)})
	for i, list := range []string{"list", "list2", "list3"} {
		blob := gittest.Run(t, repo.Dir(), "rev-parse", first.String()+":"+list)
		wants := 0
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			var body bytes.Buffer
			body.ReadFrom(r.Body)
			wants = strings.Count(body.String(), "want ")
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			w.Write(answer(packOf(t, repo.Dir(), blob+"\n")))
		})
		fetch(t, s, files, list)
		if want := []int{3, 3, 1}[i]; wants != want {
			t.Errorf("%s: %d wants, want %d", list, wants, want)
		}
	}
	srv.setDoor(nil)
	fetch(t, s, files, name(1), name(2))
}

// TestServerThatCanLessThanBefore: what is here is not all, so nothing can be built on it by who needs all.
func TestServerThatCanLessThanBefore(t *testing.T) {
	for what, change := range map[string]func(*server){
		"no filter of folders": func(s *server) { gittest.Run(t, s.repo.Dir(), "config", "uploadpackfilter.tree.allow", "false") },
		"v0":                   func(s *server) { s.speak(0) },
	} {
		files := wide(100)
		repo, _ := gittest.Repo(t, "dist", files)
		srv := newServer(t, repo)
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		s.Close()
		change(srv)
		gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
		s = open(t, dir, gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		fetch(t, s, files, name(1), name(99))
		if s.Tier() == gitindex.TierTreeless {
			t.Errorf("%s: tier %s", what, s.Tier())
		}
	}
}

// refuse answers some requests as git does for what it does not give.
func (s *server) refuse(which func(body string) bool, words string) {
	s.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		var body bytes.Buffer
		body.ReadFrom(r.Body)
		r.Body = readCloser{bytes.NewReader(body.Bytes())}
		if which(body.String()) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			fmt.Fprint(w, line("ERR "+words+"\n"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// byID reports whether a request is for single objects.
func byID(body string) bool {
	return strings.Contains(body, "want ") && !strings.Contains(body, "deepen")
}

// TestServersThatHaveNoFolders: whatever a server refuses, the store steps down to what it does, remembers it, and goes on.
func TestServersThatHaveNoFolders(t *testing.T) {
	files := wide(50)
	rows := []struct {
		what     string
		config   string // lines "name value"
		says     string // by the server to requests for single objects
		old      bool
		tier     gitindex.Tier
		requests int // POST requests of a refresh and a fetch
	}{
		{what: "all is allowed", tier: gitindex.TierTreeless, requests: 4},
		{what: "no filter of folders", config: "uploadpackfilter.tree.allow false", tier: gitindex.TierV2, requests: 4},
		{what: "one filter alone", config: "uploadpackfilter.allow false\nuploadpackfilter.blob:none.allow true", tier: gitindex.TierV2, requests: 4},
		{what: "folders of no depth", config: "uploadpackfilter.tree.maxDepth 1", tier: gitindex.TierV2, requests: 4},
		{what: "no filters", config: "uploadpack.allowFilter false", tier: gitindex.TierPlain, requests: 2},
		{what: "no folders by id", says: "upload-pack: not our ref 01", tier: gitindex.TierPlain, requests: 6},
		{what: "no folders, in words of its own", says: "nope", tier: gitindex.TierV2, requests: 5},
		{what: "v0", old: true, tier: gitindex.TierV0, requests: 2},
	}
	for _, row := range rows {
		t.Run(row.what, func(t *testing.T) {
			repo, _ := gittest.Repo(t, "dist", files)
			for set := range strings.Lines(row.config) {
				name, value, _ := strings.Cut(strings.TrimSpace(set), " ")
				gittest.Run(t, repo.Dir(), "config", name, value)
			}
			srv := newServer(t, repo)
			if row.old {
				srv.speak(0)
			}
			if row.says != "" {
				srv.refuse(byID, row.says)
			}
			dir := t.TempDir()
			s := open(t, dir, gitindex.Options{URL: srv.url})
			refresh(t, s, true)
			if _, err := s.Fetch(t.Context(), []string{name(1), name(2)}); err != nil && row.says != "nope" {
				t.Fatal(err)
			}
			if n := strings.Count(srv.requests(), posts); s.Tier() != row.tier || n != row.requests {
				t.Errorf("tier %s after %d requests, want %s after %d", s.Tier(), n, row.tier, row.requests)
			}
			srv.setDoor(nil)
			gittest.Commit(t, repo, "dist", map[string]string{name(1): "changed"})
			s = open(t, dir, gitindex.Options{URL: srv.url})
			refresh(t, s, true)
			fetch(t, s, map[string]string{name(1): "changed", name(3): files[name(3)]}, name(1), name(3))
			if s.Tier() != row.tier {
				t.Errorf("tier %s after an update", s.Tier())
			}
			gittest.Fsck(t, generation(t, dir))
		})
	}
}

// TestServersThatChokeOnFolders: a server that does not know the filter need not say so as git does.
func TestServersThatChokeOnFolders(t *testing.T) {
	files := wide(50)
	repo, _ := gittest.Repo(t, "dist", files)
	for what, answer := range map[string]func(http.ResponseWriter){
		"it breaks off":                   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"it has a fault":                  func(w http.ResponseWriter) { http.Error(w, "no", http.StatusInternalServerError) },
		"it says that the request is bad": func(w http.ResponseWriter) { http.Error(w, "no", http.StatusBadRequest) },
	} {
		srv := newServer(t, repo)
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			var body bytes.Buffer
			body.ReadFrom(r.Body)
			r.Body = readCloser{bytes.NewReader(body.Bytes())}
			if strings.Contains(body.String(), "filter combine:") {
				answer(w)
				return
			}
			next.ServeHTTP(w, r)
		})
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		fetch(t, s, files, name(1), name(2))
		if s.Tier() != gitindex.TierV2 {
			t.Errorf("%s: tier %s", what, s.Tier())
		}
	}
}

// TestLyingAboutFolders: of a folder that was asked for, nothing else is taken, and the truth is found afterwards.
func TestLyingAboutFolders(t *testing.T) {
	files := wide(50)
	repo, first := gittest.Repo(t, "dist", files)
	dir := repo.Dir()
	of := func(path string) string { return gittest.Run(t, dir, "rev-parse", first.String()+":"+path) }
	lies := map[string]func([]byte) []byte{
		"nothing":        func([]byte) []byte { return answer(packOf(t, dir, "")) },
		"another folder": func([]byte) []byte { return answer(packOf(t, dir, of("index/p2/2")+"\n")) },
		"one of two":     func([]byte) []byte { return answer(packOf(t, dir, of("index/p1/1")+"\n")) },
		"a file":         func([]byte) []byte { return answer(packOf(t, dir, of(name(1))+"\n")) },
		"cut in half":    func(b []byte) []byte { return b[:len(b)/2] },
		"a bit":          func(b []byte) []byte { b[len(b)-30] ^= 4; return b },
		"a broken end":   func(b []byte) []byte { return b[:len(b)-4] },
	}
	for what, lie := range lies {
		srv := newServer(t, repo)
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		srv.lieTo("filter blob:none", lie)
		_, err := s.Fetch(t.Context(), []string{name(1), name(3)})
		mustRefuse(t, what, err)
		srv.setDoor(nil)
		fetch(t, s, files, name(1), name(3))
	}
}

// TestHostileFolders: a folder that no honest index has is refused when it is read, and only then.
func TestHostileFolders(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	dir := repo.Dir()
	blob := gittest.Input(t, dir, "text", "hash-object", "-w", "--stdin")
	h, err := gitrepo.ParseHash(blob)
	if err != nil {
		t.Fatal(err)
	}
	srv := newServer(t, repo)
	for _, entry := range []string{"100644 .git", "100644 ..", "100664 x"} {
		bad := gittest.Input(t, dir, entry+"\x00"+string(h[:]), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
		good := gittest.Input(t, dir, "100644 blob "+blob+"\tx\n", "mktree")
		index := gittest.Input(t, dir, "040000 tree "+bad+"\tbad\n040000 tree "+good+"\tgood\n", "mktree")
		for _, name := range []string{"b", "index"} {
			index = gittest.Input(t, dir, "040000 tree "+index+"\t"+name+"\n", "mktree")
		}
		gittest.Run(t, dir, "update-ref", "refs/heads/dist", gittest.Run(t, dir, "commit-tree", "-m", "x", index))
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		fetch(t, s, map[string]string{"index/b/good/x": "text"}, "index/b/good/x")
		if _, err := s.Fetch(t.Context(), []string{"index/b/bad/x"}); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %v", entry, err)
		}
	}
}
