package remote_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// behind is a cache in front of a registry's files that keeps the first timestamp that it has seen, until somebody asks past it.
type behind struct {
	files http.Handler

	mu    sync.Mutex
	kept  *httptest.ResponseRecorder
	asked []string
	down  bool
}

func (b *behind) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, q.URL.Path)
	switch {
	case b.down:
		http.Error(w, "down", http.StatusBadGateway)
		return
	case !strings.HasSuffix(q.URL.Path, "/timestamp.json"):
		b.files.ServeHTTP(w, q)
		return
	case b.kept == nil || q.Header.Get("Cache-Control") == "no-cache":
		b.kept = httptest.NewRecorder()
		q.Header.Del("If-None-Match")
		b.files.ServeHTTP(b.kept, q)
	}
	w.Write(b.kept.Body.Bytes())
}

// set changes what it does from now on, and forgets what it was asked for.
func (b *behind) set(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.asked = down, nil
}

func (b *behind) paths() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// TestFinding: what was published a moment ago is found behind a cache that does not know of it, also where another registry
// fails; what is not there costs one request more, beside the one that was sent ahead for it.
func TestFinding(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	files := http.FileServer(http.Dir(r.Path(site.PublicDir)))
	first, host, last := &behind{files: files}, &behind{files: files}, &behind{files: files}
	specs := map[string]remote.Spec{}
	for name, b := range map[string]*behind{"a": first, "r": host, "z": last} {
		specs[name] = remote.Spec{Name: name, URL: serve(t, b.ServeHTTP).URL, ID: sitetest.ID, Retries: -1}
	}
	set := remote.New(remote.Options{Specs: specs, Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: sitetest.Now})
	defer set.Close(t.Context())
	tries := 0
	find := func(name string) error {
		tries = 0
		return set.Finding(t.Context(), func() error {
			tries++
			reg, err := set.ByID(t.Context(), sitetest.ID)
			if err == nil {
				_, err = reg.Snapshot.Package(t.Context(), name)
			}
			return err
		})
	}
	if err := find("mailbox"); err != nil || tries != 1 {
		t.Fatalf("%v after %d tries", err, tries)
	}
	host.set(false)
	if err := find("none"); !fault.IsCode(err, "package-not-found") || tries != 1 || len(host.paths()) != 2 {
		t.Errorf("not there: %v after %d tries, asked for %q", err, tries, host.paths())
	}
	for _, name := range []string{"a", "z"} {
		if _, err := set.Open(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "letters", "1.0.0", "")))
	r.Merge("pass")
	first.set(true)
	last.set(true)
	if err := find("letters"); err != nil || tries != 2 {
		t.Errorf("just published: %v after %d tries", err, tries)
	}
}
