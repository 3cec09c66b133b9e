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
	asked  chan string
	mu     sync.Mutex
	counts map[string]int
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	c.mu.Lock()
	c.counts[path]++
	c.mu.Unlock()
	select {
	case c.asked <- path:
	default:
	}
	if answer := c.files[path]; answer != nil {
		answer(w, r)
		return
	}
	http.NotFound(w, r)
}

// serving serves a host, and opens it with one cache, offline or not.
func serving(t *testing.T, host http.Handler) func(offline bool) *index.Static {
	server := httptest.NewServer(host)
	t.Cleanup(server.Close)
	client, err := web.New(web.Options{UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return func(offline bool) *index.Static {
		s, err := index.NewStatic(client, server.URL, dir, offline)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// taken returns the counts, and begins anew.
func (c *counting) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	c.counts = map[string]int{}
	for len(c.asked) > 0 {
		<-c.asked
	}
	return counts
}

// TestAnnouncedFiles: a file that is announced is asked for before anybody wants it, and once; what came is held against what
// is expected like everything. Only one that is longer than what is read ahead is asked for again.
func TestAnnouncedFiles(t *testing.T) {
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) }
	}
	long := bytes.Repeat([]byte("x"), 300<<10)
	host := &counting{asked: make(chan string, 100), counts: map[string]int{}, files: map[string]http.HandlerFunc{
		"index/right": says("right"), "index/grown": says("right and more"), "index/wrong": says("wrong"), "index/long": says(string(long)),
		"index/refused": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	}}
	open := serving(t, host)
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
		{"index/none", "right", 1, "", ""},
	} {
		s := open(false)
		s.Announce([]string{row.path, "../out"})
		if path := <-host.asked; path != row.path {
			t.Fatalf("asked for %s", path)
		}
		files, err := s.FetchExpected(t.Context(), []index.Expected{expect(row.path, row.want)})
		if fault.KindOf(err) != row.kind || err != nil && row.kind == "" || !strings.HasPrefix(string(files[row.path]), row.data) {
			t.Errorf("%s: %.20q, %v", row.path, files[row.path], err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if n := host.taken()[row.path]; n != row.asked {
			t.Errorf("%s: asked for %d times", row.path, n)
		}
	}
	for _, s := range []*index.Static{open(false), open(true)} {
		s.Announce([]string{"index/right"}) // what a host does not have is not remembered of an announcement alone
		if _, err := s.FetchExpected(t.Context(), []index.Expected{expect("index/right", "right")}); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	if counts := host.taken(); len(counts) > 0 {
		t.Errorf("what is known was asked for again: %v", counts)
	}
}

// TestAnnouncedBefore: what a host said before the newest state was asked for is nobody's answer after it.
func TestAnnouncedBefore(t *testing.T) {
	status := http.StatusForbidden
	host := &counting{asked: make(chan string, 100), counts: map[string]int{}, files: map[string]http.HandlerFunc{
		"index/x": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte("right"))
		},
	}}
	s := serving(t, host)(false)
	t.Cleanup(func() { s.Close() })
	s.Announce([]string{"index/x"})
	<-host.asked
	// Its turn is over when another one of the file can be taken.
	if _, err := s.Fetch(t.Context(), []string{"index/x"}); fault.KindOf(err) != fault.Auth {
		t.Fatal(err)
	}
	status = http.StatusOK
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	expected := index.Expected{Path: "index/x", File: listing.File{Length: 5, SHA256: sha256.Sum256([]byte("right"))}}
	if files, err := s.FetchExpected(t.Context(), []index.Expected{expected}); err != nil || string(files["index/x"]) != "right" {
		t.Errorf("%q, %v", files["index/x"], err)
	}
}

// TestCloseEndsAnnounced: nobody waits for a host that says nothing.
func TestCloseEndsAnnounced(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	s := serving(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))(false)
	defer close(over)
	s.Announce([]string{"index/slow"})
	<-asked
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
