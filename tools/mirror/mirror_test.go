package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/mirror"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// world is a registry with its static host, and a folder for a mirror of it.
type world struct {
	*sitetest.Registry
	t    *testing.T
	ada  publish.Author
	dir  string
	http *httptest.Server
	// asked counts requests; the one that makes it reach failAt, and all after it, fail.
	asked, failAt atomic.Int64
	last          atomic.Value // path of the last request
}

func newWorld(t *testing.T) *world {
	w := &world{Registry: sitetest.New(t), t: t, ada: sitetest.Author(t, "ada"), dir: filepath.Join(t.TempDir(), "mirror")}
	w.Propose(w.ada, w.Main(), w.Register(w.ada), w.Publish(w.ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	w.Merge("pass")
	w.release("telemetry", "1.0.0")
	files := http.FileServer(http.Dir(w.Path(site.PublicDir)))
	w.http = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n := w.asked.Add(1)
		if at := w.failAt.Load(); at > 0 && n >= at {
			http.Error(rw, "cut off", http.StatusForbidden)
			return
		}
		w.last.Store(r.URL.Path)
		files.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.http.Close)
	return w
}

func (w *world) release(name, version string) {
	w.t.Helper()
	w.Propose(w.ada, w.Main(), w.Publish(w.ada, sitetest.Draft(w.t, name, version, "")))
	w.Merge("pass")
}

// overHTTP is the registry as its static host shows it, with nothing kept.
func (w *world) overHTTP() mirror.Source {
	w.t.Helper()
	client, err := web.New(web.Options{Retries: -1})
	if err != nil {
		w.t.Fatal(err)
	}
	static, err := index.NewStatic(client, w.http.URL, w.t.TempDir(), false)
	if err != nil {
		w.t.Fatal(err)
	}
	return mirror.Source{Name: w.http.URL, Transport: static, Tree: w.http.URL, Client: client}
}

// copyOf is a folder or a bundle as a source.
func copyOf(t *testing.T, path string) mirror.Source {
	t.Helper()
	c := open(t, path)
	paths, err := c.Paths()
	if err != nil {
		t.Fatal(err)
	}
	tree := path
	if strings.HasSuffix(path, ".tar") {
		tree = "tar+file://" + path + "!"
	}
	return mirror.Source{Name: path, Transport: c, Tree: tree, Paths: paths}
}

func open(t *testing.T, path string) mirror.Copy {
	t.Helper()
	c, err := mirror.OpenCopy(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var whole = mirror.Options{Scope: mirror.Scope{Whole: true}, Now: sitetest.Now}

func (w *world) update(o mirror.Options) *mirror.Report {
	w.t.Helper()
	report, err := mirror.Update(w.t.Context(), w.overHTTP(), w.dir, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// check holds that a copy is whole and right.
func check(t *testing.T, path string) *mirror.Checked {
	t.Helper()
	checked, err := mirror.Check(t.Context(), open(t, path), mirror.CheckOptions{Now: sitetest.Now})
	if err != nil {
		t.Fatal(err)
	}
	if len(checked.Damaged)+len(checked.Missing)+len(checked.Unlisted)+checked.More > 0 {
		t.Errorf("%s: %+v", path, checked)
	}
	return checked
}

// files returns what is in a folder, by path, without what is a mirror's own.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := mirror.PathsOf(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(data)
	}
	return all
}

func TestWhole(t *testing.T) {
	w := newWorld(t)
	report := w.update(whole)
	if report.Packages != 2 || report.Archives != 2 || report.Fetched != 2 || report.Unnamed != 0 || report.Registry != sitetest.ID {
		t.Errorf("%+v", report)
	}
	if checked := check(t, w.dir); !checked.Whole || checked.Packages != 2 || checked.Archives != 2 {
		t.Errorf("%+v", checked)
	}
	// A mirror has what its source has, byte for byte, but what the source keeps for readers of former states.
	got := files(t, w.dir)
	for path, data := range files(t, w.Path(site.PublicDir)) {
		if _, there := got[path]; !there && former(path) {
			continue
		}
		if got[path] != data {
			t.Errorf("%s: %d bytes, want %d", path, len(got[path]), len(data))
		}
	}
	// The next run finds nothing to do: it asks what is current, and for what nothing vouches.
	w.asked.Store(0)
	if report = w.update(whole); report.Changed+report.Fetched+report.Removed+report.Leaving != 0 {
		t.Errorf("again: %+v", report)
	}
	if asked := w.asked.Load(); asked > 8 {
		t.Errorf("%d requests for nothing", asked)
	}
}

// former reports whether a file is one of those that a state may have left behind.
func former(path string) bool {
	return strings.HasPrefix(path, "recent/") || strings.HasPrefix(path, "shards/") || strings.HasPrefix(path, "log/") || strings.HasPrefix(path, "trust/")
}

// A mirror of a folder and a mirror over http are the same, and so is a mirror of the mirror.
func TestSourcesAgree(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	want := files(t, w.dir)
	for story, path := range map[string]string{"folder": w.Path(site.PublicDir), "mirror": w.dir} {
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := mirror.Update(t.Context(), copyOf(t, path), dir, whole); err != nil {
			t.Fatal(err)
		}
		compare(t, story, files(t, dir), want)
	}
}

func compare(t *testing.T, story string, got, want map[string]string) {
	t.Helper()
	for path := range want {
		if got[path] != want[path] {
			t.Errorf("%s: %s differs", story, path)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s: %s is there", story, path)
		}
	}
}

// A reader who has the former timestamp reads the former state from the new mirror, until what it names goes.
func TestFormerReaders(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	before, err := os.ReadFile(filepath.Join(w.dir, tuf.TimestampPath))
	if err != nil {
		t.Fatal(err)
	}
	w.release("mailbox", "1.1.0")
	report := w.update(whole)
	if report.Fetched != 1 || report.Leaving == 0 || report.Removed != 0 {
		t.Errorf("%+v", report)
	}
	check(t, w.dir)
	read := func() error {
		s, err := index.Open(t.Context(), former2{open(t, w.dir), before}, index.Options{Now: sitetest.Now})
		if err != nil {
			return err
		}
		p, err := s.Package(t.Context(), "mailbox")
		if err != nil {
			return err
		}
		if len(p.Releases) != 1 {
			return fmt.Errorf("%d releases", len(p.Releases))
		}
		artifacts, _, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: p.Releases[0].Version}})
		if err != nil {
			return err
		}
		return s.CheckLog(t.Context(), artifacts)
	}
	if err := read(); err != nil {
		t.Errorf("the former state: %v", err)
	}
	later := whole
	later.Now = sitetest.Now.Add(mirror.KeepFor - time.Hour)
	source := copyOf(t, w.Path(site.PublicDir)) // a folder may be read although its metadata has expired
	if report, err = mirror.Update(t.Context(), source, w.dir, later); err != nil || report.Removed != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	later.Now = sitetest.Now.Add(mirror.KeepFor)
	if report, err = mirror.Update(t.Context(), source, w.dir, later); err != nil || report.Removed == 0 || report.Leaving != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	check(t, w.dir)
	if err := read(); err == nil {
		t.Error("the former state can still be read, so that the test shows nothing")
	}
	// Who prunes does not wait.
	w.release("mailbox", "1.2.0")
	prune := whole
	prune.Prune = true
	if report = w.update(prune); report.Removed == 0 || report.Leaving != 0 {
		t.Errorf("%+v", report)
	}
	check(t, w.dir)
}

