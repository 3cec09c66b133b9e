package index_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// tree is what a host shows, by path.
type tree map[string][]byte

// treeOf reads what a registry shows now.
func treeOf(t *testing.T, r *sitetest.Registry) tree {
	t.Helper()
	files := tree{}
	root := os.DirFS(r.Path(site.PublicDir))
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files[name], err = fs.ReadFile(root, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// with returns the tree with some files of another one; those that the other has not are gone.
func (t tree) with(other tree, prefixes ...string) tree {
	out := maps.Clone(t)
	under := func(path string, _ []byte) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(path, prefix) {
				return true
			}
		}
		return false
	}
	maps.DeleteFunc(out, under)
	for path, data := range other {
		if under(path, data) {
			out[path] = data
		}
	}
	return out
}

func (t tree) edit(path string, edit func([]byte) []byte) tree {
	out := maps.Clone(t)
	out[path] = edit(bytes.Clone(t[path]))
	return out
}

// client is a user who reads a static host from one day to the next: standing and cache stay.
type client struct {
	t     *testing.T
	dir   string
	shown tree
	url   string
}

func newClient(t *testing.T) *client {
	c := &client{t: t, dir: t.TempDir()}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := c.shown[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(host.Close)
	c.url = host.URL
	return c
}

func (c *client) cache() string { return filepath.Join(c.dir, "cache") }

func (c *client) standing() index.StandingFile { return index.StandingFile{Dir: c.dir} }

// offline answers from what was kept.
func (c *client) offline() *index.Static {
	c.t.Helper()
	w, err := web.New(web.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	transport, err := index.NewStatic(w, c.url, c.cache(), true)
	if err != nil {
		c.t.Fatal(err)
	}
	return transport
}

// transport reads what the host shows from now on.
func (c *client) transport(shown tree) *index.Static {
	c.t.Helper()
	c.shown = shown
	w, err := web.New(web.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	transport, err := index.NewStatic(w, c.url, c.cache(), false)
	if err != nil {
		c.t.Fatal(err)
	}
	return transport
}

// read does what an installation of mailbox 1.0.0 does before it downloads: open, verify, look into the log.
func (c *client) read(shown tree, at time.Time, o index.Options) (*index.Snapshot, error) {
	c.t.Helper()
	transport := c.transport(shown)
	if o.Pin == "" {
		o.Pin = sitetest.ID
	}
	o.Now = at
	o.State = func(string) (index.State, error) { return index.State{Standing: c.standing()}, nil }
	s, err := index.Open(c.t.Context(), transport, o)
	if err != nil {
		return nil, err
	}
	artifacts, _, err := s.Verify(c.t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}})
	if err != nil {
		return nil, err
	}
	return s, s.CheckLog(c.t.Context(), artifacts)
}

// newest returns the path of the newest file of the metadata with an ending.
func newest(shown tree, suffix string) (path string) {
	highest := 0
	for name := range shown {
		number, ok := strings.CutSuffix(strings.TrimPrefix(name, tuf.Dir), suffix)
		if n, err := strconv.Atoi(number); ok && err == nil && n > highest {
			highest, path = n, name
		}
	}
	return path
}

func flip(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

// TestMatrixHosts is what a host may show to somebody who has been there before: rows 2, 9 to 14, 17, 18 and 47 of the
// attacks in docs/security.md. Whatever it is, what the user knows of the registry stays as it was.
func TestMatrixHosts(t *testing.T) {
	p := newPublished(t)
	p.Propose(p.ada, p.Main(), p.Publish(p.ada, sitetest.Draft(t, "retry", "1.0.0", "")))
	p.Merge("pass")
	first := treeOf(t, p.Registry)
	p.release("mailbox", "1.1.0")
	second := treeOf(t, p.Registry)
	p.release("mailbox", "1.2.0")
	third := treeOf(t, p.Registry)
	noRecent := func(shown tree) tree { return shown.with(nil, "recent/") }

	mailbox, retry := index.PackagePath("mailbox"), index.PackagePath("retry")
	late := sitetest.Now.Add(tuf.TimestampLife + tuf.Skew + time.Second)
	shards := func(from, by tree) tree { // the lists of one state under the names of another
		out := maps.Clone(from)
		var old []byte
		for path, data := range by {
			if _, same := from[path]; strings.HasPrefix(path, listing.Dir) && !same {
				old = data
			}
		}
		for path := range from {
			if _, same := by[path]; strings.HasPrefix(path, listing.Dir) && !same {
				out[path] = old
			}
		}
		return noRecent(out)
	}
	eachTile := func(shown tree, change func([]byte) []byte) tree {
		out := maps.Clone(shown)
		for path, data := range shown {
			if strings.HasPrefix(path, "log/tile/0/") {
				out[path] = change(bytes.Clone(data))
			}
		}
		return out
	}
	for _, row := range []struct {
		story string
		shown tree
		at    time.Time
		code  string
	}{
		{"2: a line and its digest edited", noRecent(third).edit(mailbox, flip), sitetest.Now, "index-mismatch"},
		{"3: the file of another package", noRecent(third).edit(mailbox, func([]byte) []byte { return third[retry] }), sitetest.Now, "index-mismatch"},
		{"9: the checkpoint of the state before", noRecent(third).with(second, "log/checkpoint."), sitetest.Now, "metadata-mismatch"},
		{"10: a tile with a flipped bit", eachTile(third, flip), sitetest.Now, "log-inconsistent"},
		{"10: a tile that is cut", eachTile(third, func(data []byte) []byte { return data[:len(data)-1] }), sitetest.Now, "log-inconsistent"},
		{"10: no tiles", third.with(nil, "log/tile/0/"), sitetest.Now, "log-incomplete"},
		{"12: an older state, whole", first, sitetest.Now, "index-rollback"},
		{"12: the timestamp of an older state", third.with(first, tuf.TimestampPath), sitetest.Now, "index-rollback"},
		{"13: the same for ever", second, late, "index-expired"},
		{"13: the newest, too late", third, late, "index-expired"},
		{"14: the new timestamp, all else old", first.with(third, tuf.TimestampPath), sitetest.Now, "metadata-mismatch"},
		{"14: new metadata, old lists", shards(third, second), sitetest.Now, "index-mismatch"},
		{"14: new metadata and lists, an old file", noRecent(third).with(second, mailbox), sitetest.Now, "index-mismatch"},
		{"17: the last line dropped", noRecent(third).edit(mailbox, func(data []byte) []byte { return data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1] }), sitetest.Now, "index-mismatch"},
		{"17: the publisher's file dropped", noRecent(third).with(nil, index.PublisherDir), sitetest.Now, "metadata-mismatch"},
		{"18: a published line edited", noRecent(third).edit(mailbox, func(data []byte) []byte {
			return bytes.Replace(data, []byte(`"license":"MIT"`), []byte(`"license":"MID"`), 1)
		}), sitetest.Now, "index-mismatch"},
		{"47: no metadata any more", third.with(nil, tuf.Dir), sitetest.Now, "registry-untrusted"},
		{"47: no metadata, and no registry either", tree{}, sitetest.Now, "registry-untrusted"},
		{"another configuration", noRecent(third).edit(index.ConfigPath, flip), sitetest.Now, "index-mismatch"},
		{"another key of the log", noRecent(third).edit(tuf.Dir+"trusted_root.json", flip), sitetest.Now, "index-mismatch"},
		{"a part of the metadata with a flipped bit", third.edit(newest(third, ".targets.json"), flip), sitetest.Now, "metadata-mismatch"},
		{"nothing is wrong", third, sitetest.Now, ""},
		{"nothing is wrong, at the last moment", third, late.Add(-time.Second), ""},
		{"what is known, unchanged", second, sitetest.Now, ""},
	} {
		t.Run(row.story, func(t *testing.T) {
			c := newClient(t)
			if _, err := c.read(second, sitetest.Now, index.Options{}); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(c.cache()); err != nil { // what is cached under the right digest is as good as what is shown
				t.Fatal(err)
			}
			before, err := c.standing().Load()
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.read(row.shown, row.at, index.Options{})
			if row.code == "" && err != nil || row.code != "" && (!fault.IsCode(err, row.code) || fault.KindOf(err) != fault.Integrity) {
				t.Fatalf("%v, want %q", err, row.code)
			}
			after, loadErr := c.standing().Load()
			if loadErr != nil || row.code != "" && !bytes.Equal(after.Checkpoint, before.Checkpoint) {
				t.Errorf("the checkpoint that was seen has moved: %v", loadErr)
			}
			switch row.code {
			case "index-rollback", "index-expired", "registry-untrusted":
				if !bytes.Equal(after.Metadata.Timestamp, before.Metadata.Timestamp) {
					t.Error("the metadata that was seen has moved")
				}
			}
			if _, err := c.read(third, sitetest.Now, index.Options{}); err != nil {
				t.Errorf("afterwards the true registry is refused: %v", err)
			}
		})
	}
}

// TestMatrixFirstContact is rows 16 and 47 for somebody who was never there.
func TestMatrixFirstContact(t *testing.T) {
	p := newPublished(t)
	shown := treeOf(t, p.Registry)
	root := tuf.Fingerprint(shown[tuf.RootPath(1)])
	for _, row := range []struct {
		story string
		shown tree
		o     index.Options
		code  string
	}{
		{"no metadata", shown.with(nil, tuf.Dir), index.Options{}, "registry-unsigned"},
		{"no metadata, and a pinned root", shown.with(nil, tuf.Dir), index.Options{Root: root}, "registry-untrusted"},
		{"no root", shown.with(nil, tuf.RootPath(1)), index.Options{}, "registry-untrusted"},
		{"another root than the pinned one", shown, index.Options{Root: "sha256:" + strings.Repeat("0", 64)}, "registry-untrusted"},
		{"the pinned root", shown, index.Options{Root: root}, ""},
		{"another id than the pinned one", shown, index.Options{Pin: "elsewhere.example"}, "registry-changed"},
	} {
		_, err := newClient(t).read(row.shown, sitetest.Now, row.o)
		if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v, want %q", row.story, err, row.code)
		}
	}
}

