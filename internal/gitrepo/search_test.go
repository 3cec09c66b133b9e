package gitrepo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

// TestSearch walks a snapshot of which the folders come one by one.
func TestSearch(t *testing.T) {
	whole, head := gittest.Repo(t, "main", map[string]string{"a/b/c": "1", "a/b/d": "2", "a/e/f": "3", "g": "4"})
	part, err := gitrepo.InitPartial(t.TempDir()+"/part.git", "main")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { part.Close() })
	of := func(path string) gitrepo.Hash {
		h, err := gitrepo.ParseHash(gittest.Run(t, whole.Dir(), "rev-parse", head.String()+path))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	bring := func(path string) {
		pack := gittest.Input(t, whole.Dir(), of(path).String()+"\n", "pack-objects", "-q", part.Dir()+"/objects/pack/pack")
		if pack == "" {
			t.Fatalf("nothing of %q", path)
		}
	}
	bring("")
	if _, err := part.Search(head); err == nil {
		t.Error("a search without the root")
	}
	bring(":")
	search, err := part.Search(head)
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"a/b/c", "a/e/f", "a/b/d", "g", "g/h", "none"}
	for _, step := range []struct {
		bring   string
		found   int
		missing []gitrepo.Hash
	}{
		{"", 1, []gitrepo.Hash{of(":a")}},
		{":a", 1, []gitrepo.Hash{of(":a/b"), of(":a/e")}},
		{":a/e", 2, []gitrepo.Hash{of(":a/b")}},
		{":a/b", 4, nil},
	} {
		if step.bring != "" {
			bring(step.bring)
		}
		found, missing, err := search.Find(paths)
		if err != nil || len(found) != step.found || !slices.Equal(missing, step.missing) {
			t.Errorf("after %q: %v, missing %v, %v; want %d, missing %v", step.bring, found, missing, err, step.found, step.missing)
		}
	}
	if _, _, err := search.Find([]string{"../x"}); err == nil {
		t.Error("a path that leads out was looked for")
	}
}

// TestRestOfFoldersInEachOther: a few folders that are in each other many times are few, whatever number of paths they make.
func TestRestOfFoldersInEachOther(t *testing.T) {
	repo, _ := gittest.Repo(t, "main", nil)
	tree := gittest.Input(t, repo.Dir(), "100644 blob "+gittest.Input(t, repo.Dir(), "x", "hash-object", "-w", "--stdin")+"\tx\n", "mktree")
	for range 10 {
		var entries strings.Builder
		for i := range 100 {
			fmt.Fprintf(&entries, "040000 tree %s\t%02d\n", tree, i)
		}
		tree = gittest.Input(t, repo.Dir(), entries.String(), "mktree")
	}
	gittest.Run(t, repo.Dir(), "update-ref", "refs/heads/main", gittest.Run(t, repo.Dir(), "commit-tree", "-m", "x", tree))
	gittest.Run(t, repo.Dir(), "repack", "-adq")
	root, err := gitrepo.ParseHash(tree)
	if err != nil {
		t.Fatal(err)
	}
	again, err := gitrepo.Open(repo.Dir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	search, err := again.Search(root)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := search.Rest(t.Context(), 10); err != nil || len(rest) > 0 {
		t.Errorf("%v, %v", rest, err)
	}
}