// former2 is a tree with another timestamp.
type former2 struct {
	mirror.Copy
	timestamp []byte
}

func (f former2) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	found, err := f.Copy.Fetch(ctx, paths)
	if err == nil && slices.Contains(paths, tuf.TimestampPath) {
		found[tuf.TimestampPath] = f.timestamp
	}
	return found, err
}

func (f former2) Lenient() bool { return true }

// However early a run is cut off, the mirror shows a state that is whole, and the next run does not begin anew.
func TestCutOff(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	w.release("mailbox", "1.1.0")
	w.release("retry-policy", "1.0.0")
	before := files(t, w.dir)
	cuts := 0
	for at := int64(1); ; at++ {
		dir := filepath.Join(t.TempDir(), "m")
		if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		w.asked.Store(0)
		w.failAt.Store(at)
		_, err := mirror.Update(t.Context(), w.overHTTP(), dir, whole)
		all := w.asked.Load()
		w.failAt.Store(0)
		if err == nil {
			break
		}
		cuts++
		if got := files(t, dir)[tuf.TimestampPath]; got != before[tuf.TimestampPath] {
			t.Fatalf("cut at request %d: the mirror has a new timestamp", at)
		}
		if at%4 != 1 {
			continue // every fourth is looked at closely
		}
		check(t, dir)
		w.asked.Store(0)
		report, err := mirror.Update(t.Context(), w.overHTTP(), dir, whole)
		if err != nil {
			t.Fatalf("after a cut at request %d (%d were sent): %v", at, all, err)
		}
		if report.Archives != 4 {
			t.Errorf("%+v", report)
		}
		check(t, dir)
	}
	if cuts < 12 {
		t.Errorf("only %d requests to cut off", cuts)
	}
}

