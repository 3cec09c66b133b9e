package web

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// quick is a client whose pauses take no time and are written down.
func quick(t testing.TB, o Options) (*Client, *[]time.Duration) {
	t.Helper()
	var pauses []time.Duration
	o.Sleep = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c, &pauses
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestGet(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "hello ", r.UserAgent())
	})
	c, _ := quick(t, Options{UserAgent: "gal-pkg/1"})
	r, err := c.Get(t.Context(), s.URL+"/x", GetOptions{})
	if err != nil || string(r.Body) != "hello gal-pkg/1" || r.ETag() != `"1"` || r.Status != 200 {
		t.Fatalf("got %+v, %v", r, err)
	}
	r, err = c.Get(t.Context(), s.URL+"/x", GetOptions{IfNoneMatch: r.ETag()})
	if err != nil || r.Status != 304 || r.Body != nil {
		t.Errorf("got %+v, %v", r, err)
	}
	if got := c.Counts(); got != (Counts{Requests: 2, Bytes: 15}) {
		t.Errorf("counted %+v", got)
	}
}

func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		status   int
		kind     fault.Kind
		code     string
		requests int64
	}{
		{400, fault.Network, "http-status", 1}, {401, fault.Auth, "auth-required", 1}, {403, fault.Auth, "auth-refused", 1},
		{404, fault.NotFound, "url-not-found", 1}, {410, fault.NotFound, "url-not-found", 1}, {418, fault.Network, "http-status", 1},
		{429, fault.Network, "rate-limited", 4}, {500, fault.Network, "http-status", 4}, {503, fault.Network, "http-status", 4},
		{204, fault.Network, "http-status", 1}, {304, fault.Network, "http-status", 1},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			if tt.status > 304 {
				fmt.Fprint(w, "<html>secret body</html>")
			}
		})
		c, _ := quick(t, Options{})
		_, err := c.Get(t.Context(), s.URL+"/p?token=hunter2", GetOptions{})
		if fault.KindOf(err) != tt.kind || !fault.IsCode(err, tt.code) || c.Counts().Requests != tt.requests {
			t.Errorf("%d: got %v of kind %s after %d requests", tt.status, err, fault.KindOf(err), c.Counts().Requests)
		}
		leaksNothing(t, err)
	}
}

func leaksNothing(t *testing.T, err error) {
	t.Helper()
	f := fault.Of(err)
	if f == nil {
		t.Fatalf("no fault: %v", err)
	}
	for _, text := range append(append([]string{f.Error()}, f.Facts...), f.Help...) {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "html") || strings.Contains(text, "\n") {
			t.Errorf("leaks in %q", text)
		}
	}
}

func TestRetries(t *testing.T) {
	var asked atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(502)
		case 3:
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "cut short")
		default:
			fmt.Fprint(w, "at last")
		}
	})
	c, pauses := quick(t, Options{Jitter: func() float64 { return 1 }})
	r, err := c.Get(t.Context(), s.URL, GetOptions{})
	if err != nil || string(r.Body) != "at last" || len(*pauses) != 3 || c.Counts().Retries != 3 {
		t.Fatalf("got %+v, %v after %v", r, err, *pauses)
	}
	if (*pauses)[0] > 500*time.Millisecond || (*pauses)[2] <= (*pauses)[0] {
		t.Errorf("pauses %v do not grow from below half a second", *pauses)
	}
	asked.Store(0)
	none, _ := quick(t, Options{Retries: -1})
	if _, err := none.Get(t.Context(), s.URL, GetOptions{}); !fault.IsCode(err, Unreachable) || asked.Load() != 1 {
		t.Errorf("without retries: %v after %d requests", err, asked.Load())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-5": 0, "999999999": time.Minute, "99999999999999999999": 0, "soon": 0, "": 0,
		"Fri, 02 Jan 2026 03:04:17 GMT": 12 * time.Second, "Fri, 02 Jan 2099 03:04:17 GMT": time.Minute, "Fri, 02 Jan 2015 03:04:17 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	var asked atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(429)
		}
	})
	c, pauses := quick(t, Options{})
	if _, err := c.Get(t.Context(), s.URL, GetOptions{}); err != nil || len(*pauses) != 1 || (*pauses)[0] != time.Minute {
		t.Errorf("paused %v: %v", *pauses, err)
	}
}

