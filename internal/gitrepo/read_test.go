package gitrepo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func TestReadFile(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "one", "d/e": "", "d/f": "0123456789"})
	rows := []struct {
		path, want string
		err        error
	}{
		{"a", "one", nil},
		{"d/e", "", nil},
		{"d/f", "0123456789", nil},
		{"d", "", fs.ErrNotExist},
		{"b", "", fs.ErrNotExist},
		{"a/b", "", fs.ErrNotExist},
		{"d/f/g/h", "", fs.ErrNotExist},
	}
	for _, row := range rows {
		got, err := repo.ReadFile(first, row.path, 10)
		if string(got) != row.want || !errors.Is(err, row.err) {
			t.Errorf("%q: %q, %v", row.path, got, err)
		}
	}
	if _, err := repo.ReadFile(first, "d/f", 9); !errors.Is(err, gitrepo.ErrTooLarge) {
		t.Errorf("ten bytes of nine: %v", err)
	}
	if _, err := repo.ReadFile(first, "../a", 10); fault.KindOf(err) != fault.Integrity {
		t.Errorf("path out of the tree: %v", err)
	}
	if _, err := repo.ReadCommit(gitrepo.Hash{1}); !errors.Is(err, gitrepo.ErrMissingObject) {
		t.Errorf("missing commit: %v", err)
	}
}

