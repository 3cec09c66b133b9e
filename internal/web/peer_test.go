package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/geeknik/gal-pkg/internal/fault"
)

// identity writes a new certificate with its key and returns the file.
func identity(t testing.TB, validFor time.Duration) (file string, certificate tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(validFor), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	file = filepath.Join(t.TempDir(), "identity.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, err = tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	return file, certificate
}

// secure serves over TLS with a certificate and notes whether clients show theirs.
func secure(t testing.TB, certificate tls.Certificate, ask tls.ClientAuthType, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: ask}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestClientCertificate(t *testing.T) {
	hostFile, hostCertificate := identity(t, time.Hour)
	mine, _ := identity(t, time.Hour)
	var shown atomic.Int64
	note := func(_ http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			shown.Add(1)
		}
	}
	other := secure(t, hostCertificate, tls.RequestClientCert, note)
	home := secure(t, hostCertificate, tls.RequireAnyClientCert, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		note(w, r)
	})
	without, _ := quick(t, Options{CAFile: hostFile})
	if _, err := without.Get(t.Context(), home.URL, GetOptions{}); !fault.IsCode(err, "client-certificate") || !strings.Contains(err.Error(), "asks for a client certificate") {
		t.Errorf("without a certificate: %v", err)
	}
	if n := without.Counts().Requests; n != 1 {
		t.Errorf("asked %d times for what cannot be had", n)
	}
	c, _ := quick(t, Options{CAFile: hostFile, Identity: Identity{Origin: home.URL, CertFile: mine}})
	for path, want := range map[string]int64{home.URL: 1, other.URL: 0, home.URL + "/away": 0} {
		shown.Store(0)
		if _, err := c.Get(t.Context(), path, GetOptions{}); err != nil || shown.Load() != want {
			t.Errorf("%s saw %d certificates, not %d: %v", path, shown.Load(), want, err)
		}
	}
	for _, bad := range []Identity{{Origin: home.URL, CertFile: "/no/such"}, {Origin: home.URL, CertFile: mine, KeyFile: hostFile}} {
		if _, err := New(Options{Identity: bad}); !fault.IsCode(err, "bad-client-certificate") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A proxy that is itself reached over TLS may ask for a certificate as well, and gets none, whether it opens a tunnel or not.
func TestProxySeesNoClientCertificate(t *testing.T) {
	hostFile, hostCertificate := identity(t, time.Hour)
	mine, _ := identity(t, time.Hour)
	home := secure(t, hostCertificate, tls.RequireAnyClientCert, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, len(r.TLS.PeerCertificates))
	})
	var tunnels, shown atomic.Int64
	proxy := secure(t, hostCertificate, tls.RequestClientCert, func(w http.ResponseWriter, r *http.Request) {
		shown.Add(int64(len(r.TLS.PeerCertificates)))
		if r.Host != home.Listener.Addr().String() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		tunnels.Add(1)
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer there.Close()
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, buffered) }()
		_, _ = io.Copy(here, there)
	})
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{home.URL, "https://127.0.0.1:1"} {
		c, _ := quick(t, Options{
			CAFile: hostFile, Identity: Identity{Origin: target, CertFile: mine}, Retries: -1,
			Proxy: func(*http.Request) (*url.URL, error) { return at, nil },
		})
		r, err := c.Get(t.Context(), target, GetOptions{})
		if target == home.URL && (err != nil || string(r.Body) != "1" || r.URL != home.URL+"/") || target != home.URL && !strings.Contains(fmt.Sprint(err), "answers 502") {
			t.Errorf("%s: got %+v, %v", target, r, err)
		}
		c.http.CloseIdleConnections()
	}
	if tunnels.Load() != 1 || shown.Load() != 0 {
		t.Errorf("%d tunnels, and the proxy saw %d certificates", tunnels.Load(), shown.Load())
	}
}