func TestSizes(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 101))
		case "/endless":
			for range 1000 {
				fmt.Fprint(w, strings.Repeat("x", 1000))
				w.(http.Flusher).Flush()
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(gzipped)
		case "/head":
			w.Header().Set("X-Long", strings.Repeat("x", 2*MaxHeader))
		default:
			fmt.Fprint(w, strings.Repeat("x", 100))
		}
	})
	c, _ := quick(t, Options{Retries: -1})
	for _, path := range []string{"/long", "/endless", "/bomb"} {
		if _, err := c.Get(t.Context(), s.URL+path, GetOptions{MaxBytes: 100}); !fault.IsCode(err, TooLarge) {
			t.Errorf("%s: %v", path, err)
		}
		err := c.Stream(t.Context(), s.URL+path, StreamOptions{MaxBytes: 5}, func(b Body) error { _, err := io.Copy(io.Discard, b); return err })
		if !fault.IsCode(err, TooLarge) {
			t.Errorf("stream of %s: %v", path, err)
		}
	}
	if _, err := c.Get(t.Context(), s.URL+"/head", GetOptions{}); !fault.IsCode(err, Unreachable) {
		t.Errorf("long head: %v", err)
	}
	if r, err := c.Get(t.Context(), s.URL, GetOptions{MaxBytes: 100}); err != nil || len(r.Body) != 100 {
		t.Errorf("just fits: %v", err)
	}
}

// gzipped are 1000 zeros.
var gzipped = []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\x18\x05\xa3\x60\x14\x0c\x77\x00\x00\x4b\x64\x0f\xac\xe8\x03\x00\x00")

func TestStreamBeginsAnew(t *testing.T) {
	var asked atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Error("a stream may be compressed on its way")
		}
		w.Header().Set("Content-Length", "10")
		if asked.Add(1) < 3 {
			fmt.Fprint(w, "01234")
			return
		}
		fmt.Fprint(w, "0123456789")
	})
	c, _ := quick(t, Options{})
	var got bytes.Buffer
	err := c.Stream(t.Context(), s.URL, StreamOptions{MaxBytes: 10}, func(b Body) error {
		got.Reset()
		_, err := io.Copy(&got, b)
		return err
	})
	if err != nil || got.String() != "0123456789" || asked.Load() != 3 {
		t.Errorf("got %q after %d: %v", got.String(), asked.Load(), err)
	}
	mine := errors.New("no more")
	if err := c.Stream(t.Context(), s.URL, StreamOptions{MaxBytes: 10}, func(Body) error { return mine }); err != mine || asked.Load() != 4 {
		t.Errorf("the sink's own error became %v after %d", err, asked.Load())
	}
}

func TestStalls(t *testing.T) {
	stop := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		flush := func(text string) { fmt.Fprint(w, text); w.(http.Flusher).Flush() }
		switch r.URL.Path {
		case "/drip":
			for range 10_000 {
				flush("x")
				select {
				case <-time.After(5 * time.Millisecond):
				case <-r.Context().Done():
					return
				}
			}
			return
		case "/middle":
			flush("begun")
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(stop) })
	c, _ := quick(t, Options{Timeout: 100 * time.Millisecond, Retries: 1})
	for _, path := range []string{"/head", "/middle", "/drip"} {
		before := c.Counts().Requests
		_, err := c.Get(t.Context(), s.URL+path, GetOptions{})
		if !fault.IsCode(err, Unreachable) || !strings.Contains(err.Error(), "stands still") || c.Counts().Requests-before != 2 {
			t.Errorf("%s: %v after %d requests", path, err, c.Counts().Requests-before)
		}
	}
	// A caller that takes its time is no stall.
	slow := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 100_000)) })
	err := c.Stream(t.Context(), slow.URL, StreamOptions{MaxBytes: 100_000}, func(b Body) error {
		if _, err := io.ReadFull(b, make([]byte, 10)); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
		_, err := io.Copy(io.Discard, b)
		return err
	})
	if err != nil {
		t.Errorf("slow caller: %v", err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	c, _ := quick(t, Options{})
	_, err := c.Get(ctx, s.URL, GetOptions{})
	if fault.KindOf(err) != fault.Cancelled || !errors.Is(err, context.Canceled) || c.Counts().Requests != 1 {
		t.Errorf("got %v after %d requests", err, c.Counts().Requests)
	}
}

func TestConnectionErrors(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	c, _ := quick(t, Options{Retries: -1})
	for target, says := range map[string]string{
		closed.URL: "connection refused", tls.URL: "unknown authority", strings.Replace(tls.URL, "https", "http", 1): "answers 400",
		"https://no-such-host.invalid/": "host",
	} {
		_, err := c.Get(t.Context(), target+"?token=hunter2", GetOptions{})
		if fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", target, err)
		}
		leaksNothing(t, err)
	}
}

