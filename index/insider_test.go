package index_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/sign"
	"github.com/geeknik/gal-pkg/sign/translog"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/build"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// insider has every key of a registry, and no key of a publisher. What such a person can do is bounded by the log.
type insider struct {
	t    *testing.T
	keys tuf.Keys
	log  *translog.PrivateKey
	last tuf.State
	now  time.Time
}

func newInsider(t *testing.T) *insider {
	t.Helper()
	i := &insider{t: t, now: sitetest.Now}
	for _, role := range []*[]*sign.PrivateKey{&i.keys.Root, &i.keys.Targets, &i.keys.Snapshot, &i.keys.Timestamp} {
		key, err := sign.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*role = append(*role, key)
	}
	var err error
	if i.log, err = translog.GenerateKey(rand.Reader, sitetest.ID); err != nil {
		t.Fatal(err)
	}
	if i.last.Root, err = tuf.NewRoot(i.keys.Roles(1), tuf.RootOptions{Now: sitetest.Now}, i.keys.Root); err != nil {
		t.Fatal(err)
	}
	return i
}

// publish makes the next state of the registry: any files, and a log of any leaves; no leaves means no log at all.
func (i *insider) publish(files tree, leaves [][]byte) tree {
	i.t.Helper()
	files[index.ConfigPath] = []byte("id = \"" + sitetest.ID + "\"\nname = \"Tests\"\nformat = 1\n")
	root, err := sign.FormatTrustedRoot([]sign.TrustedLog{{Key: i.log.Verifier(), Start: sitetest.Now}})
	if err != nil {
		i.t.Fatal(err)
	}
	files[index.TrustedRootPath] = root
	if leaves != nil {
		update, err := translog.Open(noFiles{}, translog.EmptyCheckpoint(sitetest.ID)).Append(leaves)
		if err != nil {
			i.t.Fatal(err)
		}
		for path, data := range update.Files {
			files[index.LogDir+path] = data
		}
		if files[index.LogDir+translog.CheckpointPath(update.Checkpoint.Size)], err = update.Checkpoint.Sign(i.log); err != nil {
			i.t.Fatal(err)
		}
	}
	targets := map[string]tuf.Target{}
	listed := map[string]listing.File{}
	for path, data := range files {
		if index.IsListed(path) {
			listed[path] = listing.FileOf(data)
		} else if build.IsTarget(path) {
			targets[path] = tuf.TargetOf(data)
		}
	}
	lists, err := listing.Make(sitetest.Files(files), listing.File{}, listed)
	if err != nil {
		i.t.Fatal(err)
	}
	targets[listing.TopTarget] = tuf.Target{Length: lists.Top.Length, SHA256: lists.Top.SHA256}
	update, err := tuf.Release(i.last, targets, i.keys, tuf.SignOptions{Now: i.now})
	if err != nil {
		i.t.Fatal(err)
	}
	for _, more := range []map[string][]byte{lists.Files, update.Files, {tuf.RootPath(1): i.last.Root}} {
		for path, data := range more {
			files[path] = data
		}
	}
	i.last = update.State
	return files
}

type noFiles struct{}

func (noFiles) Read(string) ([]byte, error) { return nil, index.ErrNotFound }

// placed is a line with its place in the log.
type placed struct {
	log  int64
	line *index.Line
	key  sign.PublicKey
}

func fileOf(lines ...placed) (data []byte) {
	for _, l := range lines {
		data = append(append(data, index.Stamp(sitetest.Now, l.log)...), '\n')
		data = append(append(data, l.line.Bytes()...), '\n')
	}
	return data
}

func (i *insider) leaf(l placed) []byte {
	i.t.Helper()
	leaf, err := sign.LeafBody(l.key, l.line.Claim(sitetest.ID).PAE(), l.line.Sig.Value)
	if err != nil {
		i.t.Fatal(err)
	}
	return leaf
}