// A host that knows its clients says what it does not like of one that it does not know, in every version of TLS.
func TestRefusedClientCertificate(t *testing.T) {
	hostFile, hostCertificate := identity(t, time.Hour)
	known, _ := identity(t, time.Hour)
	stranger, _ := identity(t, time.Hour)
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(text)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, h2 := range []bool{false, true} {
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome") }))
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.EnableHTTP2 = h2
			s.TLS = &tls.Config{Certificates: []tls.Certificate{hostCertificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MaxVersion: version}
			s.StartTLS()
			t.Cleanup(s.Close)
			for _, tt := range []struct{ file, says string }{{known, ""}, {stranger, "does not take our client certificate: it says "}, {"", ""}} {
				o := Options{CAFile: hostFile}
				if tt.file == "" && version == tls.VersionTLS12 {
					continue // there the host says no more than "handshake failure", as for much else
				}
				if tt.file != "" {
					o.Identity = Identity{Origin: s.URL, CertFile: tt.file}
				}
				c, _ := quick(t, o)
				r, err := c.Get(t.Context(), s.URL, GetOptions{})
				switch {
				case tt.file == known && (err != nil || string(r.Body) != "welcome"):
					t.Errorf("%x: a known client: %v", version, err)
				case h2 && version == tls.VersionTLS13 && tt.file != known && fault.KindOf(err) == fault.Network:
					// The host's alert comes behind the handshake, and the end of the connection may overtake it.
				case tt.file != known && (fault.KindOf(err) != fault.Auth || !fault.IsCode(err, "client-certificate") || !strings.Contains(err.Error(), tt.says)):
					t.Errorf("%x, h2 %v: %q: %v", version, h2, tt.file, err)
				}
			}
		}
	}
}

// What is wrong with the files is said in words.
func TestBadClientCertificates(t *testing.T) {
	good, _ := identity(t, time.Hour)
	other, _ := identity(t, time.Hour)
	old, _ := identity(t, -24*time.Hour)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, _ := strings.Cut(string(text), "-----BEGIN PRIVATE KEY-----")
	locked := write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	for _, tt := range []struct{ cert, key, says string }{
		{filepath.Join(dir, "none"), good, "no such file"}, {good, filepath.Join(dir, "none"), "no such file"},
		{good, other, "private key does not match public key"}, {old, "", "it has expired on "}, {good, locked, "its key is encrypted"},
		{write("cert", certificate), "", "there is no private key in"}, {write("text", "hello"), good, "there is no certificate in it"},
		{write("long", strings.Repeat(" ", maxPEM+1)), good, "is longer than 1048576 bytes"}, {good, dir, "is not a regular file"},
	} {
		_, err := New(Options{Identity: Identity{Origin: "https://registry.example", CertFile: tt.cert, KeyFile: tt.key}})
		if !fault.IsCode(err, "bad-client-certificate") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s with %s: %v", tt.cert, tt.key, err)
		}
	}
}

func TestExpiredCertificate(t *testing.T) {
	file, certificate := identity(t, -24*time.Hour)
	s := secure(t, certificate, tls.NoClientCert, func(http.ResponseWriter, *http.Request) {})
	c, _ := quick(t, Options{CAFile: file})
	if _, err := c.Get(t.Context(), s.URL, GetOptions{}); fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("got %v", err)
	}
}