func TestCAFile(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := New(Options{CAFile: file}); !fault.IsCode(err, "bad-ca-file") {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	c, _ := quick(t, Options{CAFile: file})
	if r, err := c.Get(t.Context(), s.URL, GetOptions{}); err != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	c, _ := quick(t, Options{CAFile: file})
	if r, err := c.Get(t.Context(), s.URL, GetOptions{}); err != nil || string(r.Body) != "HTTP/2.0" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestPut(t *testing.T) {
	var asked atomic.Int64
	var got []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/x", http.StatusTemporaryRedirect)
		case asked.Add(1) == 1:
			w.WriteHeader(503)
		default:
			got, _ = io.ReadAll(r.Body)
			w.WriteHeader(201)
			fmt.Fprint(w, r.Header.Get("Authorization"))
		}
	})
	c, _ := quick(t, Options{Credentials: func(origin string) string { return "Bearer for " + origin }})
	r, err := c.Put(t.Context(), s.URL+"/uploads/x", []byte("archive"), nil)
	if err != nil || r.Status != 201 || string(got) != "archive" || string(r.Body) != "Bearer for "+s.URL {
		t.Errorf("got %+v, stored %q: %v", r, got, err)
	}
	if _, err := c.Put(t.Context(), s.URL+"/moved", []byte("archive"), nil); !fault.IsCode(err, "bad-redirect") {
		t.Errorf("redirected: %v", err)
	}
}

func TestHead(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "42") })
	c, _ := quick(t, Options{})
	if size, err := c.Head(t.Context(), s.URL); size != 42 || err != nil {
		t.Errorf("got %d, %v", size, err)
	}
}

func TestPlainHTTPOnlyWhereAllowed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	world := newWorld(t, map[string]string{"plain.example:80": s.Listener.Addr().String()})
	for _, tt := range []struct {
		target string
		allow  bool
		code   string
	}{
		{s.URL, false, ""}, {strings.Replace(s.URL, "127.0.0.1", "localhost", 1), false, ""}, {"http://plain.example/", true, ""},
		{"http://plain.example/", false, "insecure-url"}, {"http://10.0.0.1/", false, "insecure-url"}, {"http://127.0.0.1.example/", false, "insecure-url"},
		{"ftp://plain.example/", true, "bad-url"}, {"file:///etc/passwd", true, "bad-url"}, {"https://user:pw@plain.example/", true, "bad-url"},
		{"//plain.example", true, "bad-url"}, {"", true, "bad-url"},
	} {
		o := world.options()
		o.AllowInsecure = func(origin string) bool { return tt.allow && origin == "http://plain.example" }
		c, _ := quick(t, o)
		_, err := c.Get(t.Context(), tt.target, GetOptions{})
		if tt.code == "" && err != nil || tt.code != "" && !fault.IsCode(err, tt.code) {
			t.Errorf("%q, allowed %v: %v", tt.target, tt.allow, err)
		}
	}
}

// world maps names of hosts that do not exist to servers on this machine.
type world struct {
	servers map[string]string // host:port -> address
	inside  map[string]string // host -> what the name system says; others are public

	mu     sync.Mutex
	dialed []string
}

func newWorld(t testing.TB, servers map[string]string) *world {
	t.Helper()
	return &world{servers: servers, inside: map[string]string{}}
}

func (w *world) options() Options {
	return Options{
		AllowInsecure: func(string) bool { return true },
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if addr, ok := w.inside[host]; ok {
				return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr(addr)}, nil
			}
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			w.mu.Lock()
			w.dialed = append(w.dialed, address)
			w.mu.Unlock()
			if to, ok := w.servers[address]; ok {
				address = to
			}
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
}