// TestInsiderMovesARevocation: the revocation of a key is moved behind a release that the key's thief made, with all keys of
// the registry. Who has proved the revocation at its place before proves it at its new one again, and finds it not there.
func TestInsiderMovesARevocation(t *testing.T) {
	i := newInsider(t)
	ada, next := sitetest.Author(t, "ada"), sitetest.Author(t, "ada")
	line := sitetest.Line(t)
	register := placed{0, line(ada.Register(sitetest.ID, "", nil)), ada.Key.Public()}
	add := placed{1, line(ada.AddKey(sitetest.ID, register.line.Digest(), next.Key.Public(), next.Key, "")), ada.Key.Public()}
	pkg := index.NewPackage(sitetest.ID, "mailbox")
	publisher := index.FoldPublisher(sitetest.ID, "ada", []index.Entry{{At: sitetest.Now, Log: 0, Line: register.line}})
	first := placed{2, line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", "1.0.0", ""))), ada.Key.Public()}
	if _, err := pkg.Apply(index.Entry{At: sitetest.Now, Log: 2, Line: first.line}, func(string) *index.Publisher { return publisher }); err != nil {
		t.Fatal(err)
	}
	revoke := placed{3, line(next.RevokeKey(sitetest.ID, add.line.Digest(), ada.Key.Public().Hint(), "lost", nil)), next.Key.Public()}
	stolen := placed{4, line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", "1.1.0", ""))), ada.Key.Public()}
	leaves := [][]byte{i.leaf(register), i.leaf(add), i.leaf(first), i.leaf(revoke)}
	honest := i.publish(tree{
		index.PublisherPath("ada"): fileOf(register, add, revoke), index.PackagePath("mailbox"): fileOf(first),
	}, leaves)
	revoke.log = 5
	moved := i.publish(tree{
		index.PublisherPath("ada"): fileOf(register, add, revoke), index.PackagePath("mailbox"): fileOf(first, stolen),
	}, append(leaves, i.leaf(stolen), []byte("whatever")))

	c := newClient(t)
	memory := index.OpenMemory(c.dir + "/verified")
	if err := c.prove(honest, memory, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if err := c.prove(moved, memory, "1.1.0"); !fault.IsCode(err, "not-logged") {
		t.Errorf("a revocation that was moved: %v", err)
	}
}

// TestInsiderDropsTheLog: metadata that names no checkpoint any more says nothing of the log, and that is refused.
func TestInsiderDropsTheLog(t *testing.T) {
	i := newInsider(t)
	ada := sitetest.Author(t, "ada")
	line := sitetest.Line(t)
	register := placed{0, line(ada.Register(sitetest.ID, "", nil)), ada.Key.Public()}
	first := placed{1, line(ada.Publish(sitetest.ID, index.NewPackage(sitetest.ID, "mailbox"), sitetest.Draft(t, "mailbox", "1.0.0", ""))), ada.Key.Public()}
	files := func() tree {
		return tree{index.PublisherPath("ada"): fileOf(register), index.PackagePath("mailbox"): fileOf(first)}
	}
	c := newClient(t)
	memory := index.OpenMemory(c.dir + "/verified")
	if err := c.prove(i.publish(files(), [][]byte{i.leaf(register), i.leaf(first)}), memory, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if err := c.prove(i.publish(files(), nil), memory, "1.0.0"); fault.KindOf(err) != fault.Integrity {
		t.Errorf("a registry without the log that it had: %v", err)
	}
}

// prove opens, verifies one version and looks for it in the log, with a memory of what was proved before.
func (c *client) prove(shown tree, memory index.Memory, v string) error {
	c.t.Helper()
	transport := c.transport(shown)
	o := index.Options{Pin: sitetest.ID, Now: sitetest.Now}
	o.State = func(string) (index.State, error) {
		return index.State{Standing: c.standing(), Verified: memory}, nil
	}
	s, err := index.Open(c.t.Context(), transport, o)
	if err != nil {
		return err
	}
	artifacts, _, err := s.Verify(c.t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse(v)}})
	if err != nil {
		return err
	}
	return s.CheckLog(c.t.Context(), artifacts)
}

// twoFaced shows one tree until its configuration has been read, and then another.
type twoFaced struct {
	index.Transport
	first, then index.Transport
	read        bool
}

func (f *twoFaced) Refresh(context.Context) error { return nil }

func (f *twoFaced) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	if f.read {
		return f.then.Fetch(ctx, paths)
	}
	for _, path := range paths {
		f.read = f.read || path == index.ConfigPath
	}
	return f.first.Fetch(ctx, paths)
}

// TestConfigurationOfAnotherRoot: a host that is new to the user shows a registry of its own under a known id, and then the
// true one. Nothing of the first counts: neither where archives are, nor where to upload.
func TestConfigurationOfAnotherRoot(t *testing.T) {
	p := newPublished(t)
	c := newClient(t)
	shown := treeOf(t, p.Registry)
	if _, err := c.read(shown, sitetest.Now, index.Options{}); err != nil {
		t.Fatal(err)
	}
	evil := tree{index.ConfigPath: []byte("id = \"" + sitetest.ID + "\"\nname = \"Evil\"\nformat = 1\nupload = \"https://evil.example/\"\n")}
	sitetest.Files(evil).Vouch(t)
	host := newClient(t)
	f := &twoFaced{first: host.transport(evil), then: c.transport(shown)}
	o := index.Options{Now: sitetest.Now}
	o.State = func(string) (index.State, error) { return index.State{Standing: c.standing()}, nil }
	s, err := index.Open(t.Context(), f, o)
	if err == nil && s.Config().Upload == "https://evil.example/" {
		t.Error("the configuration of a root that was never trusted is used")
	}
	if err != nil && fault.KindOf(err) != fault.Integrity {
		t.Error(err)
	}
}

// TestConfigurationMustBeVouchedFor: metadata that leaves the configuration out does not leave it to the host.
func TestConfigurationMustBeVouchedFor(t *testing.T) {
	shown := tree{}
	sitetest.Files(shown).Vouch(t)
	shown[index.ConfigPath] = []byte("id = \"" + sitetest.ID + "\"\nname = \"Tests\"\nformat = 1\n")
	if _, err := newClient(t).open(shown); err == nil {
		t.Error("a configuration that nothing vouches for is used")
	}
}

// TestFirstRootInItsPlace: a root that says another version than its place would have the client look for as many others.
func TestFirstRootInItsPlace(t *testing.T) {
	i := newInsider(t)
	var err error
	if i.last.Root, err = tuf.RotateRoot(i.last.Root, i.keys.Roles(1), tuf.RootOptions{Now: sitetest.Now}, i.keys.Root); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t).open(i.publish(tree{}, nil)); !fault.IsCode(err, "root-invalid") {
		t.Errorf("root 2 in the place of root 1: %v, want root-invalid", err)
	}
}

