package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/web"
)

func TestClientCertificateKeys(t *testing.T) {
	head := "[registries.x]\nurl = 'https://x.example:8443/path'\n"
	for _, tt := range []struct{ text, says string }{
		{head + "client_cert = '/c.pem'\nclient_key = '/k.pem'", ""}, {head + "client-cert = '/c.pem'", ""},
		{head + "client_key = '/k.pem'", "client_key is there without registries.x.client_cert"},
		{head + "client_cert = 'c.pem'", "is \"c.pem\", which is not an absolute path"}, {head + "client_cert = '~/c.pem'", "write the path of the folder for the ~"},
		{head + "client_cert = 1", "must be a string"},
		{"[registries.x]\nurl = '/srv'\nclient_cert = '/c.pem'", "is not https"},
		{"[registries.x]\nurl = 'http://localhost'\nclient_cert = '/c.pem'", "is not https"},
		{"[registries.x]\nurl = 'git+ssh://x.example/r'\nclient_cert = '/c.pem'", "is not https"},
		{"[registries.x]\nurl = 'git+https://x.example/r'\nclient_cert = '/c.pem'", ""},
	} {
		_, err := parseRegistries("registries.toml", []byte(tt.text))
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

// The key is a secret like the credentials, whoever holds it: in a file of its own or beside the certificate.
func TestClientKeyIsGuarded(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for _, file := range []string{cert, key} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := Registry{URL: "https://x.example:8443/path", ClientCert: cert, ClientKey: key}
	if id, err := own.Identity(); err != nil || id != (web.Identity{Origin: "https://x.example:8443", CertFile: cert, KeyFile: key}) {
		t.Errorf("got %+v: %v", id, err)
	}
	if id, err := (Registry{URL: "https://x.example"}).Identity(); err != nil || id != (web.Identity{}) {
		t.Errorf("got %+v: %v", id, err)
	}
	both := Registry{Name: "x", URL: "https://x.example", ClientCert: cert}
	if _, err := both.Identity(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := own.Identity(); !fault.IsCode(err, "bad-client-certificate") {
		t.Errorf("without its key: %v", err)
	}
	if runtime.GOOS == "windows" {
		return // where the user's folders are closed to others
	}
	if err := os.Chmod(cert, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := both.Identity(); !fault.IsCode(err, "credentials-exposed") {
		t.Errorf("for all to read: %v", err)
	}
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := own.Identity(); err != nil {
		t.Errorf("a certificate is no secret: %v", err)
	}
}
