package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/fetch"
	"github.com/geeknik/gal-pkg/fetch/archive"
	"github.com/geeknik/gal-pkg/fetch/cache"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
	"github.com/geeknik/gal-pkg/version"
)

// host serves archives and lies where it is told to.
type host struct {
	*httptest.Server
	archives map[string][]byte
	lie      func(w http.ResponseWriter, r *http.Request, data []byte) bool // true where it has answered

	mu    sync.Mutex
	asked map[string]int
}

// newHost makes a host with n packages, and their items.
func newHost(t testing.TB, n int) (*host, []Item) {
	t.Helper()
	h := &host{archives: map[string][]byte{}, asked: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	var items []Item
	for i := range n {
		items = append(items, h.add(t, fmt.Sprintf("p%d", i), 300+40*i))
	}
	return h, items
}

func (h *host) add(t testing.TB, name string, size int) Item {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(size), 1))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	a, err := archive.Pack(name+"-1.0.0", []archive.File{{Path: "gal.toml", Data: []byte("name = \"" + name + "\"\n")}, {Path: "src/lib.gal", Data: body}})
	if err != nil {
		t.Fatal(err)
	}
	path := "/" + name + "-1.0.0" + archive.Suffix
	h.mu.Lock()
	defer h.mu.Unlock()
	h.archives[path] = a.Bytes
	return Item{Name: name, Key: name, Version: version.MustParse("1.0.0"), Digest: a.Digest, Size: a.Size, Unpacked: a.Unpacked, URLs: []string{h.URL + path}}
}

func (h *host) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked[r.URL.Path]++
	data, ok := h.archives[r.URL.Path]
	lie := h.lie
	h.mu.Unlock()
	if lie != nil && lie(w, r, data) {
		return
	}
	if !ok {
		w.WriteHeader(404)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(data)
}

func (h *host) requests() (total int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.asked {
		total += n
	}
	return total
}

