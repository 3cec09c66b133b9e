package index_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
	"github.com/geeknik/gal-pkg/version"
)

// edge is a cache between a registry's static host and its readers: what it has answered, files that are not there too, it
// answers again for a minute, by a clock of its own. A reader who says no-cache is answered from the host.
type edge struct {
	host  string
	clock atomic.Int64 // seconds

	mu   sync.Mutex
	kept map[string]answer
	hits int
}

type answer struct {
	status int
	body   []byte
	until  int64
}

const edgeAge = 60 // seconds

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := e.clock.Load()
	e.mu.Lock()
	a, ok := e.kept[r.URL.Path]
	if ok = ok && now < a.until && !strings.Contains(r.Header.Get("Cache-Control"), "no-cache"); ok {
		e.hits++
	}
	e.mu.Unlock()
	if !ok {
		response, err := http.Get(e.host + r.URL.Path)
		if err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		a = answer{response.StatusCode, nil, now + edgeAge}
		if a.body, err = io.ReadAll(response.Body); err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		e.mu.Lock()
		e.kept[r.URL.Path] = a
		e.mu.Unlock()
	}
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(a.body)))
	w.Header().Set("ETag", etag)
	if a.status == http.StatusOK && r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// TestReadingWhileOthersPublish reads a registry hundreds of times while versions are published, through a cache whose
// files are of many moments. Every read finds a whole state, each reader's states only go on, and none fails.
func TestReadingWhileOthersPublish(t *testing.T) {
	const publishes, readers, wanted = 12, 4, 240
	p := newPublished(t)
	e := &edge{host: p.http.URL, kept: map[string]answer{}}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	var reads atomic.Int64
	done := make(chan struct{})
	var group sync.WaitGroup
	for n := range readers {
		group.Go(func() {
			r := &reader{t: t, url: server.URL, dir: filepath.Join(t.TempDir(), fmt.Sprint(n)), cold: n%2 == 1}
			for {
				select {
				case <-done:
					if reads.Load() >= wanted {
						return
					}
				default:
				}
				if !r.read() {
					return
				}
				reads.Add(1)
			}
		})
	}
	for n := range publishes {
		p.release("mailbox", fmt.Sprintf("1.%d.0", n+1))
		e.clock.Add(13) // what is cached is of five states at once
	}
	close(done)
	group.Wait()
	e.clock.Add(edgeAge)
	last := &reader{t: t, url: server.URL, dir: t.TempDir()}
	if last.read(); last.releases != publishes+1 {
		t.Errorf("at the end there are %d releases, want %d", last.releases, publishes+1)
	}
	if reads.Load() < wanted || e.hits == 0 {
		t.Errorf("%d reads, want %d; %d answers came from the cache", reads.Load(), wanted, e.hits)
	}
	t.Logf("%d reads while %d versions were published; %d answers came from the cache, none failed", reads.Load(), publishes, e.hits)
}

// reader is a user with a standing; one that is cold has lost its cache each time.
type reader struct {
	t        *testing.T
	url, dir string
	cold     bool
	count    int
	releases int
}

func (r *reader) read() bool {
	client, err := web.New(web.Options{})
	if err != nil {
		r.t.Error(err)
		return false
	}
	cache := filepath.Join(r.dir, "cache")
	if r.count++; r.cold {
		cache = filepath.Join(r.dir, fmt.Sprint("cache", r.count))
	}
	transport, err := index.NewStatic(client, r.url, cache, false)
	if err == nil {
		err = r.verify(transport)
	}
	if err != nil {
		r.t.Errorf("read %d: %v", r.count, err)
	}
	return err == nil
}

// verify opens the registry, verifies the first version, and looks for it in the log.
func (r *reader) verify(transport index.Transport) error {
	o := index.Options{Pin: sitetest.ID, Now: sitetest.Now.Add(time.Minute)}
	o.State = func(string) (index.State, error) {
		return index.State{Standing: index.StandingFile{Dir: r.dir}}, nil
	}
	ctx := r.t.Context()
	s, err := index.Open(ctx, transport, o)
	if err != nil {
		return err
	}
	artifacts, _, err := s.Verify(ctx, []index.Want{{Name: "mailbox", Version: version.MustParse("1.0.0")}})
	if err == nil {
		err = s.CheckLog(ctx, artifacts)
	}
	if err != nil {
		return err
	}
	pkg, err := s.Package(ctx, "mailbox")
	if err == nil && len(pkg.Releases) < r.releases {
		err = fmt.Errorf("%d releases after %d", len(pkg.Releases), r.releases)
	}
	if err == nil {
		r.releases = len(pkg.Releases)
	}
	return err
}
