package site_test

import (
	"path"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestEarlierLists: a registry whose lists are where earlier versions kept them is read, published to and built again after
// one build.
func TestEarlierLists(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	ref := "refs/heads/dist"
	dist, err := r.Repo.Ref(ref)
	if err != nil {
		t.Fatal(err)
	}
	var edits []gitrepo.Edit
	err = r.Repo.Walk(t.Context(), dist, "shards", func(f gitrepo.File) error {
		data, err := r.Repo.ReadBlob(f.Hash, 1<<20)
		name := path.Base(f.Path)
		edits = append(edits, gitrepo.Edit{Path: f.Path}, gitrepo.Edit{Path: "shards/" + name[:2] + "/" + name, Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Repo.ReadCommit(dist)
	if err != nil {
		t.Fatal(err)
	}
	old, err := r.Repo.Commit(t.Context(), []gitrepo.Hash{dist}, edits, gitrepo.CommitInfo{
		AuthorName: "registry", AuthorEmail: "registry@invalid", When: c.Committer.When, Message: c.Message,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Repo.CompareAndSwap(ref, dist, old); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Site.Build(t.Context(), sitetest.Now); err != nil {
			t.Fatal(err)
		}
	}
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "letters", "1.0.0", "")))
	r.Merge("pass")
	for _, name := range []string{"mailbox", "letters"} {
		if r.Package(name) == nil {
			t.Errorf("%s cannot be read", name)
		}
	}
	now, err := r.Repo.Ref(ref)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for h := now; h != old; moved++ {
		c, err := r.Repo.ReadCommit(h)
		if err != nil || len(c.Parents) != 1 || moved > 10 {
			t.Fatalf("%s does not follow: %v", h, err)
		}
		if h = c.Parents[0]; h == old && !strings.HasPrefix(c.Message, "dist: lists") {
			t.Errorf("first came %q", c.Message)
		}
	}
}