// TestSearchSumsOfImpossibleLength: lengths come from the registry, and nobody writes such.
func TestSearchSumsOfImpossibleLength(t *testing.T) {
	for _, length := range []string{"-9223372036854775808", "-2", "-1", "9223372036854775807"} {
		i := newInsider(t)
		line := length + " " + strings.Repeat("ab", 32) + " search/00.jsonl\n"
		s, err := newClient(t).open(i.publish(tree{index.SearchSums: []byte(line)}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Search(t.Context(), index.Query{Text: "mail"}, 1, 10); !fault.IsCode(err, "index-malformed") {
			t.Errorf("a file of %s bytes: %v, want index-malformed", length, err)
		}
	}
}

// TestPartOfARegistry: what a copy does not hold is no attack where the copy says that it is a part. That note makes nothing
// pass.
func TestPartOfARegistry(t *testing.T) {
	const part, whole = `{"v":1,"registry":"tests.example"}`, `{"v":1,"registry":"tests.example","whole":true}`
	for _, row := range []struct{ name, note, path, code string }{
		{"a part without the package", part, index.PackagePath("mailbox"), "not-in-copy"},
		{"a part without the publisher", part, index.PublisherPath("ada"), "not-in-copy"},
		{"all, but the package", whole, index.PackagePath("mailbox"), "metadata-mismatch"},
		{"no note", "", index.PackagePath("mailbox"), "metadata-mismatch"},
		{"no such note", `{"v":2}`, index.PackagePath("mailbox"), "metadata-mismatch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			shown := treeOf(t, newPublished(t).Registry)
			for path := range shown {
				if path == row.path || strings.HasPrefix(path, "recent/") {
					delete(shown, path)
				}
			}
			if row.note != "" {
				shown[index.CopyNotePath] = []byte(row.note)
			}
			if _, err := newClient(t).read(shown, sitetest.Now, index.Options{}); !fault.IsCode(err, row.code) {
				t.Errorf("%v, want %s", err, row.code)
			}
		})
	}
}
