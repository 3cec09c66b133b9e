package gitrepo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// folders makes a tree from lines of git mktree, and around it one tree after the other that has the one before under each
// of the names.
func folders(t *testing.T, repo *gitrepo.Repo, lines string, levels int, names ...string) gitrepo.Hash {
	t.Helper()
	tree := gittest.Input(t, repo.Dir(), lines, "mktree")
	for range levels {
		lines = ""
		for _, name := range names {
			lines += "040000 tree " + tree + "\t" + name + "\n"
		}
		tree = gittest.Input(t, repo.Dir(), lines, "mktree")
	}
	h, err := gitrepo.ParseHash(tree)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTreeBombsAreRefused: 31 trees that have 2 to the 30 folders, with a file in the last, or with nothing at all.
func TestTreeBombsAreRefused(t *testing.T) {
	repo := emptyRepo(t)
	blob := gittest.Input(t, repo.Dir(), "x", "hash-object", "-w", "--stdin")
	files, empty := bomb(t, repo, "100644 blob "+blob+"\ta\n"), bomb(t, repo, "")
	edit, err := repo.BuildTree(gitrepo.Hash{}, edits("a=1 b/c=2")) // a file where the bombs have a folder
	if err != nil {
		t.Fatal(err)
	}
	ignore := func(gitrepo.File) error { return nil }
	for name, row := range map[string]struct {
		commit gitrepo.Hash
		read   func(commit gitrepo.Hash) error
	}{
		"walk":       {empty, func(h gitrepo.Hash) error { return repo.Walk(t.Context(), h, "", ignore) }},
		"diff, old":  {empty, func(h gitrepo.Hash) error { _, err := repo.Diff(t.Context(), h, gitrepo.Hash{}); return err }},
		"diff, both": {files, func(h gitrepo.Hash) error { _, err := repo.Diff(t.Context(), edit, h); return err }},
		"what is new": {empty, func(h gitrepo.Hash) error {
			_, err := repo.NewObjects(t.Context(), gitrepo.Hash{}, h)
			return err
		}},
	} {
		err := row.read(row.commit)
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Integrity || f.Code != "git-content-unsafe" {
			t.Errorf("%s: %v", name, err)
		} else if len(f.Help) != 1 || !strings.Contains(f.Help[0], row.commit.String()) {
			t.Errorf("%s: the help is %q", name, f.Help)
		}
	}
	if err := repo.CheckComplete(t.Context(), gitrepo.Hash{}, files, gitrepo.Extent{Files: true}); err != nil {
		t.Errorf("all of it is there: %v", err)
	}
}

func bomb(t *testing.T, repo *gitrepo.Repo, lines string) gitrepo.Hash {
	t.Helper()
	tree := folders(t, repo, lines, 30, "a", "b")
	commit, err := gitrepo.ParseHash(gittest.Run(t, repo.Dir(), "commit-tree", "-m", "x", tree.String()))
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// TestLongPathsAreRefused: few folders and few files, with gigabytes of paths.
func TestLongPathsAreRefused(t *testing.T) {
	repo := emptyRepo(t)
	blob := gittest.Input(t, repo.Dir(), "x", "hash-object", "-w", "--stdin")
	long := func(c string) string { return strings.Repeat(c, gitrepo.MaxName-2) }
	lines := ""
	for i := range 250 {
		lines += "100644 blob " + blob + "\t" + long("f") + string(rune('a'+i/25)) + string(rune('a'+i%25)) + "\n"
	}
	below := folders(t, repo, lines, 20, long("d"))
	bomb := folders(t, repo, "040000 tree "+below.String()+"\t"+long("d")+"\n", 9, long("a"), long("b"))
	n := 0
	err := repo.Walk(t.Context(), bomb, "", func(gitrepo.File) error { n++; return nil })
	if fault.KindOf(err) != fault.Integrity || n < 1000 || n > gitrepo.MaxPaths/gitrepo.MaxName {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestManyEqualFoldersAreRead: what repeats and is no bomb.
func TestManyEqualFoldersAreRead(t *testing.T) {
	repo := emptyRepo(t)
	file := "100644 blob " + gittest.Input(t, repo.Dir(), "x", "hash-object", "-w", "--stdin") + "\ta\n"
	tree := folders(t, repo, file, 13, "a", "b")
	n := 0
	err := repo.Walk(t.Context(), tree, "", func(gitrepo.File) error { n++; return nil })
	changes, err2 := repo.Diff(t.Context(), gitrepo.Hash{}, tree)
	if err := errors.Join(err, err2); err != nil || n != 1<<13 || len(changes) != 1<<13 {
		t.Errorf("%d entries, %d changes, %v", n, len(changes), err)
	}
}

func TestDiffAndWalkEndWithTheirContext(t *testing.T) {
	repo := emptyRepo(t)
	tree := folders(t, repo, "", 30, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := repo.Walk(ctx, tree, "", func(gitrepo.File) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("walk: %v", err)
	}
	if _, err := repo.Diff(ctx, gitrepo.Hash{}, tree); !errors.Is(err, context.Canceled) {
		t.Errorf("diff: %v", err)
	}
}