func TestRedirectTargets(t *testing.T) {
	var location string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/go" {
			w.Header().Set("Location", location)
			w.WriteHeader(302)
			return
		}
		fmt.Fprint(w, "arrived")
	})
	here := s.Listener.Addr().String()
	w := newWorld(t, map[string]string{"a.example:80": here, "b.example:80": here, "rebind.example:80": here})
	w.inside["rebind.example"] = "10.1.2.3"
	for _, tt := range []struct {
		from, to string
		ok       bool
	}{
		{"http://a.example/go", "http://b.example/x", true},
		{"http://a.example/go", "/x", true},
		{"http://a.example/go", "file:///etc/passwd", false},
		{"http://a.example/go", "ftp://b.example/x", false},
		{"http://a.example/go", "http://" + here + "/x", false},
		{"http://a.example/go", "http://localhost/x", false},
		{"http://a.example/go", "http://[::1]/x", false},
		{"http://a.example/go", "http://[::ffff:127.0.0.1]/x", false},
		{"http://a.example/go", "http://[64:ff9b::7f00:1]/x", false},
		{"http://a.example/go", "http://169.254.169.254/latest/meta-data/", false},
		{"http://a.example/go", "http://192.168.1.1/x", false},
		{"http://a.example/go", "http://100.100.100.200/x", false},
		{"http://a.example/go", "http://0.0.0.0/x", false},
		{"http://a.example/go", "http://rebind.example/x", false},
		{"http://a.example/go", "http://user:hunter2@b.example/x", false},
		{"http://a.example/go", "http://b.example\\@c.example/x", false},
		{"http://" + here + "/go", "http://localhost:" + here[strings.LastIndex(here, ":")+1:] + "/x", true},
	} {
		location = tt.to
		c, _ := quick(t, w.options())
		r, err := c.Get(t.Context(), tt.from, GetOptions{})
		switch {
		case tt.ok && (err != nil || string(r.Body) != "arrived"):
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		case !tt.ok && fault.KindOf(err) != fault.Network:
			t.Errorf("%s to %s was followed: %v", tt.from, tt.to, err)
		case !tt.ok:
			leaksNothing(t, err)
		}
	}
}

func TestRedirectDowngradeAndLoop(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "arrived") })
	var hops atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		to := plain.URL
		if r.URL.Path == "/loop" {
			to = "/loop"
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	c, _ := quick(t, Options{CAFile: file, AllowInsecure: func(string) bool { return true }})
	if _, err := c.Get(t.Context(), s.URL, GetOptions{}); !fault.IsCode(err, "bad-redirect") || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("downgrade: %v", err)
	}
	hops.Store(0)
	if _, err := c.Get(t.Context(), s.URL+"/loop", GetOptions{}); !fault.IsCode(err, "bad-redirect") || hops.Load() != MaxRedirects+1 {
		t.Errorf("loop: %v after %d", err, hops.Load())
	}
}

