package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/internal/settings"
	"github.com/geeknik/gal-pkg/internal/web"
)

// told returns the findings, a line each.
func (r *Report) told() string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, string(f.Level)+" "+f.What)
	}
	return strings.Join(lines, "\n")
}

func (r *Report) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, line := range want {
		if !strings.Contains("\n"+r.told(), "\n"+line) {
			t.Errorf("no finding begins %q in\n%s", line, r.told())
		}
	}
}

func probe(t *testing.T, handler http.HandlerFunc, now func() time.Time) *Report {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := web.New(web.Options{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	prober{r.area("host"), client, now}.static(t.Context(), server.URL+"/registry.toml")
	return &r
}

func TestGoodHost(t *testing.T) {
	r := probe(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if strings.Contains(req.Header.Get("Accept-Encoding"), "zstd") {
			w.Header().Set("Content-Encoding", "zstd")
		}
		http.ServeContent(w, req, "", time.Time{}, strings.NewReader("id"))
	}, time.Now)
	r.expect(t, "ok answers in ", "ok this machine's clock is right", "ok compresses files (zstd)", "ok says when a file has not changed", "ok sends parts of files")
	if r.Count(OK) != len(r.Findings) {
		t.Errorf("not all is well:\n%s", r.told())
	}
}

func TestPlainHost(t *testing.T) {
	long := strings.Repeat("x", worthPacking)
	r := probe(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, long) }, time.Now)
	r.expect(t, "warn does not compress files", "warn sends no ETag", "warn does not send parts of files")
	r = probe(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"x"`); fmt.Fprint(w, "short") }, time.Now)
	r.expect(t, "warn sends an ETag, and answers with the whole file all the same")
	if strings.Contains(r.told(), "compress") {
		t.Errorf("a short file need not be compressed:\n%s", r.told())
	}
	r = probe(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, time.Now)
	r.expect(t, "fail http://127.0.0.1")
}

func TestClock(t *testing.T) {
	for _, row := range []struct {
		ahead time.Duration
		want  string
	}{
		{0, "ok this machine's clock is right"}, {-time.Minute, "ok this machine's clock is right"},
		{10 * time.Minute, "warn this machine's clock is 10m"}, {-3 * time.Hour, "warn this machine's clock is "}, {48 * time.Hour, "fail this machine's clock is "},
	} {
		r := probe(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-row.ahead).Truncate(time.Second).UTC().Format(http.TimeFormat))
		}, time.Now)
		r.expect(t, row.want)
	}
}

func TestCertificate(t *testing.T) {
	for left, want := range map[time.Duration]string{3*24*time.Hour + time.Hour: "warn its certificate is valid for 3 more days", 90 * 24 * time.Hour: "ok its certificate is valid for "} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{certificateFor(t, left)}}
		server.StartTLS()
		t.Cleanup(server.Close)
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
			t.Fatal(err)
		}
		client, err := web.New(web.Options{Retries: -1, CAFile: file})
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		prober{r.area("host"), client, time.Now}.static(t.Context(), server.URL+"/registry.toml")
		r.expect(t, want)
	}
}

func certificateFor(t *testing.T, left time.Duration) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	client, err := web.New(web.Options{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	prober{r.area("host"), client, time.Now}.static(t.Context(), server.URL+"/registry.toml?token=hunter2")
	r.expect(t, "fail cannot reach 127.0.0.1")
	if strings.Contains(r.told(), "hunter2") || r.Count(Fail) != 1 {
		t.Errorf("%s", r.told())
	}
}

func TestGitHost(t *testing.T) {
	for answer, want := range map[string]string{
		"000eversion 2\n0013fetch=filter": "ok speaks git's protocol v2", "000eversion 2\nfetch=shallow": "warn has no filters", "001e# service=git-upload-pack": "warn speaks git's protocol v0",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/index.git/info/refs" || r.Header.Get("Git-Protocol") != "version=2" {
				t.Errorf("asked for %s with %q", r.URL, r.Header)
			}
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(server.Close)
		client, err := web.New(web.Options{Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		prober{r.area("host"), client, time.Now}.git(t.Context(), server.URL+"/index.git")
		r.expect(t, want)
	}
}

func TestFilesAndCache(t *testing.T) {
	dir := t.TempDir()
	dirs := settings.Dirs{Config: filepath.Join(dir, "config"), Cache: filepath.Join(dir, "cache"), State: filepath.Join(dir, "not", "yet")}
	if err := os.MkdirAll(filepath.Join(dirs.Config, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"credentials.toml": 0o600, "keys/open.pem": 0o644, "keys/good.pem": 0o600} {
		file := filepath.Join(dirs.Config, name)
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	var r Report
	r.Files(dirs, filepath.Join(dir, "nowhere.pem"))
	r.expect(t, "ok configuration: ", "ok state: ", "ok "+filepath.Join(dirs.Config, "credentials.toml"), "ok "+filepath.Join(dirs.Config, "keys", "good.pem"))
	if filepath.Separator == '/' {
		r.expect(t, "fail "+filepath.Join(dirs.Config, "keys", "open.pem")+" has mode 0644")
	}
	r.Cache(dirs.Cache)
	r.expect(t, "ok "+dirs.Cache+": 0 archives", "ok can be written to")
	left, err := filepath.Glob(filepath.Join(dir, "*", "*", ".*doctor*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.Cache(file)
	r.expect(t, "fail the cache folder")
}