func TestProxy(t *testing.T) {
	through := func(address string) Options {
		return Options{
			AllowInsecure: func(string) bool { return true }, Retries: -1,
			Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(address) },
		}
	}
	refusing := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })
	lost := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	dead := httptest.NewServer(nil)
	dead.Close()
	over := make(chan struct{})
	hanging := serve(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	for _, tt := range []struct{ proxy, target, code, says string }{
		{refusing.URL, "http://registry.example/x", "proxy-auth", "the proxy " + refusing.Listener.Addr().String() + " asks for credentials"},
		{refusing.URL, "https://registry.example/x", "proxy-auth", "the proxy " + refusing.Listener.Addr().String() + " asks for credentials"},
		{strings.Replace(refusing.URL, "//", "//user:hunter2@", 1), "https://registry.example/x", "proxy-auth", "the proxy " + refusing.Listener.Addr().String() + " refuses the credentials"},
		{lost.URL, "https://registry.example/x", Unreachable, "the proxy " + lost.Listener.Addr().String() + " does not lead there: it answers 502"},
		{dead.URL, "https://registry.example/x", Unreachable, "cannot reach registry.example: its proxy " + dead.Listener.Addr().String() + " cannot be used: connection refused"},
		{strings.Replace(dead.URL, "//", "//user:hunter2@", 1), "http://registry.example/x", Unreachable, "its proxy " + dead.Listener.Addr().String() + " cannot be used"},
		{hanging.URL, "https://registry.example/x", Unreachable, "stands still (through the proxy " + hanging.Listener.Addr().String() + ")"},
		{hanging.URL, "http://registry.example/x", Unreachable, "stands still (through the proxy " + hanging.Listener.Addr().String() + ")"},
	} {
		o := through(tt.proxy)
		if tt.proxy == hanging.URL {
			o.Timeout = 100 * time.Millisecond
		}
		c, _ := quick(t, o)
		_, err := c.Get(t.Context(), tt.target, GetOptions{})
		if !fault.IsCode(err, tt.code) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s through %s: %v", tt.target, tt.proxy, err)
		}
		leaksNothing(t, err)
	}
	working := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL, r.Header.Get("Proxy-Authorization"))
	})
	c, _ := quick(t, through(strings.Replace(working.URL, "//", "//user:pw@", 1)))
	if r, err := c.Get(t.Context(), "http://registry.example/x", GetOptions{}); err != nil || string(r.Body) != "http://registry.example/xBasic dXNlcjpwdw==" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestProxiesOfTheEnvironment holds which variable is for what, and that one which cannot be meant is not passed over.
func TestProxiesOfTheEnvironment(t *testing.T) {
	for _, tt := range []struct {
		env    string // NAME=value, apart by spaces
		target string
		proxy  string // "" for none; with ! the variable that is refused
	}{
		{"", "https://a.example/", ""},
		{"HTTPS_PROXY=http://p:1", "https://a.example/", "http://p:1"},
		{"HTTPS_PROXY=http://p:1", "http://a.example/", ""},
		{"HTTPS_PROXY=p:1 HTTP_PROXY=q", "http://a.example/", "http://q"},
		{"HTTPS_PROXY=http://p:1 https_proxy=http://q:2", "https://a.example/", "http://q:2"},
		{"ALL_PROXY=socks5://p:1080", "https://a.example/", "socks5://p:1080"},
		{"all_proxy=socks://p:1080", "http://a.example/", "socks5://p:1080"},
		{"ALL_PROXY=http://p:1 HTTP_PROXY=http://q:2", "http://a.example/", "http://q:2"},
		{"ALL_PROXY=http://p:1 HTTP_PROXY=http://q:2", "https://a.example/", "http://p:1"},
		{"ALL_PROXY=http://p:1 NO_PROXY=a.example", "https://a.example/", ""},
		{"ALL_PROXY=http://p:1", "http://127.0.0.1:80/", ""},
		{"REQUEST_METHOD=GET HTTP_PROXY=http://p:1", "http://a.example/", ""},
		{"HTTPS_PROXY=::::", "https://a.example/", "!HTTPS_PROXY"},
		{"HTTPS_PROXY=::::", "http://a.example/", ""},
		{"HTTPS_PROXY=:::: NO_PROXY=.example", "https://a.example/", ""},
		{"HTTPS_PROXY=::::", "https://localhost/", ""},
		{"https_proxy=http://", "https://a.example/", "!https_proxy"},
		{"HTTP_PROXY=http://user:hunter2@", "http://a.example/", "!HTTP_PROXY"},
		{"HTTP_PROXY=http://user:hunter2@p:port", "http://a.example/", "!HTTP_PROXY"},
		{"ALL_PROXY=gopher://p", "https://a.example/", "!ALL_PROXY"},
	} {
		env := map[string]string{}
		for _, field := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(field, "=")
			env[name] = value
		}
		r := httptest.NewRequest(http.MethodGet, tt.target, nil)
		proxy, err := fromEnvironment(func(name string) string { return env[name] })(r)
		if name, refused := strings.CutPrefix(tt.proxy, "!"); refused {
			if !fault.IsCode(err, "bad-proxy") || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: got %v, %v", tt.env, tt.target, proxy, err)
				continue
			}
			leaksNothing(t, err)
			c, _ := quick(t, Options{AllowInsecure: func(string) bool { return true }, Proxy: func(*http.Request) (*url.URL, error) { return nil, err }})
			if _, err := c.Get(t.Context(), tt.target, GetOptions{}); !fault.IsCode(err, "bad-proxy") || c.Counts().Retries > 0 {
				t.Errorf("%s, %s: %v after %d retries", tt.env, tt.target, err, c.Counts().Retries)
			}
			continue
		}
		if got := fmt.Sprint(proxy); err != nil || got != tt.proxy && (tt.proxy != "" || proxy != nil) {
			t.Errorf("%s, %s: got %v, %v", tt.env, tt.target, proxy, err)
		}
	}
}