// TestMatrix11TwoHistories: an operator, or a thief of all keys, who shows two people two histories. Whoever sees both has
// both checkpoints as evidence.
func TestMatrix11TwoHistories(t *testing.T) {
	p := newPublished(t)
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(p.Dir)); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(other, "keys", "*"))
	for _, key := range keys {
		err = errors.Join(err, os.Chmod(key, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	fork := &published{Registry: sitetest.Open(t, other), ada: p.ada, t: t}
	p.release("mailbox", "1.1.0")
	fork.release("mailbox", "1.2.0")
	fork.release("mailbox", "1.3.0") // its metadata is newer than the other's
	c := newClient(t)
	if _, err := c.read(treeOf(t, p.Registry), sitetest.Now, index.Options{}); err != nil {
		t.Fatal(err)
	}
	before, err := c.standing().Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.read(treeOf(t, fork.Registry), sitetest.Now, index.Options{}); !fault.IsCode(err, "log-forked") {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(c.dir, "forked-log.before"))
	if err != nil || !bytes.Equal(kept, before.Checkpoint) {
		t.Errorf("the checkpoint of before is not kept: %v", err)
	}
	if now, err := os.ReadFile(filepath.Join(c.dir, "forked-log.now")); err != nil || bytes.Equal(now, kept) {
		t.Errorf("the checkpoint of now is not kept: %v", err)
	}
	after, err := c.standing().Load()
	if err != nil || !bytes.Equal(after.Checkpoint, before.Checkpoint) {
		t.Errorf("the fork has taken the place of what was seen: %v", err)
	}
}

// TestMatrix07Revoked publishes with a key before, at and after its revocation, and before, at and after the place from
// which it is said to be compromised, and reads that through a registry whose metadata names all of it.
func TestMatrix07Revoked(t *testing.T) {
	const revoked, since = 10, 7
	for _, row := range []struct {
		log         int64 // of the release
		compromised bool  // the revocation says: since log 7
		code        string
	}{
		{6, false, ""}, {9, false, ""}, {10, false, "version-vanished"}, {11, false, "version-vanished"},
		{6, true, ""}, {7, true, "key-compromised"}, {8, true, "key-compromised"}, {9, true, "key-compromised"},
		{10, true, "version-vanished"}, {11, true, "version-vanished"},
	} {
		shown := revokedTree(t, row.log, revoked, since, row.compromised)
		s, err := newClient(t).open(shown)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: version.MustParse("1.1.0")}})
		if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) {
			t.Errorf("published at %d, compromised %v: %v, want %q", row.log, row.compromised, err, row.code)
		}
	}
}

