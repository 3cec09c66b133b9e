package nginx_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/needs"
	"github.com/geeknik/gal-pkg/tools/bench/nginx"
)

// It serves a folder over HTTP/2, compressed, and counts what it sends.
func TestServer(t *testing.T) {
	program := needs.Program(t, "nginx", "nginx-light")
	dir, public := t.TempDir(), t.TempDir()
	text := strings.Repeat("the same line\n", 1000)
	if err := os.WriteFile(filepath.Join(public, "list"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := nginx.Start(t.Context(), program, dir, map[string]string{"files": public})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	for range 3 {
		resp, err := client.Get(s.URL + "/files/list")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(data) != text || resp.ProtoMajor != 2 {
			t.Errorf("%d bytes over %s, %v", len(data), resp.Proto, err)
		}
	}
	if c := s.Reset(); c.Requests != 3 || c.Sent < 300 || c.Sent > int64(len(text)) {
		t.Errorf("%+v", c)
	}
	if c := s.Reset(); c.Requests != 0 || c.Sent != 0 {
		t.Errorf("%+v", c)
	}
}
