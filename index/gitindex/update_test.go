package gitindex_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// plainTwin is a server of the same branch without filters. Its repository is brought up by the function.
func plainTwin(t *testing.T, repo *gitrepo.Repo) (*server, func()) {
	twin, err := gitrepo.Init(filepath.Join(t.TempDir(), "twin.git"), "dist")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { twin.Close() })
	gittest.Run(t, twin.Dir(), "config", "uploadpack.allowFilter", "false")
	update := func() { gittest.Run(t, twin.Dir(), "fetch", "-q", repo.Dir(), "+refs/heads/*:refs/heads/*") }
	update()
	return newServer(t, twin), update
}

// publisher changes a branch as publishers, operators and people with rights do.
type publisher struct {
	t     *testing.T
	repo  *gitrepo.Repo
	rand  *rand.Rand
	files map[string]string
	past  []state
	n     int
}

type state struct {
	head  gitrepo.Hash
	files map[string]string
}

func (p *publisher) head() gitrepo.Hash {
	h, err := p.repo.Ref("refs/heads/dist")
	if err != nil {
		p.t.Fatal(err)
	}
	return h
}

func (p *publisher) move(to gitrepo.Hash, files map[string]string) {
	if err := p.repo.CompareAndSwap("refs/heads/dist", p.head(), to); err != nil {
		p.t.Fatal(err)
	}
	p.files = files
}

func (p *publisher) commit(parents []gitrepo.Hash, base map[string]string, edits map[string]string) {
	files := map[string]string{}
	for path, text := range base {
		files[path] = text
	}
	var list []gitrepo.Edit
	for path, text := range edits {
		data := []byte(text)
		files[path] = text
		if text == "" {
			data = nil
			delete(files, path)
		}
		list = append(list, gitrepo.Edit{Path: path, Data: data})
	}
	p.n++
	h, err := p.repo.Commit(p.t.Context(), parents, list, gittest.Info(fmt.Sprintf("step %d", p.n)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.past = append(p.past, state{p.head(), p.files})
	p.move(h, files)
}

// step does one thing of many.
func (p *publisher) step() string {
	some := func() string { return name(p.rand.Intn(120)) }
	switch p.rand.Intn(10) {
	case 0:
		old := p.past[p.rand.Intn(len(p.past))]
		p.commit([]gitrepo.Hash{p.head(), old.head}, p.files, nil)
		return "merge of what is in it already"
	case 1:
		old := p.past[p.rand.Intn(len(p.past))]
		p.past = append(p.past, state{p.head(), p.files})
		p.move(old.head, old.files)
		return "back to an earlier commit"
	case 2:
		p.commit(nil, nil, map[string]string{"registry.toml": "again", some(): "alone"})
		return "a new beginning"
	case 3:
		old := p.past[p.rand.Intn(len(p.past))]
		p.commit([]gitrepo.Hash{old.head}, old.files, map[string]string{some(): "beside"})
		return "a branch off an earlier commit"
	case 4:
		edits := map[string]string{}
		for path := range p.files {
			if len(edits) < 20 && path != "registry.toml" {
				edits[path] = ""
			}
		}
		p.commit([]gitrepo.Hash{p.head()}, p.files, edits)
		return "removals"
	case 5:
		p.commit([]gitrepo.Hash{p.head()}, p.files, nil)
		return "an empty commit"
	}
	edits := map[string]string{}
	for range 1 + p.rand.Intn(4) {
		path := some()
		edits[path] = p.files[path] + fmt.Sprintf("line %d of %d\n", p.n, p.rand.Intn(1000))
	}
	for i := range p.rand.Intn(3) { // more publishes before anybody looks
		p.commit([]gitrepo.Hash{p.head()}, p.files, map[string]string{fmt.Sprintf("events/%d/%d", p.n, i): "event"})
	}
	p.commit([]gitrepo.Hash{p.head()}, p.files, edits)
	return "publishes"
}

// TestAllWaysLeadToTheSameFiles: after any sequence of publishes, by whatever protocol and tier, and whether the store was
// open all the time or not, what is read is what is on the branch.
func TestAllWaysLeadToTheSameFiles(t *testing.T) {
	for seed := range int64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { sameFiles(t, seed) })
	}
}