// What came before a cut is not asked for again.
func TestResume(t *testing.T) {
	w := newWorld(t)
	w.asked.Store(0)
	w.update(whole)
	all := w.asked.Load()
	w.dir = filepath.Join(t.TempDir(), "second")
	w.asked.Store(0)
	w.failAt.Store(all) // the last request is that of an archive or its bundle
	if _, err := mirror.Update(t.Context(), w.overHTTP(), w.dir, whole); err == nil {
		t.Fatal("nothing was cut off")
	}
	w.failAt.Store(0)
	w.asked.Store(0)
	w.update(whole)
	if again := w.asked.Load(); again >= all-5 {
		t.Errorf("%d requests, %d from the beginning", again, all)
	}
	check(t, w.dir)
}

// Whatever is damaged in a mirror is found, and mended by the next run.
func TestHeals(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	want := files(t, w.dir)
	for path, data := range want {
		if path == "mirror.json" || path == index.AccessPath || path == "allowed_signers" || strings.HasSuffix(path, ".sigstore.json") {
			continue // nothing that a client verifies
		}
		for story, bad := range map[string][]byte{"flipped": flip(data), "cut": []byte(data[:len(data)/2])} {
			name := filepath.Join(w.dir, path)
			before, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			// A file that rots looks no younger.
			if err := os.Chtimes(name, before.ModTime(), before.ModTime()); err != nil {
				t.Fatal(err)
			}
			checked, err := mirror.Check(t.Context(), open(t, w.dir), mirror.CheckOptions{Now: sitetest.Now})
			if err == nil && len(checked.Damaged) == 0 {
				t.Errorf("%s, %s: not found: %+v", path, story, checked)
			}
			if is, err := mirror.Distrust(w.dir); err != nil || !is {
				t.Fatal(is, err)
			}
			w.update(whole)
			if got := files(t, w.dir)[path]; got != data {
				t.Errorf("%s, %s: not mended", path, story)
			}
		}
	}
	check(t, w.dir)
}

func flip(data string) []byte {
	b := []byte(data)
	b[len(b)/2] ^= 1
	return b
}

