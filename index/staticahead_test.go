package index_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/index/listing"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// counting answers with what its files have, and counts how often each is asked for.
type counting struct {
	files  map[string]http.HandlerFunc
	mu     sync.Mutex
	counts map[string]int
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	c.mu.Lock()
	c.counts[path]++
	c.mu.Unlock()
	if answer := c.files[path]; answer != nil {
		answer(w, r)
		return
	}
	http.NotFound(w, r)
}

// taken returns the counts, and begins anew.
func (c *counting) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	c.counts = map[string]int{}
	return counts
}

// TestAnnouncedFiles: a file that is announced is asked for once and before anybody wants it; what came is held against what
// is expected like everything; and whatever is wrong with it costs no more than without an announcement.
func TestAnnouncedFiles(t *testing.T) {
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) }
	}
	long := bytes.Repeat([]byte("x"), 300<<10)
	host := &counting{counts: map[string]int{}, files: map[string]http.HandlerFunc{
		"index/right": says("right"), "index/grown": says("right and more"), "index/wrong": says("wrong"), "index/long": says(string(long)),
		"index/refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	}}
	server := httptest.NewServer(host)
	t.Cleanup(server.Close)
	client, err := web.New(web.Options{UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	open := func(offline bool) *index.Static {
		s, err := index.NewStatic(client, server.URL, dir, offline)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	expect := func(path, text string) index.Expected {
		return index.Expected{Path: path, File: listing.File{Length: int64(len(text)), SHA256: sha256.Sum256([]byte(text))}}
	}
	for _, row := range []struct {
		path, want string
		asked      int
		data       string
		kind       fault.Kind
	}{
		{"index/right", "right", 1, "right", ""},
		{"index/grown", "right", 1, "right", ""},
		{"index/wrong", "right", 2, "wrong", ""}, // once more past the caches; whoever expects it finds it wrong
		{"index/long", string(long), 2, string(long), ""},
		{"index/refused", "right", 1, "", fault.Auth},
		{"index/none", "right", 2, "", ""},
	} {
		s := open(false)
		s.Announce([]string{row.path, "../out"})
		files, err := s.FetchExpected(t.Context(), []index.Expected{expect(row.path, row.want)})
		if fault.KindOf(err) != row.kind || err != nil && row.kind == "" || !strings.HasPrefix(string(files[row.path]), row.data) {
			t.Errorf("%s: %.20q, %v", row.path, files[row.path], err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := host.taken()[row.path]; n > row.asked {
			t.Errorf("%s: asked for %d times", row.path, n)
		}
	}
	for _, s := range []*index.Static{open(false), open(true)} {
		s.Announce([]string{"index/right", "index/none"})
		if _, err := s.FetchExpected(t.Context(), []index.Expected{expect("index/right", "right")}); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	if counts := host.taken(); len(counts) > 0 {
		t.Errorf("what is known was asked for again: %v", counts)
	}
}

// TestCloseEndsAnnounced: nobody waits for a host that says nothing.
func TestCloseEndsAnnounced(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(server.Close)
	defer close(over)
	client, err := web.New(web.Options{UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := index.NewStatic(client, server.URL, t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	s.Announce([]string{"index/slow"})
	<-asked
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