func options(t testing.TB, dir string) Options {
	t.Helper()
	client, err := web.New(web.Options{Timeout: 200 * time.Millisecond, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.NewCache(dir, fetch.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Client: client, Cache: c}
}

// patient waits as long as a loaded machine may take.
func patient(t testing.TB, o Options) Options {
	t.Helper()
	client, err := web.New(web.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	o.Client = client
	return o
}

// sound fails unless every item is in the cache as it must be and nothing else is.
func sound(t testing.TB, c *cache.Cache, items []Item) {
	t.Helper()
	for _, item := range items {
		if err := c.VerifyTree(item, cache.Content); err != nil {
			t.Errorf("%s: %v", item, err)
		}
		f, err := c.Open(t.Context(), item)
		if err != nil {
			t.Errorf("%s: %v", item, err)
			continue
		}
		f.Close()
	}
	u, err := c.Usage()
	if err != nil || u.Blobs != len(items) || u.Trees != len(items) {
		t.Errorf("cache holds %+v for %d items: %v", u, len(items), err)
	}
	empty(t, c)
}

func empty(t testing.TB, c *cache.Cache) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Join(c.Dir(), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v %v", left, err)
	}
}

func TestFetch(t *testing.T) {
	h, items := newHost(t, 12)
	o := patient(t, options(t, t.TempDir()))
	var mu sync.Mutex
	started, done := map[string]int{}, map[string]bool{}
	o.Events = fetch.Events{
		Started:  func(i Item) { mu.Lock(); defer mu.Unlock(); started[i.Name]++ },
		Progress: func(i Item, n int64) { mu.Lock(); defer mu.Unlock(); started[i.Name+" bytes"] = int(n) },
		Done:     func(i Item, cached bool) { mu.Lock(); defer mu.Unlock(); done[i.Name] = cached },
	}
	twice := append(slices.Clone(items), items[3])
	results, err := Fetch(t.Context(), twice, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		want, _ := o.Cache.TreePath(twice[i])
		if r.Item.Name != twice[i].Name || !r.Downloaded || r.Tree != want || r.URL != twice[i].URLs[0] {
			t.Errorf("result %d: %+v", i, r)
		}
		if started[r.Item.Name] != 1 || started[r.Item.Name+" bytes"] != int(r.Item.Size) || done[r.Item.Name] {
			t.Errorf("events of %s: %v %v", r.Item, started, done)
		}
	}
	sound(t, o.Cache, items)
	if results, err = Fetch(t.Context(), items, o); err != nil || results[0].Downloaded || h.requests() != 12 || !done["p0"] {
		t.Errorf("again: %+v, %v after %d requests", results[0], err, h.requests())
	}
	if m, err := o.Cache.Metrics(); err != nil || m.Hits != 12 || m.Misses != 12 || m.CachedPackages != 12 || m.HitRate() != 0.5 {
		t.Errorf("counted %+v: %v", m, err)
	}
	if results, err := Fetch(t.Context(), nil, o); err != nil || len(results) != 0 {
		t.Errorf("nothing: %v %v", results, err)
	}
}

func TestBiggestFirst(t *testing.T) {
	h, items := newHost(t, 6)
	items[2].Size = 0 // not known: last
	o := patient(t, options(t, t.TempDir()))
	o.Concurrency = 1
	var order []string
	h.lie = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		order = append(order, r.URL.Path[1:3])
		return false
	}
	if _, err := Fetch(t.Context(), items, o); err != nil || strings.Join(order, " ") != "p5 p4 p3 p1 p0 p2" {
		t.Errorf("order %v: %v", order, err)
	}
}

func TestLyingHosts(t *testing.T) {
	write := func(b []byte) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.Write(b); return true }
	}
	hang := func(w http.ResponseWriter, r *http.Request, data []byte, n int) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:n])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	for _, tt := range []struct {
		name     string
		lie      func(http.ResponseWriter, *http.Request, []byte) bool
		kind     fault.Kind
		code     string
		requests int
	}{
		{"wrong digest", func(w http.ResponseWriter, _ *http.Request, d []byte) bool {
			d = bytes.Clone(d)
			d[len(d)/2] ^= 1
			w.Write(d)
			return true
		}, fault.Integrity, "checksum-mismatch", 2},
		{"short", func(w http.ResponseWriter, _ *http.Request, d []byte) bool { w.Write(d[:len(d)-1]); return true }, fault.Integrity, "checksum-mismatch", 2},
		{"empty", write(nil), fault.Integrity, "checksum-mismatch", 2},
		{"long", func(w http.ResponseWriter, _ *http.Request, d []byte) bool {
			w.Write(append(bytes.Clone(d), 'x'))
			return true
		}, fault.Integrity, "checksum-mismatch", 2},
		{"long, in parts", func(w http.ResponseWriter, _ *http.Request, d []byte) bool {
			for range 100 {
				if _, err := w.Write(d); err != nil {
					break
				}
				w.(http.Flusher).Flush()
			}
			return true
		}, fault.Integrity, "checksum-mismatch", 2},
		{"says it is enormous", func(w http.ResponseWriter, _ *http.Request, d []byte) bool {
			w.Header().Set("Content-Length", "100000000000")
			w.Write(d)
			return true
		}, fault.Integrity, "checksum-mismatch", 2},
		{"web page", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, strings.Repeat("<html>please log in</html>", 1000))
			return true
		}, fault.Network, "unexpected-page", 2},
		{"cut off", func(w http.ResponseWriter, _ *http.Request, d []byte) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(d)))
			w.Write(d[:10])
			return true
		}, fault.Network, "network-unreachable", 4},
		{"stall before the head", func(_ http.ResponseWriter, r *http.Request, _ []byte) bool { <-r.Context().Done(); return true }, fault.Network, "network-unreachable", 4},
		{"stall in the middle", func(w http.ResponseWriter, r *http.Request, d []byte) bool { return hang(w, r, d, 10) }, fault.Network, "network-unreachable", 4},
		{"error", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(500); return true }, fault.Network, "http-status", 4},
		{"gone", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(404); return true }, fault.NotFound, "url-not-found", 1},
		{"refused", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { w.WriteHeader(403); return true }, fault.Auth, "auth-refused", 1},
	} {
		h, items := newHost(t, 1)
		h.lie = tt.lie
		o := options(t, t.TempDir())
		_, err := Fetch(t.Context(), items, o)
		if fault.KindOf(err) != tt.kind || !fault.IsCode(err, tt.code) || h.requests() != tt.requests {
			t.Errorf("%s: %v of kind %q after %d requests", tt.name, err, fault.KindOf(err), h.requests())
		}
		if u, err := o.Cache.Usage(); err != nil || u != (cache.Usage{}) {
			t.Errorf("%s: kept %+v", tt.name, u)
		}
		empty(t, o.Cache)
		// The same cache is fine once the host tells the truth.
		h.mu.Lock()
		h.lie = nil
		h.mu.Unlock()
		if _, err := Fetch(t.Context(), items, patient(t, o)); err != nil {
			t.Errorf("%s, then the truth: %v", tt.name, err)
		}
		sound(t, o.Cache, items)
		h.Close()
	}
}

