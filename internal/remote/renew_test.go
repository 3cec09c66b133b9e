package remote_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestFinding: what was published a moment ago is found behind a cache that does not know of it, and what is not there costs
// one request more.
func TestFinding(t *testing.T) {
	r, ada := sitetest.New(t), sitetest.Author(t, "ada")
	r.Propose(ada, r.Main(), r.Register(ada), r.Publish(ada, sitetest.Draft(t, "mailbox", "1.0.0", "")))
	r.Merge("pass")
	var kept *httptest.ResponseRecorder // what the cache has of the timestamp
	asked := 0
	files := http.FileServer(http.Dir(r.Path(site.PublicDir)))
	host := serve(t, func(w http.ResponseWriter, q *http.Request) {
		asked++
		if !strings.HasSuffix(q.URL.Path, "/timestamp.json") {
			files.ServeHTTP(w, q)
			return
		}
		if kept == nil || q.Header.Get("Cache-Control") == "no-cache" {
			kept = httptest.NewRecorder()
			q.Header.Del("If-None-Match")
			files.ServeHTTP(kept, q)
		}
		w.Write(kept.Body.Bytes())
	}).URL
	set := remote.New(remote.Options{
		Specs:   map[string]remote.Spec{"r": {Name: "r", URL: host, ID: sitetest.ID, Retries: -1}},
		Default: "r", CacheDir: t.TempDir(), StateDir: t.TempDir(), Now: sitetest.Now,
	})
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
	r.Propose(ada, r.Main(), r.Publish(ada, sitetest.Draft(t, "letters", "1.0.0", "")))
	r.Merge("pass")
	if err := find("letters"); err != nil || tries != 2 {
		t.Errorf("just published: %v after %d tries", err, tries)
	}
	asked = 0
	if err := find("none"); !fault.IsCode(err, "package-not-found") || tries != 1 || asked > 3 {
		t.Errorf("not there: %v after %d tries, %d requests", err, tries, asked)
	}
}
