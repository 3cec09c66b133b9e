package remote_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/fetch/download"
	"github.com/geeknik/gal-pkg/fetch/hosts"
	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/manifest"
	"github.com/geeknik/gal-pkg/tools/mirror"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// mirrored is a registry with a host that counts its requests, and copies of it of every kind.
type mirrored struct {
	origin       *httptest.Server
	asked        atomic.Int64
	folder, file string // a mirror, and a bundle of it
	host         string // the mirror over http
	leading      string // a host that has the index and sends whoever wants an archive to the origin
	empty        string // a folder without anything
}

func newMirrored(t *testing.T) *mirrored {
	r, ada, dir := sitetest.New(t), sitetest.Author(t, "ada"), t.TempDir()
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	m := &mirrored{folder: filepath.Join(dir, "mirror"), file: filepath.Join(dir, "mirror.tar"), empty: filepath.Join(dir, "empty")}
	source, err := mirror.OpenCopy(r.Path(site.PublicDir))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	from := mirror.Source{Name: "public", Transport: source, Tree: r.Path(site.PublicDir)}
	if _, err := mirror.Update(t.Context(), from, m.folder, mirror.Options{Scope: mirror.Scope{Whole: true}, Now: sitetest.Now}); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Bundle(t.Context(), m.folder, m.file, mirror.CheckOptions{Now: sitetest.Now}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(m.empty, 0o755); err != nil {
		t.Fatal(err)
	}
	public := http.FileServer(http.Dir(r.Path(site.PublicDir)))
	m.origin = serve(t, func(w http.ResponseWriter, r *http.Request) {
		m.asked.Add(1)
		public.ServeHTTP(w, r)
	})
	files := http.FileServer(http.Dir(m.folder))
	m.host = serve(t, files.ServeHTTP).URL
	m.leading = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/packages/") {
			http.Redirect(w, r, m.origin.URL+r.URL.Path, http.StatusFound)
			return
		}
		files.ServeHTTP(w, r)
	}).URL
	return m
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// use opens the registry and brings an archive of it, as an installation does.
func (m *mirrored) use(t *testing.T, block bool, mirrors ...string) (*remote.Registry, error) {
	t.Helper()
	m.asked.Store(0)
	set := remote.New(remote.Options{
		Specs:   map[string]remote.Spec{"r": {Name: "r", URL: m.origin.URL, ID: sitetest.ID, Mirrors: mirrors, BlockOrigin: block, Retries: -1}},
		Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: sitetest.Now,
	})
	t.Cleanup(func() { set.Close(context.Background()) })
	r, err := set.Open(t.Context(), "r")
	if err != nil {
		return nil, err
	}
	v := version.MustParse("1.0.0")
	artifacts, _, err := r.Snapshot.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: v}})
	if err == nil {
		err = r.Snapshot.CheckLog(t.Context(), artifacts)
	}
	if err != nil {
		return r, err
	}
	store, err := cache.NewCache(t.TempDir(), fetch.Events{})
	if err != nil {
		t.Fatal(err)
	}
	p := artifacts[0].Publish()
	item := fetch.Item{Name: "mailbox", Version: v, Key: manifest.Key("mailbox"), Digest: string(p.Checksum), Size: p.Size, URLs: r.URLs("mailbox", p)}
	_, err = download.Fetch(t.Context(), []fetch.Item{item}, download.Options{Client: r.Client, Cache: store, ArchivesOnly: true})
	return r, err
}

// Where the origin is blocked, whatever the mirrors are and do, its host is never asked.
func TestBlockedOrigin(t *testing.T) {
	m := newMirrored(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	altered := filepath.Join(t.TempDir(), "altered")
	if err := os.CopyFS(altered, os.DirFS(m.folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(altered, index.PackagePath("mailbox")), 10); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		story   string
		mirrors []string
		code    string // "" for one that works
		kind    remote.Kind
	}{
		{"a folder", []string{m.folder}, "", remote.KindDir},
		{"a folder by its URL", []string{"file://" + m.folder}, "", remote.KindDir},
		{"a bundle", []string{"file://" + m.file}, "", remote.KindTar},
		{"a host", []string{m.host}, "", remote.KindStatic},
		{"the first cannot be reached", []string{dead.URL, m.empty, m.host}, "", remote.KindStatic},
		{"the index from one, archives from another", []string{m.leading, m.file}, "", remote.KindStatic},
		{"none can be reached", []string{dead.URL, m.empty}, "no-mirror", ""},
		{"none is there", nil, "no-mirror", ""},
		{"one leads to the origin", []string{m.leading}, "origin-blocked", remote.KindStatic},
		{"one is the origin", []string{m.origin.URL}, "no-mirror", ""},
		{"one was altered: no other is asked", []string{altered, m.host}, "index-mismatch", remote.KindDir},
	} {
		r, err := m.use(t, true, row.mirrors...)
		if row.code == "" && err != nil || row.code != "" && !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v, want %q", row.story, err, row.code)
		}
		if n := m.asked.Load(); n != 0 {
			t.Errorf("%s: %d requests to the origin", row.story, n)
		}
		if r == nil {
			continue
		}
		if r.Location.Kind != row.kind {
			t.Errorf("%s: read as %s", row.story, r.Location.Kind)
		}
		config := &index.Config{GitURL: m.origin.URL + "/index.git", Upload: m.origin.URL + "/uploads"}
		if git, upload := r.Location.GitURL(config), r.Location.UploadURL(config); git != "" || upload != "" {
			t.Errorf("%s: proposals go to %q and %q", row.story, git, upload)
		}
	}
}