func TestMismatchTellsEverything(t *testing.T) {
	h, items := newHost(t, 1)
	h.lie = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { fmt.Fprint(w, "evil"); return true }
	good, _ := newHost(t, 1)
	items[0].URLs = append([]string{items[0].URLs[0] + "?token=hunter2"}, good.URL+"/p0-1.0.0.tar.zst")
	items[0].Pinned = "gal.lock"
	_, err := Fetch(t.Context(), items, options(t, t.TempDir()))
	f := fault.Of(err)
	want := []string{
		"expected " + items[0].Digest + "  (gal.lock)",
		fmt.Sprintf("actual   sha256:%x  (%s/p0-1.0.0.tar.zst?..., 4 bytes)", sha256.Sum256([]byte("evil")), h.URL),
	}
	if f == nil || f.Message != "SECURITY: checksum of `p0 1.0.0` does not match gal.lock" || !slices.Equal(f.Facts[:2], want) {
		t.Errorf("got %+v", f)
	}
	if good.requests() != 0 {
		t.Error("after a wrong digest another host was asked")
	}
}

func TestNextAddress(t *testing.T) {
	good, items := newHost(t, 1)
	bad, _ := newHost(t, 0)
	dead := httptest.NewServer(nil)
	dead.Close()
	item := items[0]
	path := "/p0-1.0.0.tar.zst"
	local := filepath.Join(t.TempDir(), "a b#.tar.zst")
	if err := os.WriteFile(local, good.archives[path], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		urls []string
		from string
	}{
		"not there":     {[]string{bad.URL + path, good.URL + path}, good.URL + path},
		"not reachable": {[]string{dead.URL + path, good.URL + path}, good.URL + path},
		"no file":       {[]string{"file:///no/such/file", "/no/such/file", "no-such-file", good.URL + path}, good.URL + path},
		"a folder":      {[]string{filepath.Dir(local), good.URL + path}, good.URL + path},
		"path":          {[]string{local}, local},
		"file":          {[]string{"file://" + strings.NewReplacer(" ", "%20", "#", "%23").Replace(local)}, local},
		"file on host":  {[]string{"file://localhost" + strings.NewReplacer(" ", "%20", "#", "%23").Replace(local)}, local},
	} {
		item.URLs = tt.urls
		o := options(t, t.TempDir())
		results, err := Fetch(t.Context(), []Item{item}, o)
		if err != nil || results[0].URL != tt.from {
			t.Errorf("%s: %+v, %v", name, results, err)
		}
	}
	for name, tt := range map[string]struct {
		urls []string
		code string
		kind fault.Kind
	}{
		"none":         {nil, "no-address", fault.NotFound},
		"another host": {[]string{"file://evil.example" + local}, "bad-url", fault.Usage},
		"scheme":       {[]string{"ftp://h/x"}, "bad-url", fault.Usage},
		"all missing":  {[]string{bad.URL + path, "/no/such/file"}, "download-failed", fault.NotFound},
		"all dead":     {[]string{bad.URL + path, dead.URL + path}, "download-failed", fault.Network},
	} {
		item.URLs = tt.urls
		if _, err := Fetch(t.Context(), []Item{item}, options(t, t.TempDir())); !fault.IsCode(err, tt.code) || fault.KindOf(err) != tt.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokenDoesNotFollowARedirect(t *testing.T) {
	store, items := newHost(t, 1)
	var leaked atomic.Bool
	store.lie = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		return false
	}
	var asked atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Authorization") == "Bearer hunter2")
		http.Redirect(w, r, store.URL+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(front.Close)
	client, err := web.New(web.Options{Credentials: func(string) string { return "Bearer hunter2" }})
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, t.TempDir())
	o.Client = client
	items[0].URLs = []string{front.URL + "/p0-1.0.0.tar.zst"}
	results, err := Fetch(t.Context(), items, o)
	if err != nil || !asked.Load() || leaked.Load() || results[0].URL != store.URL+"/p0-1.0.0.tar.zst" {
		t.Errorf("asked with token %v, leaked %v, %+v: %v", asked.Load(), leaked.Load(), results, err)
	}
}

func TestOffline(t *testing.T) {
	h, items := newHost(t, 5)
	o := patient(t, options(t, t.TempDir()))
	if _, err := Fetch(t.Context(), items[:3], o); err != nil {
		t.Fatal(err)
	}
	before := h.requests()
	o.Offline, o.Client = true, nil
	if _, err := Fetch(t.Context(), items[:3], o); err != nil {
		t.Errorf("all there: %v", err)
	}
	_, err := Fetch(t.Context(), items, o)
	f := fault.Of(err)
	if f == nil || f.Kind != fault.Network || f.Code != "offline-miss" || f.Message != "2 of 5 packages are not in the cache" || f.Facts[0] != "p3 1.0.0, p4 1.0.0" {
		t.Fatalf("got %+v", f)
	}
	// What turns out to be damaged with nothing to heal it from is missing as well.
	tree, _ := o.Cache.TreePath(items[1])
	if err := os.Remove(filepath.Join(tree, "gal.toml")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(o.Cache.Dir(), "blobs")); err != nil {
		t.Fatal(err)
	}
	if _, err = Fetch(t.Context(), items, o); fault.Of(err) == nil || fault.Of(err).Facts[0] != "p1 1.0.0, p3 1.0.0, p4 1.0.0" {
		t.Errorf("got %+v", fault.Of(err))
	}
	// A file is no network.
	local := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(local, h.archives["/p3-1.0.0.tar.zst"], 0o644); err != nil {
		t.Fatal(err)
	}
	items[3].URLs = append(items[3].URLs, local)
	if _, err = Fetch(t.Context(), items[3:4], o); err != nil || h.requests() != before {
		t.Errorf("from a file: %v", err)
	}
}

func TestDamageIsHealedFromTheNetwork(t *testing.T) {
	h, items := newHost(t, 4)
	o := patient(t, options(t, t.TempDir()))
	if _, err := Fetch(t.Context(), items, o); err != nil {
		t.Fatal(err)
	}
	hex := strings.TrimPrefix(items[0].Digest, "sha256:")
	blob := filepath.Join(o.Cache.Dir(), "blobs", "sha256", hex[:2], hex)
	tree, _ := o.Cache.TreePath(items[0])
	for _, path := range []string{blob, filepath.Join(tree, "src", "lib.gal")} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		info, _ := os.Stat(path)
		os.Chmod(path, 0o644)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, info.Mode())
		os.Chtimes(path, time.Time{}, info.ModTime())
	}
	results, err := Fetch(t.Context(), items, o)
	if err != nil || !results[0].Downloaded || results[1].Downloaded || h.requests() != 5 {
		t.Errorf("%+v, %v after %d requests", results, err, h.requests())
	}
	sound(t, o.Cache, items)

	// The same with archives alone.
	data, _ := os.ReadFile(blob)
	data[0] ^= 1
	os.Chmod(blob, 0o644)
	if err := os.WriteFile(blob, data, 0o644); err != nil {
		t.Fatal(err)
	}
	o.ArchivesOnly = true
	if results, err = Fetch(t.Context(), items, o); err != nil || !results[0].Downloaded || results[0].Tree != "" || h.requests() != 6 {
		t.Errorf("%+v, %v after %d requests", results, err, h.requests())
	}
}

