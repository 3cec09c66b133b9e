package gitrepo_test

import (
	"slices"
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
