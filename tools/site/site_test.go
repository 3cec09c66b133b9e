package site_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/tools/gate"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

func file(t *testing.T, parts ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func exists(parts ...string) bool {
	_, err := os.Stat(filepath.Join(parts...))
	return err == nil
}

// started is a registry in which ada has published mailbox 1.0.0.
func started(t *testing.T) (*sitetest.Registry, publish.Author) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	return r, ada
}

func versions(p *index.Package) string {
	if p == nil {
		return "none"
	}
	var list []string
	for _, r := range p.Releases {
		text := r.Version.String()
		if r.Yanked() != nil {
			text += " yanked"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// TestStory goes the whole way of a registry, and lets git and the clients' own code judge what comes out.
func TestStory(t *testing.T) {
	r, ada := started(t)
	bob := sitetest.Author(t, "bob")

	// Two people propose at once, from the same state of main.
	base := r.Main()
	r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Propose(bob, base, r.Register(bob), r.Publish(bob, sitetest.Draft(t, "retry", "0.1.0", "[dependencies]\nmailbox = \"1\"")))
	r.Merge("pass")

	// The owner takes a version back.
	yank := sitetest.Line(t)(ada.Yank(sitetest.ID, r.Package("mailbox"), &index.Yank{Version: version.MustParse("1.0.0"), Class: "broken", Reason: "it crashes"}))
	r.Propose(ada, r.Main(), yank)
	r.Merge("pass")

	if got := versions(r.Package("mailbox")); got != "1.0.0 yanked, 1.1.0" {
		t.Errorf("mailbox: %s", got)
	}
	// Clients verify every signature, and find the archives under the digests that they verified.
	artifacts, _, err := r.Snapshot().Verify(t.Context(), []index.Want{
		{Name: "mailbox", Version: version.MustParse("1.1.0")}, {Name: "retry", Version: version.MustParse("0.1.0")}})
	if err != nil || len(artifacts) != 2 {
		t.Fatalf("%d artifacts, %v", len(artifacts), err)
	}
	for _, name := range []string{"packages/mailbox/mailbox-1.1.0.tar.zst", "packages/retry/retry-0.1.0.tar.zst"} {
		if !exists(r.Path(site.PublicDir, name)) || !exists(r.Path(site.PublicDir, name+sign.BundleSuffix)) {
			t.Errorf("%s or its bundle is missing", name)
		}
	}
	catalogue, err := r.Snapshot().Catalogue(t.Context())
	if err != nil || len(catalogue) != 2 {
		t.Errorf("catalogue %+v, %v", catalogue, err)
	}
	if left, err := r.Proposals(); err != nil || len(left) != 0 {
		t.Errorf("proposals are left open: %v, %v", left, err)
	}
	gittest.Fsck(t, r.Path(site.RepoDir))
	sameTrees(t, r)
	verifyCommits(t, r)
}

// verifyCommits holds that git itself verifies every commit of main with the published list of keys.
func verifyCommits(t *testing.T, r *sitetest.Registry) {
	t.Helper()
	needs.Program(t, "ssh-keygen", "openssh-client") // which git runs
	signers := r.Path(site.PublicDir, "allowed_signers")
	commits := strings.Fields(gittest.Run(t, r.Path(site.RepoDir), "rev-list", "main"))
	for _, c := range commits {
		if out, err := gittest.Command(r.Path(site.RepoDir), "-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", c).CombinedOutput(); err != nil {
			t.Errorf("git verify-commit %s: %v\n%s", c, err, out)
		}
	}
	if len(commits) < 2 {
		t.Error("there is nothing on main")
	}
}

// sameTrees holds that branch dist and the folder of the static tree have the same files.
func sameTrees(t *testing.T, r *sitetest.Registry) {
	t.Helper()
	paths := strings.Fields(gittest.Run(t, r.Path(site.RepoDir), "ls-tree", "-r", "--name-only", "dist"))
	for _, path := range paths {
		if got := file(t, r.Path(site.PublicDir), path); strings.TrimSuffix(got, "\n") != gittest.Run(t, r.Path(site.RepoDir), "show", "dist:"+path) {
			t.Errorf("public/%s is not that of dist", path)
		}
	}
	if len(paths) < 4 {
		t.Errorf("dist has only %v", paths)
	}
}

func TestFastForwardKeepsTheCommitOfTheAuthor(t *testing.T) {
	r, ada := started(t)
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	o := r.Merge("pass")[0]
	if o.Merged != o.Commit || r.Main().String() != o.Commit {
		t.Errorf("merged as %s, proposed as %s, main is %s", o.Merged, o.Commit, r.Main())
	}
}

func TestOtherCommitsAreMadeAnew(t *testing.T) {
	for _, test := range []struct {
		story string
		do    func(r *sitetest.Registry, ada publish.Author) // proposes mailbox 1.1.0
	}{
		{"main has moved", func(r *sitetest.Registry, ada publish.Author) {
			base := r.Main()
			r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "letterbox", "1.0.0", "")))
			r.Merge("pass")
			r.Propose(ada, base, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		}},
		{"the commit is signed with another key than the line", func(r *sitetest.Registry, ada publish.Author) {
			line := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
			other := sitetest.Author(t, "ada")
			r.Propose(other, r.Main(), line)
		}},
	} {
		t.Run(test.story, func(t *testing.T) {
			r, ada := started(t)
			test.do(r, ada)
			o := r.Merge("pass")[0]
			c, err := r.Repo.ReadCommit(r.Main())
			if err != nil {
				t.Fatal(err)
			}
			if o.Merged == o.Commit || c.Hash.String() != o.Merged {
				t.Errorf("merged as %s, proposed as %s", o.Merged, o.Commit)
			}
			if want := "\nPublisher: ada\nPublish-Commit: " + o.Commit + "\n"; !strings.Contains(c.Message, want) {
				t.Errorf("message %q lacks %q", c.Message, want)
			}
			if versions(r.Package("mailbox")) != "1.0.0, 1.1.0" {
				t.Errorf("mailbox: %s", versions(r.Package("mailbox")))
			}
			gittest.Fsck(t, r.Path(site.RepoDir))
			verifyCommits(t, r)
		})
	}
}

// A newcomer's first two packages come in two proposals, each with the same registration: it is not known which is
// merged first.
func TestSecondOpenRegistrationIsDropped(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	base, register := r.Main(), r.Register(ada)
	r.Propose(ada, base, register, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Propose(ada, base, register, r.Publish(ada, sitetest.Draft(t, "retry", "1.0.0", "")))
	if outcomes := r.Merge("pass"); len(outcomes) != 2 {
		t.Fatalf("%d outcomes", len(outcomes))
	}
	if r.Package("mailbox") == nil || r.Package("retry") == nil {
		t.Error("a package is missing")
	}
	if n := strings.Count(file(t, r.Path(site.PublicDir, index.PublisherPath("ada"))), `"event":"register"`); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// What is refused is closed, and its author finds the reasons under the name of the branch.
func TestRefused(t *testing.T) {
	mallory := sitetest.Author(t, "mallory")
	for _, test := range []struct {
		story, want string
		do          func(r *sitetest.Registry, ada publish.Author) (branch string)
	}{
		{"a line that was merged is proposed again", "G20", func(r *sitetest.Registry, ada publish.Author) string {
			line := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
			r.Propose(ada, r.Main(), line)
			r.Merge("pass")
			return r.Propose(ada, r.Main(), line)
		}},
		{"an old proposal is revived after its time", "G07", func(r *sitetest.Registry, ada publish.Author) string {
			ada.Now = sitetest.Now.Add(-publish.DefaultUntil)
			return r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		}},
		{"a stranger brings a version", "G50", func(r *sitetest.Registry, ada publish.Author) string {
			return r.Propose(mallory, r.Main(), r.Register(mallory), r.Publish(mallory, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		}},
		{"a key is registered a second time, under another id", "G50", func(r *sitetest.Registry, ada publish.Author) string {
			twin := ada
			twin.ID = "twin"
			return r.Propose(ada, r.Main(), r.Register(twin))
		}},
		{"a spelling of a publisher's id with the same key", "G11", func(r *sitetest.Registry, ada publish.Author) string {
			grace, base := sitetest.Author(t, "grace-h"), r.Main()
			r.Propose(grace, base, r.Register(grace))
			r.Merge("pass")
			grace.ID = "grace_h"
			return r.Propose(grace, base, r.Register(grace)) // it looks like the registration that a second proposal repeats
		}},
		{"a commit on top of nothing that main has", "G02", func(r *sitetest.Registry, ada publish.Author) string {
			line := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
			elsewhere := gittest.Commit(t, r.Repo, "elsewhere", map[string]string{"x": "y"})
			return r.Propose(ada, elsewhere, line)
		}},
		{"two commits", "G02", func(r *sitetest.Registry, ada publish.Author) string {
			first := r.Push("scratch", ada, r.Main(), map[string][]byte{"x": []byte("y")})
			return r.Propose(ada, first, r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
		}},
		{"the registry's own configuration", "G01", func(r *sitetest.Registry, ada publish.Author) string {
			branch := index.ProposalPrefix + "mailbox/0123456789abcdef"
			r.Push(branch, ada, r.Main(), map[string][]byte{index.AccessPath: []byte("[access]\n")})
			return branch
		}},
		{"a tree that no program may check out", "G05", func(r *sitetest.Registry, ada publish.Author) string {
			return pushTree(t, r, "100644 blob %s\t.GIT\n")
		}},
		{"many files", "G02", func(r *sitetest.Registry, ada publish.Author) string {
			return pushMany(r, ada, 5000, []byte("y"))
		}},
		{"a large file, many times", "G02", func(r *sitetest.Registry, ada publish.Author) string {
			return pushMany(r, ada, 60, make([]byte, 5<<20))
		}},
		{"a link", "G05", func(r *sitetest.Registry, ada publish.Author) string {
			return pushTree(t, r, "120000 blob %s\tmailbox\n", "index", "ma", "il")
		}},
	} {
		t.Run(test.story, func(t *testing.T) {
			r, ada := started(t)
			branch := test.do(r, ada)
			before := r.Main()
			o := r.Merge("fail")
			if len(o) != 1 || !slices.ContainsFunc(o[0].Report.Findings, func(f gate.Finding) bool { return f.ID == test.want }) {
				t.Fatalf("%+v, want %s", o, test.want)
			}
			if r.Main() != before {
				t.Error("main has moved")
			}
			if left, err := r.Proposals(); err != nil || len(left) != 0 {
				t.Errorf("left open: %v, %v", left, err)
			}
			var answer site.Outcome
			name, hex := filepath.Split(strings.TrimPrefix(branch, index.ProposalPrefix))
			if err := json.Unmarshal([]byte(file(t, r.Path(site.PublicDir, index.GatePath(strings.TrimSuffix(name, "/"), hex)))), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Report.Verdict != "fail" || answer.Branch != branch {
				t.Errorf("answer %+v", answer)
			}
			// One such proposal does not keep others out.
			r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "3.0.0", "")))
			r.Merge("pass")
		})
	}
}

// pushMany makes a proposal of files with one content.
func pushMany(r *sitetest.Registry, ada publish.Author, n int, data []byte) string {
	files := map[string][]byte{}
	for i := range n {
		files[fmt.Sprintf("index/x%d", i)] = data
	}
	branch := index.ProposalPrefix + "mailbox/0123456789abcdef"
	r.Push(branch, ada, r.Main(), files)
	return branch
}

// pushTree makes a proposal with git's own plumbing, of which the tree holds an entry below some folders.
func pushTree(t *testing.T, r *sitetest.Registry, entry string, folders ...string) string {
	t.Helper()
	dir := r.Path(site.RepoDir)
	blob := gittest.Input(t, dir, "hello\n", "hash-object", "-w", "--stdin")
	tree := gittest.Input(t, dir, strings.Replace(entry, "%s", blob, 1), "mktree")
	for i := len(folders) - 1; i >= 0; i-- {
		tree = gittest.Input(t, dir, "040000 tree "+tree+"\t"+folders[i]+"\n", "mktree")
	}
	commit := gittest.Run(t, dir, "commit-tree", tree, "-p", "main", "-m", "evil")
	branch := index.ProposalPrefix + "mailbox/0123456789abcdef"
	gittest.Run(t, dir, "update-ref", "refs/heads/"+branch, commit)
	return branch
}

func TestHumanIsAsked(t *testing.T) {
	r, ada := started(t)
	config := strings.Replace(file(t, r.Path(site.PublicDir, index.ConfigPath)), `new-publisher = "auto"`, `new-publisher = "human"`, 1)
	gittest.Commit(t, r.Repo, "main", map[string]string{index.ConfigPath: config})
	bob := sitetest.Author(t, "bob")
	branch := r.Propose(bob, r.Main(), r.Register(bob))
	r.Merge("human")
	if left, _ := r.Proposals(); len(left) != 1 || left[0] != branch {
		t.Fatalf("open: %v", left)
	}
	r.Merge("human", index.ProposalPrefix+"bob/ffffffffffffffff") // approves another one
	r.Merge("pass", branch)
	if p, err := r.Snapshot().Publisher(t.Context(), "bob"); err != nil || !p.Exists() {
		t.Errorf("bob is not registered: %v", err)
	}
	_ = ada
}

// Lines that others have put on main, past the gate, are not published where they do not count.
func TestForeignLinesAreDropped(t *testing.T) {
	r, ada := started(t)
	mallory := sitetest.Author(t, "mallory")
	path := index.PackagePath("mailbox")
	main, err := r.Repo.ReadFile(r.Main(), path, index.MaxFile)
	if err != nil {
		t.Fatal(err)
	}
	evil := r.Publish(mallory, sitetest.Draft(t, "mailbox", "6.6.6", ""))
	good := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
	broken := append(append(main, evil.Bytes()...), '\n')
	broken = append(append(broken, good.Bytes()...), '\n')
	gittest.Commit(t, r.Repo, "main", map[string]string{path: string(broken) + "garbage\n"})
	report, err := r.Build(t.Context(), sitetest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if report.Lines != 1 || len(report.Dropped) != 2 {
		t.Errorf("%d lines, dropped %q", report.Lines, report.Dropped)
	}
	if got := versions(r.Package("mailbox")); got != "1.0.0, 1.1.0" {
		t.Errorf("mailbox: %s", got)
	}
}

func TestBuildIsIdempotent(t *testing.T) {
	r, _ := started(t)
	dist := gittest.Run(t, r.Path(site.RepoDir), "rev-parse", "dist")
	before := snapshot(t, r.Path(site.PublicDir))
	for range 2 {
		report, err := r.Build(t.Context(), sitetest.Now.Add(time.Hour))
		if err != nil || report.Lines != 0 {
			t.Fatalf("%+v, %v", report, err)
		}
	}
	if got := gittest.Run(t, r.Path(site.RepoDir), "rev-parse", "dist"); got != dist {
		t.Errorf("dist moved from %s to %s", dist, got)
	}
	if after := snapshot(t, r.Path(site.PublicDir)); after != before {
		t.Errorf("public/ changed:\n%s\n%s", before, after)
	}
}

// snapshot lists the files of a folder with their digests.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out.WriteString(strings.TrimPrefix(path, dir) + " " + string(index.DigestOf(data)) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Published files only grow: what a client has read stays the beginning of what it will read.
func TestPublishedFilesOnlyGrow(t *testing.T) {
	r, ada := started(t)
	path := r.Path(site.PublicDir, filepath.FromSlash(index.PackagePath("mailbox")))
	before := file(t, path)
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	if after := file(t, path); !strings.HasPrefix(after, before) || len(after) == len(before) {
		t.Error("the file did not only grow")
	}
}

// A clock that was set back must not make a file that no client can read.
func TestStampsNeverFall(t *testing.T) {
	r, ada := started(t)
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	if _, err := r.Site.Merge(t.Context(), sitetest.Now.Add(-48*time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	if got := versions(r.Package("mailbox")); got != "1.0.0, 1.1.0" {
		t.Errorf("mailbox: %s", got)
	}
}

// TestInitAnew: what an Init that was cut off has left is no registry, and is in nobody's way unless something else is there too.
func TestInitAnew(t *testing.T) {
	r := sitetest.New(t)
	o := site.InitOptions{ID: "other.test", Now: sitetest.Now}
	if err := os.WriteFile(r.Path(".unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Init(t.Context(), r.Path(), o); !fault.IsCode(err, "not-empty") || !exists(r.Path("tokens.toml")) {
		t.Errorf("beside a file of somebody else: %v", err)
	}
	text := "gal-registry init has not ended here. The next one removes everything in this folder.\n"
	if err := errors.Join(os.WriteFile(r.Path(".unfinished"), []byte(text), 0o600), os.Remove(r.Path("tokens.toml"))); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Open(r.Path()); !fault.IsCode(err, "registry-unfinished") {
		t.Errorf("opened: %v", err)
	}
	runs := flock.New(r.Path(".unfinished"))
	if ok, err := runs.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	if _, err := site.Init(t.Context(), r.Path(), o); !fault.IsCode(err, "registry-unfinished") {
		t.Errorf("beside another: %v", err)
	}
	runs.Unlock()
	if err := os.Mkdir(r.Path("mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Init(t.Context(), r.Path(), o); !fault.IsCode(err, "not-empty") || !exists(r.Path(site.RepoDir)) {
		t.Errorf("beside something else: %v", err)
	}
	if err := os.Remove(r.Path("mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Init(t.Context(), r.Path(), o); err != nil {
		t.Fatal(err)
	}
	s, err := site.Open(r.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if config, _, err := s.Config(); err != nil || config.ID != "other.test" {
		t.Errorf("%+v, %v", config, err)
	}
}

// TestInitTorn: of the file that Init begins with, a power cut may leave a part.
func TestInitTorn(t *testing.T) {
	for text, whole := range map[string]bool{"": true, "\x00\x00\x00": true, "gal-registry init has": true, "mine": false} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".unfinished"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := site.Init(t.Context(), dir, site.InitOptions{ID: sitetest.ID, Now: sitetest.Now})
		if whole && err != nil || !whole && !fault.IsCode(err, "not-empty") {
			t.Errorf("with %q: %v", text, err)
		}
	}
}

func TestInit(t *testing.T) {
	for _, test := range []struct {
		story string
		o     site.InitOptions
		there bool // a file is in the folder
		want  string
	}{
		{"the id is no id", site.InitOptions{ID: "X"}, false, "bad-registry-id"},
		{"something is there", site.InitOptions{ID: sitetest.ID}, true, "not-empty"},
		{"the name would break the file", site.InitOptions{ID: sitetest.ID, Name: "a\x00b"}, false, "bad-registry-name"},
	} {
		dir := filepath.Join(t.TempDir(), "r")
		if test.there {
			if err := os.MkdirAll(filepath.Join(dir, "x"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		test.o.Now = sitetest.Now
		if _, err := site.Init(t.Context(), dir, test.o); !fault.IsCode(err, test.want) {
			t.Errorf("%s: %v, want %s", test.story, err, test.want)
		}
		if !test.there && exists(dir) {
			t.Errorf("%s: a folder is left behind", test.story)
		}
	}
	r := sitetest.New(t)
	if _, err := site.Init(t.Context(), r.Path(), site.InitOptions{ID: sitetest.ID, Now: sitetest.Now}); !fault.IsCode(err, "not-empty") {
		t.Errorf("where there is one: %v", err)
	}
	if info, err := os.Stat(r.Path("keys", "log.key")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("log.key: %v, %v", info.Mode(), err)
	}
	if strings.Contains(file(t, r.Path("tokens.toml")), r.Token) {
		t.Error("the token is stored as it is")
	}
	gittest.Fsck(t, r.Path(site.RepoDir))
	verifyable := gittest.Run(t, r.Path(site.RepoDir), "rev-list", "--count", "main")
	if verifyable != "1" {
		t.Errorf("main has %s commits", verifyable)
	}
}

func TestTokenNames(t *testing.T) {
	r := sitetest.New(t)
	for _, test := range []struct {
		name string
		ok   bool
	}{{"ada", true}, {"ada@example.org", true}, {"", false}, {"ada lovelace", false}, {"-x", false}, {"a\nb", false}} {
		token, err := r.AddToken(t.Context(), test.name, sitetest.Now)
		if (err == nil) != test.ok || test.ok != strings.HasPrefix(token, "galr_") {
			t.Errorf("%q: %q, %v", test.name, token, err)
		}
	}
}

func TestUpload(t *testing.T) {
	r := sitetest.New(t)
	data := []byte("bytes")
	for _, test := range []struct {
		story  string
		digest index.Digest
		limit  int64
		want   string
	}{
		{"what was announced", index.DigestOf(data), 5, ""},
		{"other bytes", index.DigestOf([]byte("others")), 5, "upload-digest"},
		{"too many bytes", index.DigestOf(data), 4, "upload-too-large"},
		{"a digest that leaves the folder", "sha256:../../keys/log.key", 5, "bad-digest"},
	} {
		err := r.Site.Upload(test.digest, bytes.NewReader(data), test.limit)
		if test.want == "" && err != nil || test.want != "" && !fault.IsCode(err, test.want) {
			t.Errorf("%s: %v, want %q", test.story, err, test.want)
		}
	}
	if entries, err := os.ReadDir(r.Path(site.UploadsDir)); err != nil || len(entries) != 1 {
		t.Errorf("uploads: %v, %v", entries, err)
	}
}

func TestJudgeChangesNothing(t *testing.T) {
	r, ada := started(t)
	branch := r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	before, main := snapshot(t, r.Path(site.PublicDir)), r.Main()
	o, err := r.Judge(t.Context(), sitetest.Now, branch)
	if err != nil || o.Report.Verdict != "pass" || o.Merged != "" {
		t.Errorf("%+v, %v", o, err)
	}
	if snapshot(t, r.Path(site.PublicDir)) != before || r.Main() != main {
		t.Error("something changed")
	}
	if _, err := r.Judge(t.Context(), sitetest.Now, "publish/none/0123456789abcdef"); !fault.IsCode(err, "no-proposal") {
		t.Errorf("%v", err)
	}
}

func TestOpen(t *testing.T) {
	if _, err := site.Open(t.TempDir()); !fault.IsCode(err, "no-registry") {
		t.Errorf("%v", err)
	}
}

// An upload that nobody has proposed for a month goes; one of today stays.
func TestUploadsExpire(t *testing.T) {
	r := sitetest.New(t)
	for name, age := range map[string]time.Duration{"old": 31 * 24 * time.Hour, "new": time.Hour} {
		file := r.Path(site.UploadsDir, name)
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		at := sitetest.Now.Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Site.Merge(t.Context(), sitetest.Now, nil); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(r.Path(site.UploadsDir))
	if err != nil || len(entries) != 1 || entries[0].Name() != "new" {
		t.Errorf("%v %v", entries, err)
	}
}
