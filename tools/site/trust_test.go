package site_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// public reads the static tree as a host shows it.
type public string

func (p public) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(p), filepath.FromSlash(name)))
}

// verified goes the whole way of a client: metadata, lists, and every file that they vouch for, which must all be there.
func verified(t *testing.T, r *sitetest.Registry, from tuf.State, at time.Time) *tuf.Client {
	t.Helper()
	host := public(r.Path(site.PublicDir))
	read := func(path string) []byte {
		t.Helper()
		data, err := host.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c, err := tuf.Start(from, at)
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err = c.Timestamp(read(tuf.TimestampPath))
		next, wanted := c.NextRoot()
		if err == nil || !wanted {
			break
		}
		if err := c.Root(read(next)); err != nil {
			t.Fatal(err)
		}
	}
	if err == nil && c.SnapshotPath() != "" {
		err = c.Snapshot(read(c.SnapshotPath()))
	}
	if err == nil && c.TargetsPath() != "" {
		err = c.Targets(read(c.TargetsPath()))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Names() {
		target, _ := c.Target(name)
		path := name
		if name == listing.TopTarget {
			path = listing.File{Length: target.Length, SHA256: target.SHA256}.Path()
		}
		if err := target.Check(name, read(path)); err != nil {
			t.Error(err)
		}
	}
	checkLists(t, r, c)
	return c
}

// checkLists holds that the lists vouch for exactly the files of dist that they should.
func checkLists(t *testing.T, r *sitetest.Registry, c *tuf.Client) {
	t.Helper()
	host := public(r.Path(site.PublicDir))
	target, ok := c.Target(listing.TopTarget)
	if !ok {
		t.Fatal("no lists")
	}
	top, err := host.ReadFile(listing.File{Length: target.Length, SHA256: target.SHA256}.Path())
	if err != nil {
		t.Fatal(err)
	}
	l, err := listing.NewLookup(top)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, path := range strings.Fields(gittest.Run(t, r.Path(site.RepoDir), "ls-tree", "-r", "--name-only", "dist")) {
		if index.IsListed(path) {
			want = append(want, path)
		}
	}
	for _, f := range l.Pages(want...) {
		data, err := host.ReadFile(f.Path())
		if err = errors.Join(err, l.AddPage(data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range l.Shards(want...) {
		data, err := host.ReadFile(f.Path())
		if err = errors.Join(err, l.AddShard(data)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range want {
		data, err := host.ReadFile(path)
		f, found, err2 := l.Find(path)
		if err != nil || err2 != nil || !found || f != listing.FileOf(data) {
			t.Errorf("%s: %v %v, found %v, or another digest", path, err, err2, found)
		}
	}
	if l.Files() != int64(len(want)) {
		t.Errorf("the lists have %d files, dist %d", l.Files(), len(want))
	}
}

func first(t *testing.T, r *sitetest.Registry) tuf.State {
	t.Helper()
	return tuf.State{Root: []byte(file(t, r.Path(site.PublicDir, tuf.RootPath(1))))}
}

// TestVouched: after every step of a registry's life a client that begins anew, and one that goes on, find everything
// vouched for.
func TestVouched(t *testing.T) {
	r, ada := started(t)
	root := first(t, r)
	c := verified(t, r, root, sitetest.Now)
	if _, ok := c.Target(index.AccessPath); ok {
		t.Error("what only servers read is a target")
	}
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	verified(t, r, root, sitetest.Now)
	gittest.Commit(t, r.Repo, "main", map[string]string{"advisories/GAL-1.json": "{}", "bundles/x": "y"})
	if _, err := r.Build(t.Context(), sitetest.Now); err != nil {
		t.Fatal(err)
	}
	before := c.State()
	c = verified(t, r, before, sitetest.Now)
	if _, err := tuf.Start(c.State(), sitetest.Now); err != nil {
		t.Error(err)
	}
	names := c.Names()
	if len(names) != 5 || names[0] != "log/checkpoint.3" || names[2] != index.SearchSums {
		t.Errorf("targets %q", names)
	}
	// Dist carries what is current; what it replaced is there for those who are reading.
	listed := gittest.Run(t, r.Path(site.RepoDir), "ls-tree", "-r", "--name-only", "dist", "trust/", "log/checkpoint.2", "log/checkpoint.3")
	if want := "log/checkpoint.3\ntrust/1.root.json\ntrust/4.snapshot.json\ntrust/4.targets.json\ntrust/timestamp.json\ntrust/trusted_root.json"; listed != want {
		t.Errorf("dist has\n%s", listed)
	}
	for _, name := range []string{"trust/3.targets.json", "log/checkpoint.2"} {
		if !exists(r.Path(site.PublicDir, name)) {
			t.Errorf("%s is gone already", name)
		}
	}
}

// TestRecent: a client whose host shows a newer or older file than the metadata finds the vouched one by its digest, for a
// week.
func TestRecent(t *testing.T) {
	r, ada := started(t)
	path := r.Path(site.PublicDir, filepath.FromSlash(index.PackagePath("mailbox")))
	recent := func(data string) string {
		return r.Path(site.PublicDir, filepath.FromSlash(site.RecentPath(index.DigestOf([]byte(data)))))
	}
	config := file(t, r.Path(site.PublicDir, index.ConfigPath))
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	if got := file(t, path); file(t, recent(got)) != got {
		t.Error("no copy of the grown file")
	}
	gittest.Commit(t, r.Repo, "main", map[string]string{index.ConfigPath: config + "\n"})
	if _, err := r.Build(t.Context(), sitetest.Now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{config, config + "\n"} {
		if file(t, recent(want)) != want {
			t.Error("no copy of the configuration, before or after")
		}
	}
	shards := count(t, r.Path(site.PublicDir, "shards"))
	later := func(days int) {
		if _, err := r.Build(t.Context(), sitetest.Now.AddDate(0, 0, days)); err != nil {
			t.Fatal(err)
		}
	}
	later(7)
	if !exists(recent(config)) {
		t.Error("the copy is gone within the week")
	}
	later(9)
	if left := count(t, r.Path(site.PublicDir, "recent")); left != 0 {
		t.Errorf("%d copies are left", left)
	}
	if got := count(t, r.Path(site.PublicDir, "shards")); got >= shards || exists(r.Path(site.PublicDir, "trust/1.targets.json")) {
		t.Errorf("%d lists, %d before; or old metadata is left", got, shards)
	}
	verified(t, r, first(t, r), sitetest.Now.AddDate(0, 0, 9))
	sameTrees(t, r)
}

func count(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRefresh: a build signs anew what is a day old, and a refresh always does; lines and log stay as they are.
func TestRefresh(t *testing.T) {
	r, _ := started(t)
	dist := func() string { return gittest.Run(t, r.Path(site.RepoDir), "rev-parse", "dist") }
	for _, test := range []struct {
		story string
		do    func(time.Time) (*site.BuildReport, error)
		after time.Duration
		moves bool
	}{
		{"a build soon after", func(at time.Time) (*site.BuildReport, error) { return r.Build(t.Context(), at) }, time.Hour, false},
		{"a refresh soon after", func(at time.Time) (*site.BuildReport, error) { return r.Refresh(t.Context(), at) }, 2 * time.Hour, true},
		{"a build on the next day", func(at time.Time) (*site.BuildReport, error) { return r.Build(t.Context(), at) }, 30 * time.Hour, true},
		{"a build after a month", func(at time.Time) (*site.BuildReport, error) { return r.Build(t.Context(), at) }, 30 * 24 * time.Hour, true},
		{"a build when the root is old", func(at time.Time) (*site.BuildReport, error) { return r.Build(t.Context(), at) }, 300 * 24 * time.Hour, true},
		{"a build when the former root has expired", func(at time.Time) (*site.BuildReport, error) { return r.Build(t.Context(), at) }, 400 * 24 * time.Hour, true},
	} {
		before := dist()
		report, err := test.do(sitetest.Now.Add(test.after))
		if err != nil || report.Lines != 0 || report.Renew {
			t.Fatalf("%s: %+v, %v", test.story, report, err)
		}
		if moved := dist() != before; moved != test.moves {
			t.Errorf("%s: dist has moved: %v", test.story, moved)
		}
		verified(t, r, first(t, r), sitetest.Now.Add(test.after))
	}
	if root, _, err := r.Root(); err != nil || root.Version != 2 {
		t.Errorf("root %v, %v: renewed once", root, err)
	}
	sameTrees(t, r)
}

func TestRotate(t *testing.T) {
	r, ada := started(t)
	start := first(t, r)
	client := verified(t, r, start, sitetest.Now).State()
	keys := func() []string {
		entries, err := os.ReadDir(r.Path("keys"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".pem") {
				names = append(names, e.Name())
			}
		}
		return names
	}
	for i, roles := range [][]string{nil, {"targets"}, {"timestamp", "snapshot"}, {"root"}, {"root", "targets", "snapshot", "timestamp"}} {
		report, err := r.RotateRoot(t.Context(), sitetest.Now, site.Rotation{Roles: roles})
		if err != nil {
			t.Fatalf("%v: %v", roles, err)
		}
		client = verified(t, r, client, sitetest.Now).State()
		verified(t, r, start, sitetest.Now)
		root, _, err := r.Root()
		if err != nil || root.Version != int64(i+2) || root.Fingerprint != report.Root {
			t.Errorf("%v: root %+v, %v", roles, root, err)
		}
	}
	if got := keys(); !slices.Equal(got, []string{"commit.pem", "root-6.pem", "snapshot-6.pem", "targets-6.pem", "timestamp-6.pem"}) {
		t.Errorf("keys %q", got)
	}
	root, _, _ := r.Root()
	if root.LogSize != 2 {
		t.Errorf("the root was signed at %d lines", root.LogSize)
	}
	// Life goes on.
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	verified(t, r, client, sitetest.Now)
	sameTrees(t, r)
}

// TestProduction: no key that can replace keys is with the registry, and two of three can.
func TestProduction(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	if _, err := site.Init(t.Context(), dir, site.InitOptions{ID: sitetest.ID, Now: sitetest.Now, Production: true}); err != nil {
		t.Fatal(err)
	}
	offline := t.TempDir()
	if err := os.Rename(filepath.Join(dir, site.RootKeysDir), filepath.Join(offline, "k")); err != nil {
		t.Fatal(err)
	}
	key := func(n string) string { return filepath.Join(offline, "k", "root-"+n+".pem") }
	r := sitetest.Open(t, dir)
	client := verified(t, r, first(t, r), sitetest.Now).State()
	root, _, err := r.Root()
	if err != nil || root.Roles.Root.Threshold != 2 || len(root.Roles.Root.Keys) != 3 {
		t.Fatalf("%+v, %v", root, err)
	}
	old := sitetest.Now.AddDate(0, 10, 0)
	if report, err := r.Refresh(t.Context(), old); err != nil || !report.Renew {
		t.Errorf("%+v, %v: nobody is told to renew the root", report, err)
	}
	for _, few := range [][]string{nil, {key("1")}, {key("1"), key("1")}} {
		if _, err := r.RotateRoot(t.Context(), old, site.Rotation{Roles: []string{"targets"}, RootKeys: few}); !fault.IsCode(err, "key-missing") {
			t.Errorf("with %d: %v", len(few), err)
		}
	}
	if _, err := r.RotateRoot(t.Context(), old, site.Rotation{Roles: []string{"root"}, RootKeys: []string{key("1"), key("2")}}); !fault.IsCode(err, "new-root-keys") {
		t.Errorf("%v", err)
	}
	fresh, err := sign.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := func() ([]byte, error) { return []byte("secret"), nil }
	if err := sign.WriteKeyFile(key("4"), fresh, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	rotation := site.Rotation{Roles: []string{"root", "timestamp"}, RootKeys: []string{key("3"), key("2")}, NewRootKeys: []string{key("2"), key("3"), key("4")}, Passphrase: secret}
	report, err := r.RotateRoot(t.Context(), old, rotation)
	if err != nil || report.Renew {
		t.Fatalf("%+v, %v", report, err)
	}
	verified(t, r, client, old)
}

// TestOlderFolder: a registry that was made without metadata is given some, and its lists begin with all that is there.
func TestOlderFolder(t *testing.T) {
	r, ada := started(t)
	next := r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", ""))
	// What such a program left: dist without trust/ and shards/, and neither keys nor files of them.
	var gone []gitrepo.Edit
	for _, path := range strings.Fields(gittest.Run(t, r.Path(site.RepoDir), "ls-tree", "-r", "--name-only", "dist", "trust/", "shards/")) {
		gone = append(gone, gitrepo.Edit{Path: path})
	}
	message := gittest.Run(t, r.Path(site.RepoDir), "log", "-1", "--format=%B", "dist")
	dist, err := r.Repo.Ref("refs/heads/dist")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.Repo.BuildTree(dist, gone)
	if err != nil {
		t.Fatal(err)
	}
	commit := gittest.Run(t, r.Path(site.RepoDir), "commit-tree", tree.String(), "-p", "dist", "-m", message)
	gittest.Run(t, r.Path(site.RepoDir), "update-ref", "refs/heads/dist", commit)
	if err := os.WriteFile(r.Path("state", "public"), []byte(commit+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	trusted := file(t, r.Path(site.PublicDir, index.TrustedRootPath))
	for _, name := range []string{"shards", "trust", "recent"} {
		os.RemoveAll(r.Path(site.PublicDir, name))
	}
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		os.Remove(r.Path("keys", role+".pem"))
		os.Remove(r.Path("keys", role+".pem.pub"))
	}
	os.Remove(r.Path("state", "next-root.json"))
	if err := os.MkdirAll(r.Path(site.PublicDir, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Path(site.PublicDir, index.TrustedRootPath), []byte(trusted), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Root(); !fault.IsCode(err, "no-metadata") {
		t.Errorf("%v", err)
	}

	r.Propose(ada, r.Main(), next)
	r.Merge("pass")
	verified(t, r, first(t, r), sitetest.Now)
	if file(t, r.Path(site.PublicDir, index.TrustedRootPath)) != trusted {
		t.Error("the log's key was written anew")
	}
	sameTrees(t, r)
}

// Whoever still sees the former timestamp finds all that it vouches for.
func TestUploadOrder(t *testing.T) {
	r, ada := started(t)
	state := r.Path("state", "public")
	old := file(t, state)
	host := r.Path(site.PublicDir)
	before := file(t, host, "trust", "timestamp.json")
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	r.Merge("pass")
	// As if the last write, that of the timestamp, had not happened: the old metadata finds its lists.
	after := file(t, host, "trust", "timestamp.json")
	if err := os.WriteFile(filepath.Join(host, "trust", "timestamp.json"), []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := tuf.ReadState(public(host).ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := tuf.TargetsOf(s)
	if err != nil {
		t.Fatal(err)
	}
	top := targets[listing.TopTarget]
	data, err := public(host).ReadFile(listing.File{Length: top.Length, SHA256: top.SHA256}.Path())
	if err != nil || top.Check("top", data) != nil {
		t.Errorf("the old lists are gone: %v", err)
	}
	if err := os.WriteFile(filepath.Join(host, "trust", "timestamp.json"), []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
	// A run that was cut off before state/public is repeated, and comes to the same.
	if err := os.WriteFile(state, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, host)
	if _, err := r.Build(t.Context(), sitetest.Now); err != nil || snapshot(t, host) != want {
		t.Errorf("%v, or another tree", err)
	}
}

// TestLostKeys loses keys that every build may need: what can be done without them is done and said, and a rotation that
// names them goes through whatever waits.
func TestLostKeys(t *testing.T) {
	lose := func(r *sitetest.Registry, names ...string) {
		for _, name := range names {
			if err := os.Remove(r.Path("keys", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	later := sitetest.Now.Add(36 * time.Hour)
	for _, roles := range [][]string{{"targets"}, {"snapshot"}, {"timestamp"}, {"targets", "snapshot", "timestamp"}} {
		r := sitetest.New(t)
		begin := first(t, r)
		for _, role := range roles {
			lose(r, role+".pem")
		}
		report, err := r.Build(t.Context(), sitetest.Now)
		if err != nil || !slices.Equal(report.Lost, roles) {
			t.Errorf("%v: a build with nothing to do: %+v, %v", roles, report, err)
		}
		_, err = r.Build(t.Context(), sitetest.Now.Add(40*24*time.Hour))
		if f := fault.Of(err); !fault.IsCode(err, "key-missing") || len(f.Facts) != len(roles) || !strings.Contains(strings.Join(f.Help, " "), "--role "+roles[len(roles)-1]) {
			t.Errorf("%v: a build that needs it: %+v", roles, f)
		}
		// Another role alone does not help, and must not leave a root behind that cannot be published.
		if other := []string{"root"}; len(roles) == 1 {
			if _, err := r.RotateRoot(t.Context(), later, site.Rotation{Roles: other}); !fault.IsCode(err, "key-missing") {
				t.Errorf("%v: another role was given a key: %v", roles, err)
			}
		}
		report, err = r.RotateRoot(t.Context(), later, site.Rotation{Roles: roles})
		if err != nil || len(report.Lost) > 0 {
			t.Errorf("%v: the rotation: %+v, %v", roles, report, err)
			continue
		}
		verified(t, r, begin, later)
	}
	for _, name := range []string{"log.key", "commit.pem"} {
		r := sitetest.New(t)
		lose(r, name)
		_, err := site.Open(r.Path())
		if f := fault.Of(err); !fault.IsCode(err, "key-missing") || len(f.Help) != 1 || strings.Contains(f.Help[0], "keygen --") || !strings.Contains(f.Help[0], "backup") {
			t.Errorf("%s: %+v", name, fault.Of(err))
		}
	}
	r := sitetest.New(t)
	lose(r, "root.pem")
	_, err := r.RotateRoot(t.Context(), later, site.Rotation{Roles: []string{"targets"}})
	if f := fault.Of(err); !fault.IsCode(err, "key-missing") || len(f.Facts) != 2 {
		t.Errorf("%+v", f)
	}
}