// TestStallTakesTenSeconds runs in a bubble where the clock moves only while everybody waits, with a host that says
// nothing, or stops in the middle.
func TestStallTakesTenSeconds(t *testing.T) {
	for name, said := range map[string]string{"nothing": "", "half": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{
				Retries: -1, AllowInsecure: func(string) bool { return true }, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
				Dial: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() {
						if _, err := theirs.Read(make([]byte, 4096)); err == nil {
							_, _ = io.WriteString(theirs, said)
						}
					}()
					return ours, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = c.Get(t.Context(), "http://registry.example/", GetOptions{})
			if took := time.Since(began); took != 10*time.Second || !strings.Contains(fmt.Sprint(err), "stands still") {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			c.http.CloseIdleConnections()
		})
	}
}

// TestSilentHostIsGivenUp holds the worst case: with all attempts a host that says nothing costs at most the time that it may
// bring nothing, and one attempt more.
func TestSilentHostIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		silence, least, most time.Duration
		attempts             int64
	}{
		{0, 30 * time.Second, 40 * time.Second, 3}, // the default, which is 30 s
		{30 * time.Second, 30 * time.Second, 40 * time.Second, 3},
		{2 * time.Minute, 2 * time.Minute, 160 * time.Second, 3}, // an attempt may take 40 s
		{3 * time.Second, 3 * time.Second, 4 * time.Second, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{
				Jitter:  func() float64 { return 0.5 }, // a little more pause, and there are only two attempts in 3 s
				Silence: tt.silence, AllowInsecure: func(string) bool { return true }, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
				Dial: func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() { _, _ = io.Copy(io.Discard, theirs) }()
					return ours, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = c.Get(t.Context(), "http://registry.example/", GetOptions{})
			if took := time.Since(began); fault.KindOf(err) != fault.Network || took < tt.least || took > tt.most || c.Counts().Requests != tt.attempts {
				t.Errorf("%v: %v after %v and %d attempts", tt.silence, err, took, c.Counts().Requests)
			}
			c.http.CloseIdleConnections()
		})
	}
}

// A pause that the host asks for is no silence: it has answered.
func TestAskedPausesAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c, err := New(Options{AllowInsecure: func(string) bool { return true }, Around: func(http.RoundTripper) http.RoundTripper {
			return answering(func() (int, string) {
				if n++; n < 3 {
					return http.StatusServiceUnavailable, "45"
				}
				return http.StatusOK, ""
			})
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = c.Get(t.Context(), "http://registry.example/", GetOptions{})
		if took := time.Since(began); err != nil || took != 90*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// answering is a host that is asked without a network: for its status and its Retry-After.
type answering func() (status int, after string)

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	status, after := a()
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}
