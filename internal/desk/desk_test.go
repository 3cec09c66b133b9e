package desk_test

import (
	"bytes"
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/desk"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/serve"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// world is a registry behind a server, in which ada has published mailbox, and bob letters.
type world struct {
	*testing.T
	*sitetest.Registry
	url      string
	ada, bob publish.Author
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, Registry: sitetest.New(t), ada: sitetest.Author(t, "ada"), bob: sitetest.Author(t, "bob")}
	handler, err := serve.Handler(w.Site, serve.Options{Now: func() time.Time { return sitetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.have(w.ada, w.Register(w.ada), w.Publish(w.ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	w.have(w.bob, w.Register(w.bob), w.Publish(w.bob, sitetest.Draft(t, "letters", "1.0.0", "")))
	return w
}

// have brings lines of an author to the registry.
func (w *world) have(a publish.Author, lines ...*index.Line) {
	w.Helper()
	w.Propose(a, w.Main(), lines...)
	w.Merge("pass")
}

// client opens the registry as gal-pkg does, with nothing kept from before. Where is its address, or a folder.
func (w *world) client(where string) *remote.Registry {
	w.Helper()
	return w.open(remote.Spec{Name: "home", URL: where, AllowInsecure: true})
}

func (w *world) open(spec remote.Spec) *remote.Registry {
	w.Helper()
	set := remote.New(remote.Options{
		Specs: map[string]remote.Spec{"home": spec}, Default: "home",
		CacheDir: w.TempDir(), StateDir: w.TempDir(),
		Authorization: func(string) (func(string) string, error) {
			return func(origin string) string { return settings.Credential{Token: w.Token, Origin: origin}.Authorization() }, nil
		},
	})
	w.Cleanup(func() { set.Close(context.Background()) })
	r, err := set.Open(w.Context(), "home")
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) desk(r *remote.Registry) *desk.Desk {
	w.Helper()
	d, err := desk.Open(w.Context(), r, w.TempDir())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { d.Close() })
	return d
}

func (w *world) mailbox() *index.Package { return w.Package("mailbox") }

func (w *world) publisher(id string) *index.Publisher {
	w.Helper()
	p, err := w.Snapshot().Publisher(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// TestJudge: the author's machine and the registry come to the same verdict, with the same findings.
func TestJudge(t *testing.T) {
	w := newWorld(t)
	signed := sitetest.Line(t)
	next, similar := sitetest.Draft(t, "mailbox", "1.1.0", ""), sitetest.Draft(t, "mailbax", "1.0.0", "")
	w.Upload(next)
	w.Upload(similar)
	for _, test := range []struct {
		story string
		by    publish.Author
		lines []*index.Line
		want  gate.Verdict
	}{
		{"the next version", w.ada, []*index.Line{signed(w.ada.Publish(sitetest.ID, w.mailbox(), next))}, gate.Pass},
		{"the next version, by a stranger", w.bob, []*index.Line{signed(w.bob.Publish(sitetest.ID, w.mailbox(), next))}, gate.Fail},
		{"a name that looks like another", w.bob, []*index.Line{signed(w.bob.Publish(sitetest.ID, nil, similar))}, gate.Human},
		{"a second owner", w.ada, []*index.Line{signed(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "bob"}, 2, ""))}, gate.Pass},
		{"an owner who is nobody", w.ada, []*index.Line{signed(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "cleo"}, 1, ""))}, gate.Fail},
		{"the end of it", w.ada, []*index.Line{signed(w.ada.Tombstone(sitetest.ID, w.mailbox(), "gone"))}, gate.Pass},
	} {
		t.Run(test.story, func(t *testing.T) {
			here, err := w.desk(w.client(w.url)).Judge(t.Context(), test.lines, archivesOf(next, similar), sitetest.Now)
			if err != nil {
				t.Fatal(err)
			}
			there, err := w.Site.Judge(t.Context(), sitetest.Now, w.Propose(test.by, w.Main(), test.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if here.Verdict != test.want || there.Report.Verdict != test.want || !slices.Equal(here.Findings, there.Report.Findings) {
				t.Errorf("here %s %+v\nthere %s %+v", here.Verdict, here.Findings, there.Report.Verdict, there.Report.Findings)
			}
		})
	}
}

// TestJudgeBundles: the gate is shown the bundles of owners who have cosigned, as the registry's will be.
func TestJudgeBundles(t *testing.T) {
	w := newWorld(t)
	who := sign.Identity{Issuer: "https://issuer.example", Subject: "https://ci.example/bob"}
	w.have(w.bob, sitetest.Line(t)(w.bob.AddIdentity(sitetest.ID, w.publisher("bob").Head(), who)))
	w.have(w.ada, sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "bob"}, 2, "")))
	bundle := []byte("bob's")
	line := sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"bob"}, 1, ""))
	line.Sig.Also = []index.Cosignature{{By: "bob", Bundle: index.DigestOf(bundle)}}
	for _, there := range []bool{true, false} {
		d := w.desk(w.client(w.url))
		if there {
			d.Bundles = map[index.Digest][]byte{index.DigestOf(bundle): bundle}
		}
		report, err := d.Judge(t.Context(), []*index.Line{line}, nil, sitetest.Now)
		if err != nil || len(report.Findings) == 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		if missed := strings.Contains(report.Findings[0].Message, "the bundle of a signature is not there"); missed == there {
			t.Errorf("brought %t: %+v", there, report.Findings)
		}
	}
}