func TestMissing(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	for _, path := range []string{index.ArchivePath("mailbox", "1.0.0"), index.PackagePath("telemetry"), "log/tile/entries/000.p/3"} {
		name := filepath.Join(w.dir, path)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		checked, err := mirror.Check(t.Context(), open(t, w.dir), mirror.CheckOptions{Now: sitetest.Now})
		if err != nil || len(checked.Missing) == 0 || len(checked.Damaged) != 0 {
			t.Errorf("%s: %+v, %v", path, checked, err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, "index/ma/il/mailboy"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	checked, err := mirror.Check(t.Context(), open(t, w.dir), mirror.CheckOptions{Now: sitetest.Now})
	if err != nil || len(checked.Unlisted) != 1 {
		t.Errorf("%+v, %v", checked, err)
	}
}

// A source that shows something else than its registry changes nothing in the mirror.
func TestRefuses(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(w.Path(site.PublicDir))); err != nil {
		t.Fatal(err)
	}
	w.release("mailbox", "1.1.0")
	w.update(whole)
	w.release("mailbox", "1.2.0")
	want := files(t, w.dir)
	alter := func(path string) func(t *testing.T) string {
		return func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "altered")
			if err := os.CopyFS(dir, os.DirFS(w.Path(site.PublicDir))); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "recent")); err != nil { // where the right one would be found
				t.Fatal(err)
			}
			found, err := fs.Glob(os.DirFS(dir), path)
			if err != nil || len(found) == 0 {
				t.Fatalf("%s: %v", path, err)
			}
			for _, path := range found {
				data, err := os.ReadFile(filepath.Join(dir, path))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, path), flip(string(data)), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			return dir
		}
	}
	for _, row := range []struct {
		story string
		from  func(t *testing.T) string
		o     mirror.Options
		code  string
	}{
		{"a former state", func(*testing.T) string { return old }, whole, "index-rollback"},
		{"another registry", func(t *testing.T) string { return otherRegistry(t) }, whole, ""},
		{"another root", func(*testing.T) string { return w.Path(site.PublicDir) }, mirror.Options{Scope: whole.Scope, Now: whole.Now, Root: "sha256:" + strings.Repeat("0", 64)}, "registry-untrusted"},
		{"another id", func(*testing.T) string { return w.Path(site.PublicDir) }, mirror.Options{Scope: whole.Scope, Now: whole.Now, ID: "else.example"}, "registry-changed"},
		{"an archive", alter("packages/mailbox/mailbox-1.2.0.tar.zst"), whole, "checksum-mismatch"},
		{"a package", alter("index/ma/il/mailbox"), whole, "index-mismatch"},
		{"a timestamp", alter("trust/timestamp.json"), whole, ""},
		{"a snapshot", alter("trust/*.snapshot.json"), whole, ""},
		{"the log", alter("log/tile/0/000.p/*"), whole, "log-inconsistent"},
		{"a leaf", alter("log/tile/entries/000.p/*"), whole, ""},
	} {
		dir := filepath.Join(t.TempDir(), "m") // what one run has on its stage is no help for the next row
		if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		_, err := mirror.Update(t.Context(), copyOf(t, row.from(t)), dir, row.o)
		if err == nil || row.code != "" && !fault.IsCode(err, row.code) || fault.KindOf(err) != fault.Integrity {
			t.Errorf("%s: %v, want %s", row.story, err, row.code)
		}
		got := files(t, dir)
		for path := range got {
			if strings.HasPrefix(path, "packages/") && want[path] == "" {
				delete(got, path) // an archive that is what it should be may come before the rest is refused
			}
		}
		compare(t, row.story, got, want)
	}
	w.update(whole)
	check(t, w.dir)
}

// A run is made once more where a copy of its own may be to blame, and nowhere else.
func TestOnceMore(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	spoil := func(dir, path string) {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path), flip(string(data)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		story string
		spoil func(source, mirror string)
		fresh bool // the mirror is a new one
		runs  int
		good  bool
	}{
		{"nothing", func(string, string) {}, false, 1, true},
		{"our own log", func(_, mirror string) { spoil(mirror, "log/tile/0/000.p/3") }, false, 2, true},
		{"an archive there", func(source, mirror string) {
			spoil(source, index.ArchivePath("mailbox", "1.0.0"))
			spoil(mirror, index.ArchivePath("mailbox", "1.0.0"))
		}, false, 1, false},
		{"a package there, and nothing here", func(source, _ string) { spoil(source, index.PackagePath("mailbox")) }, true, 1, false},
		{"the log there, and nothing here", func(source, _ string) { spoil(source, "log/tile/0/000.p/3") }, true, 1, false},
	} {
		source, dir := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "mirror")
		if err := os.CopyFS(source, os.DirFS(w.Path(site.PublicDir))); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(source, "recent")); err != nil {
			t.Fatal(err)
		}
		if !row.fresh {
			if err := os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
				t.Fatal(err)
			}
		}
		row.spoil(source, dir)
		from := copyOf(t, source)
		counted := &counting{Transport: from.Transport}
		from.Transport = counted
		if _, err := mirror.Update(t.Context(), from, dir, whole); (err == nil) != row.good || counted.runs != row.runs {
			t.Errorf("%s: %d runs, want %d: %v", row.story, counted.runs, row.runs, err)
		}
	}
}