func sameFiles(t *testing.T, seed int64) {
	files := index(120)
	repo, first := gittest.Repo(t, "dist", files)
	p := &publisher{t: t, repo: repo, rand: rand.New(rand.NewSource(seed)), files: files, past: []state{{first, files}}}
	rich := newServer(t, repo)
	blobless := newServer(t, repo)
	blobless.refuse(func(body string) bool { return strings.Contains(body, "filter combine:") }, "filter 'combine' not supported")
	old := newServer(t, repo)
	old.speak(0)
	plain, update := plainTwin(t, repo)
	oldPlain := newServer(t, plain.repo)
	oldPlain.speak(0)
	type way struct {
		tier  gitindex.Tier
		url   string
		dir   string
		store *gitindex.Store
	}
	ways := []*way{{gitindex.TierTreeless, rich.url, t.TempDir(), nil}, {gitindex.TierV2, blobless.url, t.TempDir(), nil},
		{gitindex.TierV0, old.url, t.TempDir(), nil}, {gitindex.TierPlain, plain.url, t.TempDir(), nil},
		{gitindex.TierPlain, oldPlain.url, t.TempDir(), nil}}
	story := []string{}
	for range 10 {
		story = append(story, p.step())
		update()
		var paths []string
		for path := range p.files {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		p.rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		some := append(paths[:p.rand.Intn(len(paths))], "no/such")
		for _, w := range ways {
			if w.store == nil || p.rand.Intn(3) == 0 {
				w.store = open(t, w.dir, gitindex.Options{URL: w.url})
			}
			if _, err := w.store.Refresh(t.Context()); err != nil {
				t.Fatalf("%s: %v after %q", w.tier, err, story)
			}
			fetch(t, w.store, p.files, some...)
			if w.store.Tier() != w.tier || w.store.Revision() != p.head().String() {
				t.Fatalf("%s: %s at %s; want %s, after %q", w.tier, w.store.Tier(), w.store.Revision(), p.head(), story)
			}
			if gen := filepath.Base(generation(t, w.dir)); gen != "gen-1" {
				t.Fatalf("%s: it could not build on what was here: %s, after %q", w.tier, gen, story)
			}
		}
	}
	for _, w := range ways {
		gittest.Fsck(t, generation(t, w.dir))
	}
}

// TestUpdateWithoutFilter: only what differs comes, files too.
func TestUpdateWithoutFilter(t *testing.T) {
	files := index(300)
	repo, _ := gittest.Repo(t, "dist", files)
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "false")
	for _, version := range []int{2, 0} {
		srv := newServer(t, repo)
		srv.speak(version)
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		before := s.Stats()
		text := fmt.Sprintf("changed for v%d", version)
		gittest.Commit(t, repo, "dist", map[string]string{name(3): text})
		refresh(t, s, true)
		if st := s.Stats(); st.Objects-before.Objects != 6 {
			t.Errorf("v%d: %+v, before %+v", version, st, before)
		}
		srv.requests()
		fetch(t, s, map[string]string{name(3): text, name(4): files[name(4)]}, name(3), name(4))
		if got := srv.requests(); got != "" || s.Tier() != gitindex.TierPlain {
			t.Errorf("v%d: %s asks for %s", version, s.Tier(), got)
		}
	}
}

// TestServerThatLosesItsFilter: what is here was never whole, so nothing can be built on it.
func TestServerThatLosesItsFilter(t *testing.T) { bothWays(t, testServerThatLosesItsFilter) }

func testServerThatLosesItsFilter(t *testing.T, folders bool) {
	files := index(50)
	repo, _ := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	dir := t.TempDir()
	refresh(t, open(t, dir, gitindex.Options{URL: srv.url}), true)
	gittest.Run(t, repo.Dir(), "config", "uploadpack.allowFilter", "false")
	gittest.Commit(t, repo, "dist", map[string]string{"more": "1"})
	s := open(t, dir, gitindex.Options{URL: srv.url})
	refresh(t, s, true)
	srv.requests()
	fetch(t, s, files, name(1), name(49))
	if got := srv.requests(); got != "" || s.Tier() != gitindex.TierPlain {
		t.Errorf("%s asks for %s", s.Tier(), got)
	}
}

// TestLostFolder: a part that went lost here is not built on; the store mends itself at the next refresh, even where the
// branch has not moved.
func TestLostFolder(t *testing.T) { bothWays(t, testLostFolder) }

func testLostFolder(t *testing.T, folders bool) {
	files := index(50)
	repo, _ := gittest.Repo(t, "dist", files)
	limit(t, repo, folders)
	srv := newServer(t, repo)
	for _, moved := range []bool{false, true} {
		dir := t.TempDir()
		s := open(t, dir, gitindex.Options{URL: srv.url})
		refresh(t, s, true)
		s.Close()
		// A pack in which only the commit and its root are left.
		gen := generation(t, dir)
		keep := gittest.Run(t, gen, "rev-parse", "refs/heads/dist", "refs/heads/dist^{tree}") + "\n"
		packs, err := filepath.Glob(filepath.Join(gen, "objects", "pack", "pack-*"))
		if err != nil || len(packs) != 3 {
			t.Fatalf("%v, %v", packs, err)
		}
		gittest.Input(t, gen, keep, "pack-objects", "-q", filepath.Join(gen, "objects", "pack", "pack"))
		for _, path := range packs {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		s = open(t, dir, gitindex.Options{URL: srv.url})
		if moved {
			gittest.Commit(t, repo, "dist", map[string]string{name(1): "changed"})
			files[name(1)] = "changed"
		} else if _, err := s.Fetch(t.Context(), []string{name(1)}); (err == nil) == folders {
			t.Errorf("reading a folder that is not there: %v", err) // or of which nobody knows that it was
		}
		if _, err := s.Refresh(t.Context()); err != nil {
			t.Fatalf("moved %v: %v", moved, err)
		}
		fetch(t, s, files, name(1), name(2))
		if folders {
			gittest.Fsck(t, generation(t, dir))
		}
	}
}
