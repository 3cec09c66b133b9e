package gitindex_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// tagged is a repository of two commits on main: the first has an annotated tag v1 and a plain tag plain, on the second is
// main, and the branch dev is on a third beside it.
type tagged struct {
	repo                *gitrepo.Repo
	first, second, side string
}

func newTagged(t *testing.T) tagged {
	repo, first := gittest.Repo(t, "main", map[string]string{"gal.toml": "one", "src/lib.gal": "code", "big": "1"})
	dir := repo.Dir()
	gittest.Run(t, dir, "tag", "-a", "v1", "-m", "the first", first.String())
	gittest.Run(t, dir, "tag", "-a", "again", "-m", "a tag of a tag", "v1")
	gittest.Run(t, dir, "tag", "plain", first.String())
	gittest.Run(t, dir, "branch", "dev", first.String())
	second := gittest.Commit(t, repo, "main", map[string]string{"gal.toml": "two"})
	side := gittest.Commit(t, repo, "dev", map[string]string{"gal.toml": "three"})
	return tagged{repo, first.String(), second.String(), side.String()}
}

func TestResolve(t *testing.T) {
	r := newTagged(t)
	s := newServer(t, r.repo)
	for _, url := range []string{s.url, "git+file://" + r.repo.Dir()} {
		for _, test := range []struct {
			name string
			ref  gitindex.Ref
			want string // a commit, or the code of the error
		}{
			{"default branch", gitindex.Ref{}, r.second},
			{"branch", gitindex.Ref{Branch: "dev"}, r.side},
			{"annotated tag", gitindex.Ref{Tag: "v1"}, r.first},
			{"tag of a tag", gitindex.Ref{Tag: "again"}, r.first},
			{"plain tag", gitindex.Ref{Tag: "plain"}, r.first},
			{"commit", gitindex.Ref{Rev: r.first}, r.first},
			{"short commit", gitindex.Ref{Rev: r.side[:9]}, r.side},
			{"a tag is no branch", gitindex.Ref{Branch: "v1"}, "git-branch-not-found"},
			{"a branch is no tag", gitindex.Ref{Tag: "main"}, "git-branch-not-found"},
			{"a name is not cut", gitindex.Ref{Branch: "ma"}, "git-branch-not-found"},
			{"out of refs", gitindex.Ref{Branch: "../../config"}, "git-ref-name"},
			{"unknown short commit", gitindex.Ref{Rev: "0123456"}, "git-dependency"},
			{"SHA-256", gitindex.Ref{Rev: r.first + r.first[:24]}, "git-dependency"},
		} {
			got, err := gitindex.Resolve(t.Context(), gitindex.Options{URL: url}, test.ref)
			if f := fault.Of(err); f != nil {
				got = f.Code
			}
			if got != test.want {
				t.Errorf("%s: %s: got %s (%v), want %s", url[:9], test.name, got, err, test.want)
			}
		}
	}
}

// A commit is fetched from servers of every generosity; from a generous one, without any file that nobody asked for.
func TestPinned(t *testing.T) {
	const strict = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	r := newTagged(t)
	third := gittest.Commit(t, r.repo, "main", map[string]string{"gal.toml": "four"})
	for _, test := range []struct {
		name, config, commit, want string
		blobs                      int // on disk after one file was asked for; 0 means all that came
	}{
		{"generous: behind an annotated tag", "", r.first, "one", 1},
		{"generous: behind nothing", "", r.second, "two", 1},
		{"strict: behind an annotated tag", strict, r.first, "one", 0},
		{"strict: at a branch", strict, third.String(), "four", 0},
		{"strict: only in the history", strict, r.second, "two", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.config != "" {
				if err := os.WriteFile(filepath.Join(r.repo.Dir(), "config"), []byte(test.config), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			server := newServer(t, r.repo)
			dir := t.TempDir()
			s := open(t, dir, gitindex.Options{URL: server.url, Commit: test.commit})
			refresh(t, s, true)
			fetch(t, s, map[string]string{"gal.toml": test.want}, "gal.toml")
			if n := blobs(t, dir); test.blobs > 0 && n != test.blobs {
				t.Errorf("%d files came, want %d", n, test.blobs)
			}
			if s.Revision() != test.commit {
				t.Errorf("revision %s, want %s", s.Revision(), test.commit)
			}
			server.requests()
			again := open(t, dir, gitindex.Options{URL: server.url, Commit: test.commit, Offline: true})
			refresh(t, again, false)
			fetch(t, again, map[string]string{"gal.toml": test.want}, "gal.toml")
			if asked := server.requests(); asked != "" {
				t.Errorf("a commit that is here is asked for: %s", asked)
			}
		})
	}
}

func TestPinnedRefused(t *testing.T) {
	r := newTagged(t)
	s := newServer(t, r.repo)
	const none = "0123456789012345678901234567890123456789"
	for _, test := range []struct {
		name string
		opts gitindex.Options
		want string
	}{
		{"no such commit", gitindex.Options{URL: s.url, Commit: none}, "git-branch-not-found"},
		{"no such commit here", gitindex.Options{URL: r.repo.Dir(), Commit: none}, "git-branch-not-found"},
		{"offline", gitindex.Options{URL: s.url, Commit: r.first, Offline: true}, "offline-miss"},
	} {
		store := open(t, t.TempDir(), test.opts)
		if _, err := store.Refresh(t.Context()); !fault.IsCode(err, test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	if _, err := gitindex.Open(t.TempDir(), gitindex.Options{URL: s.url, Commit: r.first[:12]}); !fault.IsCode(err, "git-dependency") {
		t.Errorf("a short commit: %v", err)
	}
	if _, err := gitindex.Resolve(t.Context(), gitindex.Options{URL: s.url, Offline: true}, gitindex.Ref{}); !fault.IsCode(err, "offline-miss") {
		t.Errorf("resolving offline: %v", err)
	}
}

func TestEntries(t *testing.T) {
	dir := t.TempDir()
	gittest.Run(t, dir, "init", "-q", "-b", "main")
	for name, mode := range map[string]os.FileMode{"plain": 0o644, "run": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plain", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	gittest.Run(t, dir, "add", ".")
	gittest.Run(t, dir, "update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,sub")
	gittest.Run(t, dir, "commit", "-q", "-m", "all kinds")
	s := open(t, t.TempDir(), gitindex.Options{URL: dir, Commit: gittest.Run(t, dir, "rev-parse", "HEAD")})
	if _, err := s.Entries(t.Context(), 3); !fault.IsCode(err, "git-content-unsafe") {
		t.Errorf("4 entries where 3 are allowed: %v", err)
	}
	got, err := s.Entries(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	want := []gitindex.Entry{{Path: "link", Link: true}, {Path: "plain"}, {Path: "run", Executable: true}, {Path: "sub", Submodule: true}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}