// TestAnswer: over HTTP and without it, an author reads what became of a proposal.
func TestAnswer(t *testing.T) {
	w := newWorld(t)
	line := sitetest.Line(t)(w.ada.Deprecate(sitetest.ID, w.mailbox(), "old", ""))
	for _, where := range []string{w.url, w.Dir} {
		if o, err := desk.AnswerTo(t.Context(), w.client(where), index.ProposalBranch("mailbox", line.Digest()), ""); err != nil || o != nil {
			t.Errorf("%s, before: %+v, %v", where, o, err)
		}
	}
	d := w.desk(w.client(w.url))
	made, err := d.Propose(t.Context(), w.ada, sitetest.ID, []*index.Line{line}, "mailbox: deprecate")
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{w.url, w.Dir} {
		for _, commit := range []string{made.Commit, ""} {
			o, err := desk.AnswerTo(t.Context(), w.client(where), made.Branch, commit)
			if err != nil || o == nil || o.Merged != made.Commit || o.Report.Verdict != gate.Pass {
				t.Errorf("%s, after: %+v, %v", where, o, err)
			}
		}
	}
	if w.mailbox().Deprecated == nil {
		t.Error("the package is not deprecated")
	}
	// Her branch is gone, and bob gives its name to what is his.
	w.Push(made.Branch, w.bob, w.Main(), map[string][]byte{"x": nil})
	w.Merge("fail")
	for _, commit := range []string{made.Commit, ""} {
		if o, err := desk.AnswerTo(t.Context(), w.client(w.url), made.Branch, commit); err != nil || o != nil {
			t.Errorf("%q, of another: %+v, %v", commit, o, err)
		}
	}
}

// TestFate: what is said of a proposal that is taken back is what is so.
func TestFate(t *testing.T) {
	w := newWorld(t)
	r, d := w.client(w.Dir), w.desk(w.client("git+file://"+filepath.Join(w.Dir, site.RepoDir)))
	propose := func(version string) publish.Waiting {
		branch := w.Propose(w.ada, w.Main(), w.Publish(w.ada, sitetest.Draft(t, "mailbox", version, "")))
		commit, err := w.Repo.Ref("refs/heads/" + branch)
		if err != nil {
			t.Fatal(err)
		}
		return publish.Waiting{Branch: branch, Commit: commit.String()}
	}
	fate := func(p publish.Waiting, merge ...func()) string {
		for _, f := range merge {
			f()
		}
		made, err := d.Withdraw(t.Context(), w.ada, sitetest.ID, p, "")
		if err != nil {
			t.Fatal(err)
		}
		before, _, err := desk.Fate(t.Context(), r, p, made)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Site.Merge(t.Context(), sitetest.Now, nil); err != nil {
			t.Fatal(err)
		}
		after, _, err := desk.Fate(t.Context(), r, p, made)
		if err != nil {
			t.Fatal(err)
		}
		return before + " " + after
	}
	if got := fate(propose("1.1.0")); got != "cancelling cancelled" {
		t.Error(got)
	}
	if got := fate(propose("1.2.0"), func() { w.Merge("pass") }); got != "merged merged" {
		t.Error(got)
	}
	// What is not there any more, and of which nothing is said, is not taken back.
	gone := publish.Waiting{Branch: index.ProposalBranch("mailbox", index.DigestOf(nil)), Commit: strings.Repeat("0", 40)}
	if got := fate(gone); got != "cancelling refused" {
		t.Error(got)
	}
}