// A copy on this machine is used when its metadata has expired, and never without a word; a host is refused, which could
// hide the present.
func TestExpiredCopies(t *testing.T) {
	m := newMirrored(t)
	for _, row := range []struct{ story, mirror, code string }{
		{"a folder", m.folder, ""}, {"a bundle", m.file, ""}, {"a host", m.host, "index-expired"},
	} {
		var notices []string
		set := remote.New(remote.Options{
			Specs:   map[string]remote.Spec{"r": {Name: "r", URL: m.origin.URL, ID: sitetest.ID, Mirrors: []string{row.mirror}, BlockOrigin: true}},
			Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: sitetest.Now.AddDate(0, 0, 12),
			Notice: func(format string, args ...any) { notices = append(notices, fmt.Sprintf(format, args...)) },
		})
		_, err := set.Open(t.Context(), "r")
		said := strings.Contains(strings.Join(notices, "\n"), "its metadata expired 2026-03-04, 9 days ago")
		if row.code == "" && (err != nil || !said) || row.code != "" && !fault.IsCode(err, row.code) {
			t.Errorf("%s: %v, %q", row.story, err, notices)
		}
		if err := set.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Where it is not, mirrors are asked for archives, and the index comes from the origin.
func TestMirrorsForArchives(t *testing.T) {
	m := newMirrored(t)
	for story, mirrors := range map[string][]string{"none": nil, "a bundle": {m.file}, "a host": {m.host}, "one without the archive": {m.empty}} {
		if _, err := m.use(t, false, mirrors...); err != nil || m.asked.Load() == 0 {
			t.Errorf("%s: %v, %d requests to the origin", story, err, m.asked.Load())
		}
	}
}

// A copy is asked below its own address alone, whatever templates and lines say.
func TestCopyURLs(t *testing.T) {
	p := &index.Publish{Version: version.MustParse("1.0.0"), Checksum: index.DigestOf(nil), URLs: []string{"https://elsewhere.example/x"}}
	usual := "tar+file:///x.tar!/packages/mailbox/mailbox-1.0.0.tar.zst"
	for _, row := range []struct{ download, want []string }{
		{nil, []string{usual}},
		{[]string{"https://cdn.example/{sha256}"}, []string{usual}},
		{[]string{"files/{name}-{version}"}, []string{"tar+file:///x.tar!/files/mailbox-1.0.0", usual}},
		{[]string{"packages/{key}/{key}-{version}.tar.zst"}, []string{usual}},
	} {
		config := &index.Config{Download: row.download}
		if got := config.CopyURLs("tar+file:///x.tar!", "mailbox", p); !slices.Equal(got, row.want) {
			t.Errorf("%q: %q", row.download, got)
		}
	}
}

// A mirror whose host has failed is asked last by the next command too, and each says whom it has passed over.
func TestAFailedMirrorIsAskedLast(t *testing.T) {
	m := newMirrored(t)
	var asked atomic.Int64
	meanwhile := func() {}
	bad := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		meanwhile()
		w.WriteHeader(http.StatusBadGateway)
	})
	cacheDir, stateDir := t.TempDir(), t.TempDir()
	now := sitetest.Now
	open := func() (told []string) {
		t.Helper()
		asked.Store(0)
		note := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
		set := remote.New(remote.Options{
			Specs:   map[string]remote.Spec{"r": {Name: "r", URL: m.origin.URL, ID: sitetest.ID, Mirrors: []string{bad.URL, m.host}, BlockOrigin: true, Retries: -1}},
			Default: "r", CacheDir: cacheDir, StateDir: stateDir, Now: sitetest.Now, Notice: note, Warning: note,
			Clock: func() time.Time { return now },
		})
		defer set.Close(context.Background())
		if r, err := set.Open(t.Context(), "r"); err != nil || r.Location.URL != m.host {
			t.Fatalf("%+v: %v", r, err)
		}
		return told
	}
	host := strings.TrimPrefix(bad.URL, "http://")
	if told := open(); asked.Load() == 0 || len(told) != 1 || !strings.Contains(told[0], m.host+": "+host+" answers 502") {
		t.Errorf("first: %d requests, told %q", asked.Load(), told)
	}
	if told := open(); asked.Load() != 0 || len(told) != 1 || !strings.Contains(told[0], m.host+": "+bad.URL+" failed in the last minutes") {
		t.Errorf("then: %d requests, told %q", asked.Load(), told)
	}
	now = now.Add(hosts.Rest)
	meanwhile = func() { // time goes on while we wait for it, and another process finds out something too
		now = now.Add(hosts.Rest / 2)
		other := hosts.Load(cacheDir, func() time.Time { return now })
		other.Note("https://other.example", false)
		other.Save()
	}
	if open(); asked.Load() == 0 {
		t.Error("it is never asked again")
	}
	now = now.Add(hosts.Rest - 1)
	if known := hosts.Load(cacheDir, func() time.Time { return now }); !known.Rests(bad.URL) || !known.Rests("https://other.example") {
		t.Error("what failed a moment ago is forgotten")
	}
}
