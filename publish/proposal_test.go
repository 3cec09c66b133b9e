package publish_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// open opens the repository of a registry on this machine, as an author does.
func open(t *testing.T, r *sitetest.Registry) *publish.Index {
	t.Helper()
	return openAt(t, r, filepath.Join(r.Dir, site.UploadsDir))
}

func openAt(t *testing.T, r *sitetest.Registry, upload string) *publish.Index {
	t.Helper()
	client, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := publish.Open(t.Context(), publish.Remote{
		Git: "git+file://" + filepath.Join(r.Dir, site.RepoDir), Upload: upload, Client: client,
		Dir: filepath.Join(t.TempDir(), "main"), Scratch: filepath.Join(t.TempDir(), "scratch"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// TestPropose takes a newcomer's package from the draft to the registry, and reads the proposal before it is merged.
func TestPropose(t *testing.T) {
	r, ada, draft := sitetest.New(t), sitetest.Author(t, "ada"), sitetest.Draft(t, "mailbox", "1.0.0", "")
	x := open(t, r)
	if err := x.PutArchive(t.Context(), draft.Archive); err != nil {
		t.Fatal(err)
	}
	if err := x.PutArchive(t.Context(), draft.Archive); err != nil {
		t.Errorf("once more: %v", err)
	}
	lines := []*index.Line{r.Register(ada), sitetest.Line(t)(ada.Publish(sitetest.ID, nil, draft))}
	made, err := x.Propose(t.Context(), ada, sitetest.ID, lines, "mailbox: publish 1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if want := index.ProposalBranch("mailbox", lines[1].Digest()); made.Branch != want || made.Line != lines[1].Digest() {
		t.Errorf("%+v, want %s", made, want)
	}
	pending, err := x.Pending(t.Context(), index.EventPublish, "mailbox")
	if err != nil || len(pending) != 1 || len(pending[0].Lines) != 1 || pending[0].Lines[0].Digest() != lines[1].Digest() {
		t.Errorf("pending %+v, %v", pending, err)
	}
	if pending[0].Branch != made.Branch || pending[0].Commit != made.Commit || pending[0].Key != ada.Key.Public().Hint() {
		t.Errorf("pending %+v, want %+v of %s", pending[0], made, ada.Key.Public().Hint())
	}
	r.Merge("pass")
	if p := r.Package("mailbox"); p == nil || len(p.Releases) != 1 {
		t.Fatalf("%+v", p)
	}
	// Her own commit is the tip of main: it stood on it, and is signed with the key of the lines.
	if got := r.Main().String(); got != made.Commit {
		t.Errorf("main is at %s, the proposal was %s", got, made.Commit)
	}
}

// TestProposeBundles: the bundles that a line names come with it, those of owners who have cosigned too.
func TestProposeBundles(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	x := open(t, r)
	bundles := [][]byte{[]byte("her own"), []byte("another owner's")}
	x.Bundles = map[index.Digest][]byte{}
	for _, b := range bundles {
		x.Bundles[index.DigestOf(b)] = b
	}
	line := r.Register(ada)
	line.Sig = index.Signature{
		Bundle: index.DigestOf(bundles[0]), Also: []index.Cosignature{{By: "bob", Bundle: index.DigestOf(bundles[1])}},
	}
	made, err := x.Propose(t.Context(), publish.Author{ID: "ada", Now: sitetest.Now}, sitetest.ID, []*index.Line{line}, "ada: register")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := r.Repo.Ref("refs/heads/" + made.Branch)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range bundles {
		got, err := r.Repo.ReadFile(commit, index.BundlePath(index.DigestOf(want)), sign.MaxBundle)
		if err != nil || string(got) != string(want) {
			t.Errorf("%q: %q, %v", want, got, err)
		}
	}
}

// TestProposeWithoutKey: lines that others have signed come in a commit that nobody signs, and the registry makes one.
func TestProposeWithoutKey(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	x := open(t, r)
	bearer := publish.Author{ID: "ada", Now: sitetest.Now}
	made, err := x.Propose(t.Context(), bearer, sitetest.ID, []*index.Line{r.Register(ada)}, "ada: register")
	if err != nil {
		t.Fatal(err)
	}
	if pending, err := x.Pending(t.Context(), index.EventRegister, "ada"); err != nil || len(pending) != 1 || pending[0].Key != "" {
		t.Errorf("pending %+v, %v", pending, err)
	}
	if outcomes := r.Merge("pass"); outcomes[0].Merged == made.Commit {
		t.Error("a commit that nobody signed is on main")
	}
	c, err := r.Repo.ReadCommit(r.Main())
	if err != nil || len(c.Signature) == 0 {
		t.Errorf("the tip of main is not signed: %v", err)
	}
}

// TestPendingOnOldMain: what a proposal appends is known after main has grown otherwise.
func TestPendingOnOldMain(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	old := r.Main()
	late := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.2.0", ""))
	r.Propose(ada, old, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	branch := r.Propose(ada, old, late)
	pending, err := open(t, r).Pending(t.Context(), index.EventPublish, "mailbox")
	if err != nil || len(pending) != 1 || pending[0].Branch != branch || len(pending[0].Lines) != 1 || pending[0].Lines[0].Digest() != late.Digest() {
		t.Errorf("%+v, %v", pending, err)
	}
}

// TestBranches: only names that are those of proposals count, and a package in a scope is not one of the scope's owner.
func TestBranches(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	x := open(t, r)
	branches := map[string][]string{"": nil, "other": nil}
	for _, name := range []string{"ada", "ada/tools", "mailbox"} {
		branch := index.ProposalBranch(name, index.DigestOf([]byte(name)))
		branches[name], branches[""] = []string{branch}, append(branches[""], branch)
		push(t, r, branch, ada)
	}
	push(t, r, "publish/mailbox/not-a-digest", ada)
	for subject, want := range branches {
		got, err := x.Branches(t.Context(), subject)
		var names []string
		for _, open := range got {
			names = append(names, open.Branch)
			if at, err := r.Repo.Ref("refs/heads/" + open.Branch); err != nil || at.String() != open.Commit {
				t.Errorf("%s: %s, want %s (%v)", open.Branch, open.Commit, at, err)
			}
		}
		slices.Sort(names)
		slices.Sort(want)
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%q: %v, want %v (%v)", subject, names, want, err)
		}
	}
}

func push(t *testing.T, r *sitetest.Registry, branch string, a publish.Author) gitrepo.Hash {
	return r.Push(branch, a, r.Main(), map[string][]byte{"x": []byte(branch)})
}

func TestRemoteRefusals(t *testing.T) {
	if _, err := publish.Open(t.Context(), publish.Remote{}); !fault.IsCode(err, "no-git-url") {
		t.Errorf("no address: %v", err)
	}
	r, draft := sitetest.New(t), sitetest.Draft(t, "mailbox", "1.0.0", "")
	for _, upload := range []string{"", filepath.Join(t.TempDir(), "nowhere")} {
		x := openAt(t, r, upload)
		if err := x.PutArchive(t.Context(), draft.Archive); !fault.IsCode(err, "no-upload") {
			t.Errorf("upload to %q: %v", upload, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(r.Dir, site.UploadsDir)); err != nil || len(entries) > 0 {
		t.Errorf("%d uploads, %v", len(entries), err)
	}
}
