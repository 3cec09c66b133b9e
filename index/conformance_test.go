package index_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// published is a registry that is read over every transport at once.
type published struct {
	*sitetest.Registry
	ada  publish.Author
	http *httptest.Server // the static tree, and git below /git
	t    *testing.T
}

func newPublished(t *testing.T) *published {
	p := &published{Registry: sitetest.New(t), ada: sitetest.Author(t, "ada"), t: t}
	p.Propose(p.ada, p.Main(), p.Register(p.ada), p.Publish(p.ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	p.Merge("pass")
	git, err := githttp.Handler(p.Path(site.RepoDir), githttp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/git/", http.StripPrefix("/git", git))
	files := http.FileServer(http.Dir(p.Path(site.PublicDir)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if info, err := os.Stat(p.Path(site.PublicDir, r.URL.Path)); err == nil && info.IsDir() {
			http.NotFound(w, r) // no listings
			return
		}
		files.ServeHTTP(w, r)
	})
	p.http = httptest.NewServer(mux)
	t.Cleanup(p.http.Close)
	return p
}

// release publishes a further version of mailbox.
func (p *published) release(name, version string) {
	p.t.Helper()
	p.Propose(p.ada, p.Main(), p.Publish(p.ada, sitetest.Draft(p.t, name, version, "")))
	p.Merge("pass")
}

// files returns what the published tree has, by path.
func (p *published) files() map[string][]byte {
	p.t.Helper()
	files := map[string][]byte{}
	for _, path := range strings.Fields(gittest.Run(p.t, p.Path(site.RepoDir), "ls-tree", "-r", "--name-only", "dist")) {
		h, err := p.Repo.Ref("refs/heads/dist")
		if err == nil {
			files[path], err = p.Repo.ReadFile(h, path, index.MaxFile)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return files
}

// transports are the implementations, each opened on a cache of its own; dir needs none and is never offline.
var transports = map[string]func(p *published, cache string, offline bool) (index.Transport, error){
	"dir": func(p *published, _ string, _ bool) (index.Transport, error) {
		return index.OpenDir(p.Path(site.PublicDir))
	},
	"tar": func(p *published, cache string, _ bool) (index.Transport, error) {
		return &tarred{t: p.t, tree: p.Path(site.PublicDir), file: filepath.Join(cache, "tree.tar")}, nil
	},
	"static": func(p *published, cache string, offline bool) (index.Transport, error) {
		client, err := web.New(web.Options{})
		if err != nil {
			return nil, err
		}
		return index.NewStatic(client, p.http.URL, cache, offline)
	},
	"git": func(p *published, cache string, offline bool) (index.Transport, error) {
		return index.OpenGit(cache, gitindex.Options{URL: "git+" + p.http.URL + "/git", HTTP: http.DefaultClient}, index.GitOptions{Offline: offline})
	},
	"local git": func(p *published, cache string, _ bool) (index.Transport, error) {
		return index.OpenGit(cache, gitindex.Options{URL: p.Path(site.RepoDir)}, index.GitOptions{})
	},
}

// tarred is a bundle that is made anew whenever it is refreshed: a bundle itself is one state of its registry.
type tarred struct {
	*index.Tar
	t          *testing.T
	tree, file string
}

func (b *tarred) Refresh(context.Context) error {
	if b.Tar != nil {
		if err := b.Tar.Close(); err != nil {
			return err
		}
	}
	f, err := os.Create(b.file)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	if err := errors.Join(w.AddFS(os.DirFS(b.tree)), w.Close(), f.Close()); err != nil {
		return err
	}
	b.Tar, err = index.OpenTar(b.file)
	return err
}

// onEach runs a test on every transport, opened and refreshed.
func onEach(t *testing.T, test func(t *testing.T, p *published, transport index.Transport)) {
	for _, name := range slices.Sorted(maps.Keys(transports)) {
		t.Run(name, func(t *testing.T) {
			p := newPublished(t)
			test(t, p, open(t, p, name, t.TempDir(), false))
		})
	}
}

func open(t *testing.T, p *published, name, cache string, offline bool) index.Transport {
	t.Helper()
	transport, err := transports[name](p, cache, offline)
	if err == nil {
		t.Cleanup(func() { transport.Close() })
		err = transport.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

// hold fails the test where a transport does not have exactly these files.
func hold(t *testing.T, transport index.Transport, want map[string][]byte, absent ...string) {
	t.Helper()
	got, err := transport.Fetch(t.Context(), append(slices.Sorted(maps.Keys(want)), absent...))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range want {
		if there, ok := got[path]; !ok || !bytes.Equal(there, data) {
			t.Errorf("%s: %d bytes (there: %v), want %d", path, len(there), ok, len(data))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func TestTransportsGiveTheSameBytes(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		files := p.files()
		if len(files) < 6 {
			t.Fatalf("the tree has only %d files", len(files))
		}
		hold(t, transport, files)
		hold(t, transport, files) // from what was kept
	})
}

func TestAbsentFilesAreNoError(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		some := map[string][]byte{index.ConfigPath: p.files()[index.ConfigPath]}
		absent := []string{"index/no/th/nothing", "nothing", "index/ma", index.ConfigPath + "/x", "INDEX/ma/il/mailbox"}
		hold(t, transport, some, absent...)
		hold(t, transport, nil, absent...)
		hold(t, transport, nil)
	})
}

// Every transport refuses what could be anything else than a path of the tree.
func TestPathsThatLeaveTheTreeAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		for _, path := range []string{"", "/", "/registry.toml", "../registry.toml", "index/../registry.toml", "./registry.toml", "index//x",
			"registry.toml?x", "registry.toml#x", "%2e%2e/tokens.toml", `..\tokens.toml`, "C:/x", "x\x00", strings.Repeat("a", 600)} {
			got, err := transport.Fetch(t.Context(), []string{index.ConfigPath, path})
			if err == nil {
				t.Errorf("%q: %d files", path, len(got))
			}
		}
	})
}

func TestRefreshBringsTheNewestState(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		before := p.files()
		hold(t, transport, before, index.PackagePath("letterbox"))
		p.release("mailbox", "1.1.0")
		p.release("letterbox", "1.0.0")
		after := p.files()
		grown := index.PackagePath("mailbox")
		if !bytes.HasPrefix(after[grown], before[grown]) || len(after[grown]) == len(before[grown]) {
			t.Fatal("the file has not grown")
		}
		// Without a refresh, the old state or the new may be seen; nothing between.
		got, err := transport.Fetch(t.Context(), []string{grown})
		if err != nil || !bytes.Equal(got[grown], before[grown]) && !bytes.Equal(got[grown], after[grown]) {
			t.Errorf("before the refresh: %d bytes, %v", len(got[grown]), err)
		}
		if err := transport.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		hold(t, transport, after)
	})
}

// A snapshot over any transport says the same of the registry.
func TestSnapshotsAgree(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		s, err := index.Open(t.Context(), transport, index.Options{Pin: sitetest.ID})
		if err != nil {
			t.Fatal(err)
		}
		pkg, err := s.Package(t.Context(), "mailbox")
		if err != nil || len(pkg.Releases) != 1 {
			t.Fatalf("%+v, %v", pkg, err)
		}
		artifacts, _, err := s.Verify(t.Context(), []index.Want{{Name: "mailbox", Version: pkg.Releases[0].Version}})
		if err != nil || len(artifacts) != 1 {
			t.Errorf("%+v, %v", artifacts, err)
		}
		if _, err := s.Package(t.Context(), "mail_box"); !fault.IsCode(err, "package-not-found") {
			t.Errorf("%v, want not found", err)
		}
		if _, err := index.Open(t.Context(), transport, index.Options{Pin: "other.example"}); !fault.IsCode(err, "registry-changed") {
			t.Errorf("%v, want registry-changed", err)
		}
	})
}

func TestManyReadersAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, p *published, transport index.Transport) {
		files := p.files()
		paths := slices.Sorted(maps.Keys(files))
		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				mine := []string{paths[i%len(paths)], paths[(i+3)%len(paths)], "nothing"}
				got, err := transport.Fetch(t.Context(), mine)
				if err != nil || !bytes.Equal(got[mine[0]], files[mine[0]]) || !bytes.Equal(got[mine[1]], files[mine[1]]) {
					t.Errorf("%v: %d files, %v", mine, len(got), err)
				}
			})
		}
		readers.Wait()
	})
}

func TestCancelledReads(t *testing.T) {
	for _, name := range []string{"static", "git"} {
		t.Run(name, func(t *testing.T) {
			p := newPublished(t)
			transport := open(t, p, name, t.TempDir(), false)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if got, err := transport.Fetch(ctx, []string{index.PackagePath("mailbox")}); err == nil {
				t.Errorf("%d files", len(got))
			}
			hold(t, transport, p.files()) // and it can still be used
		})
	}
}

// Offline, what was read before is there, byte for byte, and what was not is an error that says so: never "not found".
func TestOffline(t *testing.T) {
	for _, name := range []string{"static", "git"} {
		t.Run(name, func(t *testing.T) {
			p, cache := newPublished(t), t.TempDir()
			p.release("letterbox", "1.0.0")
			files := p.files()
			known := map[string][]byte{}
			for _, path := range []string{index.ConfigPath, index.PackagePath("mailbox"), index.PublisherPath("ada")} {
				known[path] = files[path]
			}
			online := open(t, p, name, cache, false)
			hold(t, online, known)
			if err := online.Close(); err != nil {
				t.Fatal(err)
			}
			p.http.Close()
			offline := open(t, p, name, cache, true)
			hold(t, offline, known)
			if _, err := offline.Fetch(t.Context(), []string{index.PackagePath("letterbox")}); fault.KindOf(err) != fault.Network {
				t.Errorf("what was not read: %v, want a fault of kind network", err)
			}
		})
	}
}
