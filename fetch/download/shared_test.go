package download

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geeknik/gal-pkg/fetch/hosts"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

// bazel is a remote cache as others have it.
type bazel struct {
	mu    sync.Mutex
	blobs map[string][]byte
	asked []string
	spoil func(w http.ResponseWriter, r *http.Request) bool
}

func (b *bazel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked = append(b.asked, r.Method)
	b.mu.Unlock()
	if b.spoil != nil && b.spoil(w, r) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch data, ok := b.blobs[r.URL.Path]; {
	case r.Method == http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err != nil || int64(len(data)) != r.ContentLength {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.blobs[r.URL.Path] = data
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Write(data)
	}
}

func (b *bazel) count(method string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.asked {
		if m == method {
			n++
		}
	}
	return n
}

func shared(t testing.TB, spoil func(http.ResponseWriter, *http.Request) bool) (*bazel, string) {
	t.Helper()
	b := &bazel{blobs: map[string][]byte{}, spoil: spoil}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return b, s.URL
}

// newShared waits as long as a loaded machine may take.
func newShared(t testing.TB, url string, write bool) *Shared {
	t.Helper()
	return sharedFor(t, url, write, time.Minute)
}

func sharedFor(t testing.TB, url string, write bool, patience time.Duration) *Shared {
	t.Helper()
	s, err := NewShared(url+"/", write, web.Options{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSharedCache(t *testing.T) {
	h, items := newHost(t, 12)
	b, url := shared(t, nil)
	fill := func(write bool) (*told, []Result) {
		t.Helper()
		o := patient(t, options(t, t.TempDir()))
		var l told
		o.Events, o.Shared = l.events(), newShared(t, url, write)
		results, err := Fetch(t.Context(), items, o)
		if err == nil {
			err = o.Shared.Settle(t.Context(), o.Events)
		}
		if err != nil || len(l.warns) > 0 {
			t.Fatalf("%v, %q", err, l.warns)
		}
		sound(t, o.Cache, items)
		return &l, results
	}
	fill(false)
	if b.count("PUT") != 0 || h.requests() != 12 {
		t.Errorf("reading only: %d PUT, %d requests", b.count("PUT"), h.requests())
	}
	fill(true)
	if b.count("PUT") != 12 || h.requests() != 24 || len(b.blobs) != 12 || b.blobs["/cas/"+strings.TrimPrefix(items[0].Digest, "sha256:")] == nil {
		t.Errorf("writing: %d PUT, %d requests, %d kept", b.count("PUT"), h.requests(), len(b.blobs))
	}
	if _, results := fill(true); b.count("PUT") != 12 || h.requests() != 24 || !results[0].Downloaded || !strings.HasPrefix(results[0].URL, url+"/cas/") {
		t.Errorf("full: %d PUT, %d requests, %+v", b.count("PUT"), h.requests(), results[0])
	}
}

func TestSharedCacheThatFails(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
	}
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"error": status(500), "credentials": status(401), "other bytes": func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, "evil"); return true },
		"nothing": func(w http.ResponseWriter, _ *http.Request) bool { return true },
		"endless": func(w http.ResponseWriter, _ *http.Request) bool {
			for range 1000 {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					break
				}
			}
			return true
		},
		"hangs":  func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"closes": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"no PUT": func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPut && status(403)(w, r)
		},
		"PUT err": func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPut && status(507)(w, r)
		},
		"PUT hangs": hangsOnPut,
	} {
		n, patience := 6, time.Minute
		if strings.HasSuffix(name, "hangs") {
			n, patience = 2*uploads, impatience // the second half is not given to it
		}
		h, items := newHost(t, n)
		b, url := shared(t, spoil)
		o := patient(t, options(t, t.TempDir()))
		var l told
		o.Events, o.Shared = l.events(), sharedFor(t, url, true, patience)
		if _, err := Fetch(t.Context(), items, o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := o.Shared.Settle(t.Context(), o.Events); err != nil || b.count("PUT") > uploads {
			t.Errorf("%s: %v after %d PUT", name, err, b.count("PUT"))
		}
		sound(t, o.Cache, items)
		if len(l.warns) != 1 || !strings.HasPrefix(l.warns[0], "the shared cache "+url+" is not ") || h.requests() != len(items) {
			t.Errorf("%s: warned %q, %d requests", name, l.warns, h.requests())
		}
		if strings.Contains(fmt.Sprint(l.warns), "gal-pkg login --registry "+url) != (name == "credentials") {
			t.Errorf("%s: warned %q", name, l.warns)
		}
		if rests := hosts.Load(o.Cache.Dir(), time.Now).Rests(url); strings.HasPrefix(name, "PUT") && rests != (name == "PUT hangs") {
			t.Errorf("%s: it is asked last: %v", name, rests)
		}
	}
	_, items := newHost(t, 2)
	o := patient(t, options(t, t.TempDir()))
	dead := httptest.NewServer(nil)
	dead.Close()
	var l told
	o.Events, o.Shared = l.events(), newShared(t, dead.URL, true)
	if _, err := Fetch(t.Context(), items, o); err != nil || len(l.warns) != 1 {
		t.Errorf("not there: %v, %q", err, l.warns)
	}
	for _, bad := range []string{"", "ftp://h", "https://user:pw@h/", "/cache"} {
		if _, err := NewShared(bad, false, web.Options{}); !fault.IsCode(err, "bad-url") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// impatience is for caches of which everybody loses patience: it takes a fraction of the usual time, and then six times that.
const impatience = 500 * time.Millisecond

// hangsOnPut takes what it is given, and answers nothing.
func hangsOnPut(_ http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPut {
		return false
	}
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	return true
}

// A cache that moves a little, and never stands still, is given up all the same.
func TestSharedCacheThatIsSlow(t *testing.T) {
	h, _ := newHost(t, 0)
	items := []Item{h.add(t, "large", 1<<18)}
	_, url := shared(t, func(w http.ResponseWriter, r *http.Request) bool {
		for sent := 0; sent < 1<<17 && r.Context().Err() == nil; sent += 1 << 10 {
			w.Write(make([]byte, 1<<10))
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
		return true
	})
	o := patient(t, options(t, t.TempDir()))
	var l told
	o.Events, o.Shared = l.events(), sharedFor(t, url, false, impatience)
	if _, err := Fetch(t.Context(), items, o); err != nil {
		t.Fatal(err)
	}
	sound(t, o.Cache, items)
	if len(l.warns) != 1 || !strings.Contains(l.warns[0], " is not used: only ") || h.requests() != 1 {
		t.Errorf("warned %q, %d requests", l.warns, h.requests())
	}
}

// A cache is given up for what it keeps us waiting for bytes, each way, and for nothing else that takes long.
func TestPaceOfASharedCache(t *testing.T) {
	const patience, parts, size = 3 * time.Second, 20, 32 << 10
	slow, quick := func() { time.Sleep(time.Second) }, func() {}
	for name, tt := range map[string]struct {
		out             bool
		cache, we, then func() // what takes its time: the cache with a part, our disk with one, what comes after the last
		up              bool   // given up
	}{
		"it sends slowly":      {false, slow, quick, quick, true},
		"we write slowly":      {false, quick, slow, quick, false},
		"it takes slowly":      {true, slow, quick, quick, true},
		"we read slowly":       {true, quick, slow, quick, false},
		"it thinks at the end": {true, quick, quick, func() { time.Sleep(time.Minute) }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var w way
			w.begin(patience)
			err := w.carry(t.Context(), func(ctx context.Context, pace *pace) error {
				from, between := tt.cache, tt.we
				if tt.out {
					from, between = tt.we, tt.cache
				}
				part := func() error { from(); return ctx.Err() }
				var body io.Reader = &incoming{&dripping{part, parts}, pace}
				if tt.out {
					body = &outgoing{file: io.NopCloser(&dripping{part, parts}), pace: pace}
				}
				buf := make([]byte, size)
				for {
					if _, err := body.Read(buf); err == io.EOF {
						tt.then()
						return nil
					} else if err != nil {
						return err
					}
					between()
				}
			})
			if (err != nil) != tt.up || tt.up && !strings.Contains(err.Error(), "bytes moved in 3s") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// dripping fills what it is given, a few times, when part returns.
type dripping struct {
	part func() error
	left int
}

func (d *dripping) Read(b []byte) (int, error) {
	if err := d.part(); err != nil {
		return 0, err
	}
	if d.left--; d.left < 0 {
		return 0, io.EOF
	}
	return len(b), nil
}

// A cache that takes long to store what it has been given is waited for.
func TestSharedCacheThatStoresSlowly(t *testing.T) {
	_, items := newHost(t, 2)
	b, url := shared(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			time.Sleep(2 * impatience)
		}
		return false
	})
	o := patient(t, options(t, t.TempDir()))
	var l told
	o.Events, o.Shared = l.events(), sharedFor(t, url, true, impatience)
	_, err := Fetch(t.Context(), items, o)
	if err == nil {
		err = o.Shared.Settle(t.Context(), o.Events)
	}
	if err != nil || len(l.warns) != 0 || len(b.blobs) != len(items) {
		t.Errorf("%v, warned %q, %d kept", err, l.warns, len(b.blobs))
	}
}

// A cache that has failed is asked last by the next processes: where nobody else has the archive.
func TestSharedCacheThatHasFailed(t *testing.T) {
	h, items := newHost(t, 3)
	var alive atomic.Bool
	b, url := shared(t, func(w http.ResponseWriter, _ *http.Request) bool {
		if !alive.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return !alive.Load()
	})
	dir := t.TempDir()
	fill := func(item Item) (*told, error) {
		t.Helper()
		o := patient(t, options(t, dir))
		var l told
		o.Events, o.Shared = l.events(), newShared(t, url, true)
		_, err := Fetch(t.Context(), []Item{item}, o)
		if err == nil {
			err = o.Shared.Settle(t.Context(), o.Events)
		}
		return &l, err
	}
	if l, err := fill(items[0]); err != nil || len(b.asked) != 1 || len(l.warns) != 1 {
		t.Fatalf("%v, asked %v, warned %q", err, b.asked, l.warns)
	}
	alive.Store(true)
	if l, err := fill(items[1]); err != nil || len(b.asked) != 1 || len(l.warns) != 1 || !strings.HasSuffix(l.warns[0], "; it is asked last") {
		t.Errorf("%v, asked %v, warned %q", err, b.asked, l.warns)
	}
	path := strings.TrimPrefix(items[2].URLs[0], h.URL)
	b.blobs["/cas/"+strings.TrimPrefix(items[2].Digest, "sha256:")] = h.archives[path]
	delete(h.archives, path)
	if l, err := fill(items[2]); err != nil || len(b.asked) != 2 || len(l.warns) != 1 {
		t.Errorf("%v, asked %v, warned %q", err, b.asked, l.warns)
	}
	// It has served, so it is asked first again.
	items = append(items, h.add(t, "another", 900))
	if l, err := fill(items[3]); err != nil || fmt.Sprint(b.asked) != "[GET GET GET PUT]" || len(l.warns) != 0 {
		t.Errorf("%v, asked %v, warned %q", err, b.asked, l.warns)
	}
}

// Who is interrupted while archives go to the cache is not kept waiting.
func TestSettleInterrupted(t *testing.T) {
	_, items := newHost(t, 2)
	ctx, interrupt := context.WithCancel(t.Context())
	_, url := shared(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			interrupt()
		}
		return hangsOnPut(w, r)
	})
	o := patient(t, options(t, t.TempDir()))
	s, err := NewShared(url, true, web.Options{Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var l told
	o.Events, o.Shared = l.events(), s
	if _, err := Fetch(t.Context(), items, o); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(ctx, o.Events); fault.KindOf(err) != fault.Cancelled || len(l.warns) != 0 {
		t.Errorf("%v, warned %q", err, l.warns)
	}
	var none *Shared
	if err := none.Settle(ctx, o.Events); err != nil {
		t.Error(err)
	}
}

// What is stored for the cache goes to it alone, whatever it redirects to.
func TestSharedCacheCredentials(t *testing.T) {
	h, items := newHost(t, 1)
	var led, secrets atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if led.Add(1); r.Header.Get("Authorization") != "" {
			secrets.Add(1)
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	_, url := shared(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Header.Get("Authorization") != "Bearer gal_1":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodGet:
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		default:
			return false
		}
		return true
	})
	authorize := func(token string) *Shared {
		s, err := NewShared(url, true, web.Options{Credentials: func(origin string) string {
			if origin != url {
				return ""
			}
			return token
		}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := authorize("Bearer gal_2").Check(t.Context()); fault.KindOf(err) != fault.Auth {
		t.Error(err)
	}
	if err := authorize("Bearer gal_1").Check(t.Context()); err != nil {
		t.Error(err)
	}
	o := patient(t, options(t, t.TempDir()))
	var l told
	o.Events, o.Shared = l.events(), authorize("Bearer gal_1")
	_, err := Fetch(t.Context(), items, o)
	if err == nil {
		err = o.Shared.Settle(t.Context(), o.Events)
	}
	if err != nil || len(l.warns) != 0 || h.requests() != 1 || led.Load() != 2 || secrets.Load() != 0 {
		t.Errorf("%v, warned %q, %d requests elsewhere, %d with a secret", err, l.warns, led.Load(), secrets.Load())
	}
}

// Offline means that nothing is asked, the shared cache included.
func TestSharedCacheOffline(t *testing.T) {
	_, items := newHost(t, 1)
	b, url := shared(t, nil)
	o := options(t, t.TempDir())
	o.Offline, o.Shared = true, newShared(t, url, true)
	if _, err := Fetch(context.Background(), items, o); !fault.IsCode(err, "offline-miss") || len(b.asked) != 0 {
		t.Errorf("%v after %v", err, b.asked)
	}
}