func TestTokensStayAtTheirOrigin(t *testing.T) {
	var mu sync.Mutex
	got := map[string]string{} // host and path -> Authorization and Referer
	var routes map[string]string
	handler := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got[r.Host+r.URL.Path] = r.Header.Get("Authorization") + r.Header.Get("Referer") + r.Header.Get("Cookie")
		mu.Unlock()
		if to, ok := routes[r.Host+r.URL.Path]; ok {
			http.Redirect(w, r, to, http.StatusFound)
		}
	}
	one, two := serve(t, handler), serve(t, handler)
	host1, host2 := one.Listener.Addr().String(), two.Listener.Addr().String()
	routes = map[string]string{
		host1 + "/same":  one.URL + "/end",
		host1 + "/port":  two.URL + "/end?x", // the same host, another port
		host1 + "/there": two.URL + "/back",
		host2 + "/back":  one.URL + "/again",
	}
	for name, o := range map[string]Options{
		"from the options": {Credentials: func(origin string) string {
			if origin == one.URL {
				return "Bearer hunter2"
			}
			return ""
		}},
		"for every origin": {Credentials: func(string) string { return "Bearer hunter2" }},
	} {
		clear(got)
		c, _ := quick(t, o)
		for _, path := range []string{"/same", "/port", "/there"} {
			if _, err := c.Get(t.Context(), one.URL+path, GetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]string{
			host1 + "/same": "Bearer hunter2", host1 + "/end": "Bearer hunter2", host1 + "/port": "Bearer hunter2", host2 + "/end": "",
			host1 + "/there": "Bearer hunter2", host2 + "/back": "", host1 + "/again": "",
		}
		for at, value := range want {
			if got[at] != value {
				t.Errorf("%s: %s got %q, want %q", name, at, got[at], value)
			}
		}
	}
	// The same holds for a header that the caller set.
	clear(got)
	c, _ := quick(t, Options{})
	if _, err := c.Get(t.Context(), one.URL+"/port", GetOptions{Header: http.Header{"Authorization": {"Bearer hunter2"}, "Cookie": {"hunter2"}}}); err != nil {
		t.Fatal(err)
	}
	if got[host1+"/port"] != "Bearer hunter2hunter2" || got[host2+"/end"] != "" {
		t.Errorf("got %v", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	var now, most atomic.Int64
	all := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		if n := now.Add(1); n == 64 {
			most.Store(n)
			close(all)
		}
		<-all
	})
	c, _ := quick(t, Options{Timeout: time.Minute})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := c.Get(t.Context(), s.URL, GetOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 64 {
		t.Errorf("only %d requests at once", now.Load())
	}
}

// Bodies of every length around the sizes of buffers come whole, with and without a length in the head, and one byte more than
// allowed is too much.
func TestBodies(t *testing.T) {
	for _, size := range []int{0, 1, 8<<10 - 1, 8 << 10, 8<<10 + 1, smallBody - 1, smallBody, smallBody + 1, maxChunk, 3*maxChunk + 5} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for _, said := range []bool{true, false} {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if said {
					w.Header().Set("Content-Length", fmt.Sprint(size))
				} else {
					w.(http.Flusher).Flush()
				}
				_, _ = w.Write(content)
			})
			c, _ := quick(t, Options{})
			if r, err := c.Get(t.Context(), s.URL, GetOptions{MaxBytes: int64(max(size, 1))}); err != nil || !bytes.Equal(r.Body, content) {
				t.Errorf("%d bytes, length said %v: %v", size, said, err)
			}
			if size < 2 {
				continue
			}
			if _, err := c.Get(t.Context(), s.URL, GetOptions{MaxBytes: int64(size - 1)}); !fault.IsCode(err, TooLarge) {
				t.Errorf("%d bytes where one less is allowed: %v", size, err)
			}
		}
	}
}