func TestTheGravestErrorIsReported(t *testing.T) {
	h, items := newHost(t, 3)
	all := make(chan struct{})
	var n atomic.Int64
	h.lie = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if n.Add(1) == 3 {
			close(all)
		}
		<-all
		switch r.URL.Path[1:3] {
		case "p0":
			w.WriteHeader(404)
		case "p1":
			fmt.Fprint(w, "evil")
		default:
			w.WriteHeader(403)
		}
		return true
	}
	o := patient(t, options(t, t.TempDir()))
	// All three answers are on their way before the first is judged, but giving up is quick: only that no lighter error
	// hides a graver one that was seen is promised.
	_, err := Fetch(t.Context(), items, o)
	if fault.Of(err) == nil || errors.Is(err, context.Canceled) || fault.KindOf(err) == fault.Cancelled {
		t.Errorf("got %v", err)
	}
	f := &fetcher{results: make([]Result, 4), errors: map[int]error{
		0: fault.New(fault.NotFound, "a", ""), 1: fault.New(fault.Network, "b", ""), 2: context.Canceled, 3: fault.New(fault.Integrity, "c", ""),
	}}
	for _, want := range []string{"c", "b", "a"} {
		if got := f.gravest(); !fault.IsCode(got, want) {
			t.Errorf("got %v, want %s", got, want)
		}
		for i, err := range f.errors {
			if fault.IsCode(err, want) {
				delete(f.errors, i)
			}
		}
	}
}