// counting counts how often a registry is opened.
type counting struct {
	index.Transport
	runs int
}

func (c *counting) Fetch(ctx context.Context, paths []string) (map[string][]byte, error) {
	if slices.Contains(paths, tuf.TimestampPath) {
		c.runs++
	}
	return c.Transport.Fetch(ctx, paths)
}

// otherRegistry is the tree of a registry with another id.
func otherRegistry(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "other")
	if _, err := site.Init(t.Context(), dir, site.InitOptions{ID: "other.example", Now: sitetest.Now}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, site.PublicDir)
}

func TestFolders(t *testing.T) {
	w := newWorld(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Update(t.Context(), w.overHTTP(), full, whole); !fault.IsCode(err, "not-a-mirror") {
		t.Errorf("%v", err)
	}
	// What is not the mirror's stays, whatever is pruned.
	w.update(whole)
	own := filepath.Join(w.dir, "README")
	if err := os.WriteFile(own, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	prune := whole
	prune.Prune = true
	w.update(prune)
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
}

// lockOf locks some releases.
func lockOf(t *testing.T, w *world, releases ...string) *manifest.Lock {
	t.Helper()
	lock := &manifest.Lock{Version: 1}
	for _, release := range releases {
		name, number, _ := strings.Cut(release, " ")
		v, err := version.Parse(number)
		if err != nil {
			t.Fatal(err)
		}
		p := w.Package(name)
		lock.Packages = append(lock.Packages, manifest.LockedPackage{Name: name, Version: v, Source: manifest.Registry(sitetest.ID), Checksum: string(p.Release(v).Publish.Checksum)})
	}
	return lock
}

func part(locks ...*manifest.Lock) mirror.Options {
	return mirror.Options{Scope: mirror.Scope{Locks: locks}, Now: sitetest.Now}
}

// A part has the locked archives, all that the index says of their packages, and the tiles that prove it, also after the log
// has grown.
func TestPart(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.release("mailbox", fmt.Sprintf("1.%d.0", i+1))
	}
	report := w.update(part(lockOf(t, w, "mailbox 1.2.0"), lockOf(t, w, "mailbox 1.2.0", "mailbox 1.4.0")))
	if report.Packages != 1 || report.Archives != 2 {
		t.Errorf("%+v", report)
	}
	holdPart := func() {
		t.Helper()
		if checked := check(t, w.dir); checked.Whole || checked.Archives != 2 {
			t.Errorf("%+v", checked)
		}
		for path := range files(t, w.dir) {
			if strings.Contains(path, "telemetry") || strings.Contains(path, "mailbox-1.3.0") || strings.HasPrefix(path, "log/tile/entries") {
				t.Errorf("%s is there", path)
			}
		}
	}
	holdPart()
	for i := range 4 {
		w.release("telemetry", fmt.Sprintf("1.%d.0", i+1))
	}
	w.update(part(lockOf(t, w, "mailbox 1.2.0", "mailbox 1.4.0")))
	holdPart()
	// One archive is lost, and so is all that is said of a package.
	if err := os.Remove(filepath.Join(w.dir, index.ArchivePath("mailbox", "1.4.0"))); err != nil {
		t.Fatal(err)
	}
	checked, err := mirror.Check(t.Context(), open(t, w.dir), mirror.CheckOptions{Now: sitetest.Now})
	if err != nil || !slices.Equal(checked.Missing, []string{index.ArchivePath("mailbox", "1.4.0")}) {
		t.Errorf("%+v, %v", checked, err)
	}
	if err := os.Remove(filepath.Join(w.dir, index.PackagePath("mailbox"))); err != nil {
		t.Fatal(err)
	}
	if checked, err = mirror.Check(t.Context(), open(t, w.dir), mirror.CheckOptions{Now: sitetest.Now}); err != nil || len(checked.Missing) != 2 {
		t.Errorf("%+v, %v", checked, err)
	}
}

func TestPartRefuses(t *testing.T) {
	w := newWorld(t)
	other, wrong := lockOf(t, w, "mailbox 1.0.0"), lockOf(t, w, "mailbox 1.0.0")
	other.Packages[0].Source = manifest.Registry("else.example")
	wrong.Packages[0].Checksum = "sha256:" + strings.Repeat("0", 64)
	absent := lockOf(t, w, "mailbox 1.0.0")
	absent.Packages[0].Version = version.MustParse("9.0.0")
	for _, row := range []struct {
		locks []*manifest.Lock
		code  string
	}{
		{[]*manifest.Lock{other}, "nothing-locked"},
		{[]*manifest.Lock{wrong}, "lock-mismatch"},
		{[]*manifest.Lock{wrong, lockOf(t, w, "mailbox 1.0.0")}, "lock-mismatch"},
		{[]*manifest.Lock{absent}, "version-not-found"},
	} {
		if _, err := mirror.Update(t.Context(), w.overHTTP(), w.dir, part(row.locks...)); !fault.IsCode(err, row.code) {
			t.Errorf("%v, want %s", err, row.code)
		}
	}
}

// The same state gives the same bundle, whatever the mirror was before; what is imported from it gives it again.
func TestBundle(t *testing.T) {
	w := newWorld(t)
	w.update(whole)
	w.release("mailbox", "1.1.0")
	w.update(whole)
	dir := t.TempDir()
	bundle := func(from, name string) []byte {
		t.Helper()
		file := filepath.Join(dir, name)
		if _, err := mirror.Bundle(t.Context(), from, file, mirror.CheckOptions{Now: sitetest.Now}); err != nil {
			t.Fatal(err)
		}
		check(t, file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	grown := bundle(w.dir, "grown.tar")
	w.dir = filepath.Join(t.TempDir(), "fresh")
	w.update(whole)
	if !bytes.Equal(grown, bundle(w.dir, "fresh.tar")) {
		t.Error("two mirrors of one state give two bundles")
	}
	imported := filepath.Join(t.TempDir(), "imported")
	load := func(name, into string) error {
		_, err := mirror.Update(t.Context(), copyOf(t, filepath.Join(dir, name)), into, mirror.Options{Scope: mirror.Scope{Found: true}, Now: sitetest.Now})
		return err
	}
	if err := load("grown.tar", imported); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(grown, bundle(imported, "again.tar")) {
		t.Error("what is imported is not what was in the bundle")
	}
	// A newer bundle moves the mirror on; the older one does not move it back.
	w.release("telemetry", "1.1.0")
	w.update(whole)
	bundle(w.dir, "newer.tar")
	if err := load("newer.tar", imported); err != nil {
		t.Fatal(err)
	}
	check(t, imported)
	if err := load("grown.tar", imported); !fault.IsCode(err, "index-rollback") {
		t.Errorf("an older bundle: %v", err)
	}
	// A part would make the mirror smaller.
	w.dir = filepath.Join(t.TempDir(), "part")
	w.update(part(lockOf(t, w, "mailbox 1.0.0")))
	bundle(w.dir, "part.tar")
	if err := load("part.tar", imported); !fault.IsCode(err, "mirror-larger") {
		t.Errorf("a part: %v", err)
	}
	if err := load("part.tar", filepath.Join(t.TempDir(), "m")); err != nil {
		t.Error(err)
	}
	check(t, imported)
}

// A bundle of nothing that can be verified is not made, and one that was there stays.
func TestBundleOfNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Bundle(t.Context(), t.TempDir(), file, mirror.CheckOptions{Now: sitetest.Now}); err == nil {
		t.Error("an empty folder was bundled")
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