// TestWalkAndDiffAreGits compares with git's own listing over a history that git has packed with deltas.
func TestWalkAndDiffAreGits(t *testing.T) {
	files := map[string]string{}
	for i := range 60 {
		files[fmt.Sprintf("p/%d/%d/file", i%5, i)] = strings.Repeat(fmt.Sprintln(i), 100)
	}
	repo, first := gittest.Repo(t, "main", files)
	second := gittest.Commit(t, repo, "main", map[string]string{"p/1/new": "n", "p/0/0/file": "changed", "q": "q"})
	third, err := repo.Commit(t.Context(), []gitrepo.Hash{second}, edits("-p/2/2/file -q q/deep/er=1"), gittest.Info("x"))
	if err == nil {
		t.Fatalf("file q became a folder in one step: %s", third)
	}
	third, err = repo.Commit(t.Context(), []gitrepo.Hash{second}, edits("-p/2/2/file -q -p/1/new p/1/new2=n"), gittest.Info("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.CompareAndSwap("refs/heads/main", second, third); err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, repo.Dir(), "repack", "-adfq") // under the open repository
	var walked strings.Builder
	err = repo.Walk(t.Context(), third, "p", func(f gitrepo.File) error {
		fmt.Fprintf(&walked, "%06o blob %s\t%s\n", f.Mode, f.Hash, f.Path)
		return nil
	})
	if want := gittest.Run(t, repo.Dir(), "ls-tree", "-r", third.String(), "p/"); err != nil || strings.TrimSpace(walked.String()) != want {
		t.Errorf("walk: %v\n%s\nwant\n%s", err, walked.String(), want)
	}
	for _, pair := range [][2]gitrepo.Hash{{first, second}, {second, third}, {third, first}, {first, first}} {
		changes, err := repo.Diff(t.Context(), pair[0], pair[1])
		var got strings.Builder
		for _, c := range changes {
			kind := map[bool]string{true: "M"}[!c.Old.IsZero() && !c.New.IsZero()] + map[bool]string{true: "A"}[c.Old.IsZero()] + map[bool]string{true: "D"}[c.New.IsZero()]
			fmt.Fprintf(&got, ":%06o %06o %s %s %s\t%s\n", c.OldMode, c.NewMode, c.Old, c.New, kind, c.Path)
		}
		want := gittest.Run(t, repo.Dir(), "diff-tree", "-r", "--no-renames", "--no-abbrev", pair[0].String(), pair[1].String())
		if err != nil || strings.TrimSpace(got.String()) != want {
			t.Errorf("diff: %v\n%s\nwant\n%s", err, got.String(), want)
		}
	}
	all, err := repo.Diff(t.Context(), gitrepo.Hash{}, first)
	if err != nil || len(all) != 60 {
		t.Errorf("from nothing: %d, %v", len(all), err)
	}
}

// hostile makes a commit whose root tree has the given lines, in git mktree's syntax but written as they are.
func hostile(t *testing.T, dir string, lines ...string) gitrepo.Hash {
	blob := gittest.Input(t, dir, "text", "hash-object", "-w", "--stdin")
	var raw strings.Builder
	for _, line := range lines {
		mode, name, _ := strings.Cut(line, " ")
		h, err := gitrepo.ParseHash(blob)
		if mode == "40000" {
			h, err = gitrepo.ParseHash(gittest.Input(t, dir, "100644 blob "+blob+"\tx\n", "mktree"))
		}
		if err != nil {
			t.Fatal(err)
		}
		raw.WriteString(mode + " " + name + "\x00" + string(h[:]))
	}
	tree := gittest.Input(t, dir, raw.String(), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
	h, err := gitrepo.ParseHash(gittest.Run(t, dir, "commit-tree", "-m", "x", tree))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHostileTreesAreRefused(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	ignore := func(gitrepo.File) error { return nil }
	for _, lines := range [][]string{
		{"100644 .git"}, {"40000 .GIT"}, {"100644 .gIt "}, {"40000 GIT~1"}, {"100644 .git\u200d"}, {"100644 .."}, {"40000 ."},
		{"100644 "}, {"100644 a/b"}, {"100644 b", "100644 a"}, {"100644 a", "100644 a"}, {"100644 a", "40000 a"},
		{"100664 a"}, {"0100644 a"}, {"040000 a"}, {"777 a"}, {" a"}, {"100644 " + strings.Repeat("n", 300)},
	} {
		h := hostile(t, repo.Dir(), lines...)
		if err := repo.Walk(t.Context(), h, "", ignore); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: walk gives %v", lines, err)
		}
		if _, err := repo.ReadFile(h, "z", 10); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: read gives %v", lines, err)
		}
		if _, err := repo.BuildTree(h, edits("z=1")); fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: edit gives %v", lines, err)
		}
	}
}

// TestLinksAreSeenNotFollowed: a reviewer must see them, a reader must not use them.
func TestLinksAreSeenNotFollowed(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	h := hostile(t, repo.Dir(), "100755 exec", "120000 link", "160000 module", "40000 sub")
	var seen []string
	err := repo.Walk(t.Context(), h, "", func(f gitrepo.File) error {
		seen = append(seen, fmt.Sprintf("%o %s", f.Mode, f.Path))
		return nil
	})
	if want := "100755 exec,120000 link,160000 module,100644 sub/x"; err != nil || strings.Join(seen, ",") != want {
		t.Errorf("%v, %v", seen, err)
	}
	for path, ok := range map[string]bool{"exec": true, "sub/x": true, "link": false, "module": false, "link/x": false, "module/x": false} {
		if _, err := repo.ReadFile(h, path, 10); (err == nil) != ok || !ok && fault.KindOf(err) != fault.Integrity {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestDeepTreesAreRefused(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	tree := gittest.Input(t, repo.Dir(), "", "hash-object", "-w", "-t", "tree", "--stdin")
	for range gitrepo.MaxDepth + 1 {
		tree = gittest.Input(t, repo.Dir(), "040000 tree "+tree+"\td\n", "mktree")
	}
	h, err := gitrepo.ParseHash(tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Walk(t.Context(), h, "", func(gitrepo.File) error { return nil }); fault.KindOf(err) != fault.Integrity {
		t.Errorf("walk: %v", err)
	}
	if _, err := repo.Diff(t.Context(), gitrepo.Hash{}, h); fault.KindOf(err) != fault.Integrity {
		t.Errorf("diff: %v", err)
	}
}

func TestOpen(t *testing.T) {
	work := t.TempDir()
	gittest.Run(t, work, "init", "-q", "-b", "main")
	gittest.Run(t, work, "commit", "-q", "--allow-empty", "-m", "x")
	repo, err := gitrepo.Open(work)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if h, err := repo.Ref("refs/heads/main"); err != nil || h.String() != gittest.Run(t, work, "rev-parse", "HEAD") {
		t.Errorf("%s, %v", h, err)
	}
	if _, err := gitrepo.Open(t.TempDir()); !fault.IsCode(err, "git-repository-not-found") {
		t.Errorf("empty folder: %v", err)
	}
	other := filepath.Join(t.TempDir(), "sha256")
	gittest.Run(t, t.TempDir(), "init", "-q", "--bare", "--object-format=sha256", other)
	if _, err := gitrepo.Open(other); !fault.IsCode(err, "git-format-unknown") {
		t.Errorf("SHA-256: %v", err)
	}
	if _, err := gitrepo.Init(repo.Dir(), "main"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("init over a repository: %v", err)
	}
}