func TestInterrupted(t *testing.T) {
	h, items := newHost(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	h.lie = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	o := patient(t, options(t, t.TempDir()))
	if _, err := Fetch(ctx, items, o); fault.KindOf(err) != fault.Cancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	empty(t, o.Cache)
}

func TestSixteenFetchesOfOneCache(t *testing.T) {
	h, items := newHost(t, 20)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		o := patient(t, options(t, dir))
		wg.Go(func() {
			if _, err := Fetch(t.Context(), items, o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if h.requests() != len(items) {
		t.Errorf("%d requests for %d archives", h.requests(), len(items))
	}
	sound(t, options(t, dir).Cache, items)
}

func TestConcurrentCleanNeverBreaksAFetch(t *testing.T) {
	_, items := newHost(t, 6)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		o := patient(t, options(t, dir))
		wg.Go(func() {
			for range 5 {
				release, err := o.Cache.Hold(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				results, err := Fetch(t.Context(), items, o)
				if err != nil {
					t.Error(err)
				}
				for _, r := range results {
					if _, err := os.Stat(filepath.Join(r.Tree, "gal.toml")); err != nil {
						t.Errorf("removed while held: %v", err)
					}
				}
				release()
			}
		})
	}
	cleaner := options(t, dir)
	for range 10 {
		if _, err := cleaner.Cache.Clean(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func BenchmarkFetch(b *testing.B) {
	_, items := newHost(b, 60)
	for name, warm := range map[string]bool{"cold": false, "warm": true} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			o := patient(b, options(b, dir))
			for b.Loop() {
				if !warm {
					o = patient(b, options(b, b.TempDir()))
				}
				if _, err := Fetch(b.Context(), items, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