// open opens what a host shows, at a time when it is current.
func (c *client) open(shown tree) (*index.Snapshot, error) {
	c.t.Helper()
	transport := c.transport(shown)
	return index.Open(c.t.Context(), transport, index.Options{Pin: sitetest.ID, Now: sitetest.Now})
}

// revokedTree is a registry in which mailbox 1.1.0 stands at one place of the log and the revocation of its key at another.
func revokedTree(t *testing.T, log, revoked, since int64, compromised bool) tree {
	t.Helper()
	ada, next := sitetest.Author(t, "ada"), sitetest.Author(t, "ada")
	line, one := sitetest.Line(t), version.MustParse("1.0.0")
	register := line(ada.Register(sitetest.ID, "", nil))
	add := line(ada.AddKey(sitetest.ID, register.Digest(), next.Key.Public(), next.Key, ""))
	body := &index.RevokeKey{Key: ada.Key.Public().Hint(), Reason: "lost"}
	if compromised {
		body.CompromisedSince = &since
	}
	revoke := line(ada.RevokeKey(sitetest.ID, add.Digest(), body.Key, body.Reason, body.CompromisedSince))
	pkg := index.NewPackage(sitetest.ID, "mailbox")
	publisher := index.FoldPublisher(sitetest.ID, "ada", []index.Entry{{At: sitetest.Now, Log: 0, Line: register}})
	known := func(string) *index.Publisher { return publisher }
	first := line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", one.String(), "")))
	if _, err := pkg.Apply(index.Entry{At: sitetest.Now, Log: 2, Line: first}, known); err != nil {
		t.Fatal(err)
	}
	second := line(ada.Publish(sitetest.ID, pkg, sitetest.Draft(t, "mailbox", "1.1.0", "")))
	stamped := func(lines map[int64]*index.Line, order ...int64) (data []byte) {
		for _, at := range order {
			data = append(append(data, index.Stamp(sitetest.Now, at)...), '\n')
			data = append(append(data, lines[at].Bytes()...), '\n')
		}
		return data
	}
	files := tree{
		index.ConfigPath:             []byte("id = \"" + sitetest.ID + "\"\nname = \"Tests\"\nformat = 1\n"),
		index.PublisherPath("ada"):   stamped(map[int64]*index.Line{0: register, 1: add, revoked: revoke}, 0, 1, revoked),
		index.PackagePath("mailbox"): stamped(map[int64]*index.Line{2: first, log: second}, 2, log),
	}
	sitetest.Files(files).Vouch(t)
	return files
}