// TestStanding: what is to be signed anew is verified first, whatever the host serves.
func TestStanding(t *testing.T) {
	w := newWorld(t)
	w.have(w.ada, sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "bob"}, 2, "")))
	lines, err := w.ada.Rotate(sitetest.ID, w.publisher("ada").Head(), sitetest.Author(t, "ada").Key)
	if err != nil {
		t.Fatal(err)
	}
	w.have(w.ada, lines...)
	r := w.client(w.url)
	p, err := desk.Package(t.Context(), r, "mailbox")
	if err != nil || !slices.Equal(p.Owners, []string{"ada", "bob"}) || p.Threshold != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	_, keys, err := desk.Publisher(t.Context(), r, "ada")
	if err != nil || len(keys) != 2 || keys[0].Revoked == nil || keys[0].Reason != "superseded" || keys[1].Revoked != nil ||
		!keys[0].Register || keys[1].Added.Log >= keys[0].Revoked.Log || !keys[1].Added.At.Equal(sitetest.Now) {
		t.Errorf("%+v, %v", keys, err)
	}
	if p, keys, err := desk.Publisher(t.Context(), r, "nobody"); err != nil || p.Exists() || len(keys) > 0 {
		t.Errorf("nobody: %v", err)
	}
	if _, err := desk.Package(t.Context(), r, "nothing"); !fault.IsCode(err, "package-not-found") {
		t.Errorf("nothing: %v", err)
	}
}

// TestStandingTampered: a host that slips in an owner, or a key, finds nobody who signs it, not even among those who have
// turned verification off for installing.
func TestStandingTampered(t *testing.T) {
	w := newWorld(t)
	w.have(w.ada, sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada"}, 1, "the owner is ada")))
	for _, test := range []struct{ path, old, new string }{
		{index.PackagePath("mailbox"), `"owners":["ada"]`, `"owners":["ada","bob"]`},
		{index.PublisherPath("ada"), `"contact":"ada@example.org"`, `"contact":"eve@example.org"`},
	} {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(w.Path(site.PublicDir))); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, filepath.FromSlash(test.path))
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(data, []byte(test.old)) {
			t.Fatalf("%s has no %s: %v", test.path, test.old, err)
		}
		if err := os.WriteFile(file, bytes.Replace(data, []byte(test.old), []byte(test.new), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		r := w.open(remote.Spec{Name: "home", URL: dir, Trust: index.Trust{Signatures: index.SignaturesOff}})
		if _, err := desk.Package(t.Context(), r, "mailbox"); !fault.IsCode(err, "signature-invalid") {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}

func TestSpeaker(t *testing.T) {
	w := newWorld(t)
	r := w.client(w.url)
	thief := w.bob
	thief.ID = "ada"
	for code, author := range map[string]publish.Author{"": w.ada, "key-unknown": thief, "publisher-not-found": sitetest.Author(t, "cleo")} {
		_, _, err := desk.Speaker(t.Context(), r, author)
		if code == "" && err != nil || code != "" && !fault.IsCode(err, code) {
			t.Errorf("%q: %v", code, err)
		}
	}
	lines, err := w.ada.Rotate(sitetest.ID, w.publisher("ada").Head(), sitetest.Author(t, "ada").Key)
	if err != nil {
		t.Fatal(err)
	}
	w.have(w.ada, lines...)
	if _, _, err := desk.Speaker(t.Context(), w.client(w.url), w.ada); !fault.IsCode(err, "key-revoked") {
		t.Errorf("a revoked key: %v", err)
	}
}

// TestCheckUnfinished: a proposal that somebody is asked to sign is looked at closely.
func TestCheckUnfinished(t *testing.T) {
	w := newWorld(t)
	w.have(w.ada, sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "bob"}, 2, "")))
	line := func() *index.Line {
		return sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"bob"}, 1, "I leave"))
	}
	check := func(now time.Time, lines ...*index.Line) error {
		r := w.client(w.url)
		return desk.CheckUnfinished(t.Context(), r, desk.Unfinished{
			Lines: lines, State: func(name string) (*index.Package, error) { return desk.Package(t.Context(), r, name) },
		}, now)
	}
	forged, foreign, unnamed := line(), line(), line()
	forged.Body = &index.Owners{Owners: []string{"ada", "bob"}, Threshold: 1, Reason: "I leave"}
	foreign = sitetest.Line(t)(w.ada.Sign("other.example", &index.Line{Event: foreign.Event, Subject: foreign.Subject, Body: foreign.Body, After: foreign.After}))
	unnamed.Sig.Key = w.bob.Key.Public().Hint()
	keyless := line()
	keyless.Sig = index.Signature{Bundle: index.DigestOf(nil)}
	for _, test := range []struct {
		story, code string
		err         error
	}{
		{"as it was signed", "", check(sitetest.Now, line())},
		{"with both signatures", "", check(sitetest.Now, sitetest.Line(t)(w.bob.Cosign(sitetest.ID, line())))},
		{"too late", "proposal-expired", check(sitetest.Now.Add(publish.DefaultUntil+time.Second), line())},
		{"altered", "signature-invalid", check(sitetest.Now, forged)},
		{"for another registry", "signature-invalid", check(sitetest.Now, foreign)},
		{"under another key", "key-unknown", check(sitetest.Now, unnamed)},
		{"by an identity that there is not", "identity-unknown", check(sitetest.Now, keyless)},
		{"twice", "", check(sitetest.Now, line(), line())},
	} {
		if test.code == "" && test.err != nil || test.code != "" && !fault.IsCode(test.err, test.code) {
			t.Errorf("%s: %v, want %q", test.story, test.err, test.code)
		}
	}
	old := line()
	w.have(w.ada, sitetest.Line(t)(w.bob.Cosign(sitetest.ID, sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"ada", "bob"}, 1, "")))))
	if err := check(sitetest.Now, old); !fault.IsCode(err, "proposal-outdated") {
		t.Errorf("after another change: %v", err)
	}
}

