package remote_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/remote"
	"github.com/geeknik/gal-pkg/sign/tuf"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// late serves a folder, and keeps the metadata back until the file of a package is asked for, or for a moment.
type late struct {
	files http.Handler
	asked chan struct{} // for the package
	early bool          // it was asked for first
}

func (l *late) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, "/") {
	case index.PackagePath("mailbox"):
		select {
		case l.asked <- struct{}{}:
		default:
		}
	case tuf.TimestampPath:
		select {
		case <-l.asked:
			l.early = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	l.files.ServeHTTP(w, r)
}

// TestExpect: what a lock names is asked for beside the metadata of a registry that is used for the first time, if it is the
// one that the lock means.
func TestExpect(t *testing.T) {
	m := newMoved(t)
	m.state = t.TempDir()
	for _, row := range []struct {
		story, pin, meant string
		early             bool
	}{
		{"of another registry", sitetest.ID, "gal.other", false},
		{"of one that nobody has named", "", sitetest.ID, false},
		{"of the one that is meant", sitetest.ID, sitetest.ID, true},
	} {
		t.Run(row.story, func(t *testing.T) {
			l := &late{files: http.FileServer(http.Dir(m.copy)), asked: make(chan struct{}, 1)}
			server := httptest.NewServer(l)
			t.Cleanup(server.Close)
			state, cache := t.TempDir(), t.TempDir()
			for use, early := range []bool{row.early, false} {
				set := remote.New(remote.Options{Specs: map[string]remote.Spec{"r": {Name: "r", URL: server.URL, ID: row.pin, AllowInsecure: true}},
					Default: "r", CacheDir: cache, StateDir: state, Now: sitetest.Now})
				set.Expect(map[string][]string{row.meant: {"mailbox"}})
				l.early = false
				if _, err := m.use(set, "1.1.0"); err != nil {
					t.Fatal(err)
				}
				if l.early != early {
					t.Errorf("use %d: the package was asked for first: %v", use+1, l.early)
				}
				if err := set.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				for len(l.asked) > 0 {
					<-l.asked
				}
			}
		})
	}
}