// Long bodies wait for each other and all arrive, also when one of them breaks off or its reader goes away.
func TestLongBodiesTakeTurns(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 4*smallBody)
	begun := make(chan struct{}, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = w.Write(content[:2*smallBody])
		w.(http.Flusher).Flush()
		switch r.URL.Path {
		case "/breaks":
			panic(http.ErrAbortHandler)
		case "/hangs":
			begun <- struct{}{}
			<-r.Context().Done()
		default:
			_, _ = w.Write(content[2*smallBody:])
		}
	})
	c, _ := quick(t, Options{Retries: -1})
	ctx, cancel := context.WithCancel(t.Context())
	var gets sync.WaitGroup
	gets.Go(func() {
		if _, err := c.Get(ctx, s.URL+"/hangs", GetOptions{MaxBytes: 1 << 30}); fault.KindOf(err) != fault.Cancelled {
			t.Errorf("given up: %v", err)
		}
	})
	<-begun
	for i := range 8 {
		gets.Go(func() {
			path := map[bool]string{true: "/breaks", false: "/whole"}[i%2 == 0]
			r, err := c.Get(t.Context(), s.URL+path, GetOptions{MaxBytes: 1 << 30})
			if (err != nil) != (path == "/breaks") || err == nil && !bytes.Equal(r.Body, content) {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
	cancel()
	gets.Wait()
}

// A host to which another redirects is named by what fails there, and so is who has led there.
func TestErrorsBehindARedirectNameBoth(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	at := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	there := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "cut short")
		case r.URL.Path == "/long":
			fmt.Fprint(w, strings.Repeat("x", 1<<12))
		case r.URL.Path == "/hang":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	var to string
	here := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	for _, tt := range []struct{ to, host, says string }{
		{"https://evil.invalid/x?token=hunter2", "evil.invalid", "host"},
		{closed.URL + "/x", at(closed), "connection refused"},
		{there.URL + "/gone", at(there), "answers 404"},
		{there.URL + "/cut", at(there), "cut short"},
		{there.URL + "/long", at(there), "sends more than 1024 bytes"},
		{there.URL + "/hang", at(there), "stands still"},
	} {
		to = tt.to
		o := Options{Retries: -1}
		if tt.says == "stands still" {
			o.Timeout = 100 * time.Millisecond
		}
		c, _ := quick(t, o)
		for name, ask := range map[string]func() error{
			"get": func() error { _, err := c.Get(t.Context(), here.URL+"/a", GetOptions{MaxBytes: 1 << 10}); return err },
			"stream": func() error {
				return c.Stream(t.Context(), here.URL+"/a", StreamOptions{MaxBytes: 1 << 10}, into(new(bytes.Buffer)))
			},
			"plain": func() error {
				resp, err := c.HTTP().Get(here.URL + "/a")
				if err != nil {
					return Explain(t.Context(), here.URL+"/a", err)
				}
				resp.Body.Close()
				return nil
			},
		} {
			err := ask()
			if err == nil && name == "plain" {
				continue // an answer is none of its errors
			}
			if want := tt.host + " (to which " + at(here) + " redirects)"; !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("%s to %s: %v", name, tt.to, err)
			}
			if facts := fault.Of(err).Facts; !slices.Equal(facts, []string{"url " + Redact(tt.to)}) {
				t.Errorf("%s to %s: %q", name, tt.to, facts)
			}
			leaksNothing(t, err)
		}
	}
	c, _ := quick(t, Options{})
	to = "http://plain.invalid/x"
	if _, err := c.Get(t.Context(), here.URL+"/a", GetOptions{}); !fault.IsCode(err, "insecure-url") || !slices.Contains(fault.Of(err).Facts, here.URL+"/a redirects there") {
		t.Errorf("to a host that is not encrypted: %v", err)
	}
}

// What stands in for the system's authorities and has none is named at once where a host's authority is unknown. Where it is
// known all the same, and without TLS, nobody looks.
func TestAuthoritiesOfTheEnvironment(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's authorities are not files")
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	t.Cleanup(s.Close)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good/ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	text := file("bad/text", "root:x:0:0\n")
	broken := file("bad/broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for _, tt := range []struct {
		file, dirs, named string // named is what the error names, "" where there is none
	}{
		{"", "", ""},
		{good, "", ""},
		{good, "/no/such", `folder of certificate authorities "/no/such"`},
		{os.DevNull, "", ""}, // can be read but once
		{"/no/such", "", `file of certificate authorities "/no/such"`},
		{text, "", text},
		{broken, filepath.Dir(good), broken},
		{dir, "", dir},
		{"", filepath.Dir(good), ""},
		{"", "/no/such" + string(filepath.ListSeparator) + filepath.Dir(good), ""},
		{"", "/no/such", `folder of certificate authorities "/no/such"`},
		{"", filepath.Dir(text), filepath.Dir(text)},
	} {
		t.Setenv("SSL_CERT_FILE", tt.file)
		t.Setenv("SSL_CERT_DIR", tt.dirs)
		c, _ := quick(t, Options{})
		if _, err := c.Get(t.Context(), plain.URL, GetOptions{}); err != nil {
			t.Errorf("%+v, without TLS: %v", tt, err)
		}
		known, _ := quick(t, Options{CAFile: good})
		if _, err := known.Get(t.Context(), s.URL, GetOptions{}); err != nil {
			t.Errorf("%+v, of a known authority: %v", tt, err)
		}
		_, err := c.Get(t.Context(), s.URL, GetOptions{})
		switch bad := fault.IsCode(err, "bad-ca-file"); {
		case bad != (tt.named != ""), bad && !strings.Contains(err.Error(), tt.named), bad && c.Counts().Retries > 0:
			t.Errorf("%+v: %v after %d retries", tt, err, c.Counts().Retries)
		}
	}
}