// TestCheckUnfinishedKeys: a new key is good for its own signature, and for nothing before somebody has let it in.
func TestCheckUnfinishedKeys(t *testing.T) {
	w, laptop := newWorld(t), sitetest.Author(t, "ada")
	r := w.client(w.url)
	check := func(lines ...*index.Line) error {
		return desk.CheckUnfinished(t.Context(), r, desk.Unfinished{Lines: lines}, sitetest.Now)
	}
	head := w.publisher("ada").Head()
	begun := sitetest.Line(t)(w.ada.AddKey(sitetest.ID, head, laptop.Key.Public(), nil, ""))
	if err := check(begun); err != nil {
		t.Errorf("begun: %v", err)
	}
	if err := check(sitetest.Line(t)(laptop.Cosign(sitetest.ID, begun))); err != nil {
		t.Errorf("finished: %v", err)
	}
	lines, err := w.ada.Rotate(sitetest.ID, head, laptop.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(lines...); err != nil {
		t.Errorf("a rotation: %v", err)
	}
	if err := check(lines[1]); !fault.IsCode(err, "proposal-outdated") {
		t.Errorf("the second half of a rotation: %v", err)
	}
	if err := check(sitetest.Line(t)(laptop.AddKey(sitetest.ID, head, laptop.Key.Public(), nil, ""))); !fault.IsCode(err, "key-unknown") {
		t.Errorf("a key that lets itself in: %v", err)
	}
	cleo := sitetest.Author(t, "cleo")
	if err := check(w.Register(cleo), w.Publish(cleo, sitetest.Draft(t, "stamps", "1.0.0", ""))); err != nil {
		t.Errorf("a newcomer: %v", err)
	}
}

func TestOfVersion(t *testing.T) {
	w := newWorld(t)
	draft, other := sitetest.Draft(t, "mailbox", "1.1.0", ""), sitetest.Draft(t, "mailbox", "1.1.0", "keywords = [\"x\"]")
	var branches []string
	for _, d := range []*publish.Draft{draft, other} {
		branches = append(branches, w.Propose(w.ada, w.Main(), w.Publish(w.ada, d)))
	}
	d := w.desk(w.client(w.url))
	w.Propose(w.ada, w.Main(), w.Publish(w.ada, sitetest.Draft(t, "mailbox", "1.2.0", "")))
	open, err := d.OfVersion(t.Context(), "mailbox", draft.Publish.Version)
	got := map[string]index.Digest{}
	for _, o := range open {
		if got[o.Branch] = o.Checksum; o.By != "ada" {
			t.Errorf("%s is by %s", o.Branch, o.By)
		}
	}
	want := map[string]index.Digest{branches[0]: draft.Publish.Checksum, branches[1]: other.Publish.Checksum}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	alike, err := d.Alike(t.Context(), index.EventOwners, "mailbox")
	if err != nil || len(alike) > 0 {
		t.Errorf("%v, %v", alike, err)
	}
	branch := w.Propose(w.ada, w.Main(), sitetest.Line(t)(w.ada.Owners(sitetest.ID, w.mailbox(), []string{"bob"}, 1, "")))
	if alike, err = d.Alike(t.Context(), index.EventOwners, "mailbox"); err != nil || !slices.Equal(alike, []string{branch}) {
		t.Errorf("%v, %v", alike, err)
	}
}

func TestSameContent(t *testing.T) {
	w := newWorld(t)
	r := w.client(w.url)
	release := w.mailbox().Release(version.MustParse("1.0.0"))
	for more, want := range map[string]bool{"": true, "keywords = [\"x\"]": false} {
		same, err := desk.SameContent(t.Context(), r, release, sitetest.Draft(t, "mailbox", "1.0.0", more))
		if err != nil || same != want {
			t.Errorf("with %q: %t, %v", more, same, err)
		}
	}
}

func archivesOf(drafts ...*publish.Draft) (list []*archive.Archive) {
	for _, d := range drafts {
		list = append(list, d.Archive)
	}
	return list
}
