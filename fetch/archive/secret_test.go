package archive

import (
	"fmt"
	"testing"
)

func TestSecrets(t *testing.T) {
	const private, public = "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n"
	for _, tt := range []struct {
		path, data string
		include    []string
		want       string
	}{
		{".env", "x", nil, "secret"},
		{"deploy/.env.production", "x", nil, "secret"},
		{".env.json", "x", nil, "secret"},
		{".envrc", "x", nil, "secret"},
		{".env.example", "x", nil, ""},
		{"env.gal", "x", nil, ""},
		{"keys/id_rsa", "x", nil, "secret"},
		{"keys/ID_ED25519", "x", nil, "secret"},
		{"id_ed25519.pub", "ssh-ed25519 x", nil, ""},
		{"server.pem", "x", nil, "secret"},
		{"server.pem", public, nil, ""},
		{"server.pem", public + private, nil, "private-key"},
		{"server.key", "x", nil, "secret"},
		{"store.p12", "x", nil, "secret"},
		{"credentials.toml", "x", nil, "secret"},
		{".credentials", "x", nil, "secret"},
		{"credentials-prod.json", "x", nil, "secret"},
		{"src/credentials.gal", "x", nil, ""},
		{"docs/credentials.md", "x", nil, ""},
		{".npmrc", "x", nil, "secret"},
		{".netrc", "x", nil, "secret"},
		{"home/.aws/config", "x", nil, "secret"},
		{".ssh/known_hosts", "x", nil, "secret"},
		{"README.md", private, nil, "private-key"},
		{"README.md", "a file with `-----BEGIN PRIVATE KEY-----`", nil, ""},
		// What include names one by one is meant; a key never is.
		{"tests/credentials.toml", "x", []string{"/tests/credentials.toml"}, ""},
		{"tests/credentials.toml", "x", []string{"credentials.toml"}, ""},
		{"tests/credentials.toml", "x", []string{"tests"}, "secret"},
		{"tests/credentials.toml", "x", []string{"tests/*.toml"}, "secret"},
		{"tests/credentials.toml", "x", []string{"!credentials.toml"}, "secret"},
		{"tests/server.pem", private, []string{"tests/server.pem"}, "private-key"},
	} {
		got := ""
		for _, p := range Secrets([]File{{Path: tt.path, Data: []byte(tt.data)}}, tt.include) {
			got += p.Code
			if !p.Fatal || p.Path != tt.path {
				t.Errorf("%v", p)
			}
		}
		if got != tt.want {
			t.Errorf("%s %.20q %q: got %q, want %q", tt.path, tt.data, tt.include, got, tt.want)
		}
	}
}

func TestCollectRefusesSecretsAndLeavesLitter(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"gal.toml": "x", "src/lib.gal": "x", ".env": "x", "ignored/id_rsa": "x", ".gitignore": "ignored\n", "node_modules/z/index.js": "x", "src/a.swp": "x",
		".DS_Store": "x", "lib.gal~": "x", "vendor/r.test/registry.toml": "x", "vendor/r.test/packages/p": "x", "vendor/r.test/shards/s": "x", "vendor/notes": "x",
		"tests/registry.toml": "x",
	})
	for _, tt := range []struct {
		include        []string
		want, problems string
	}{
		{nil, ".gitignore gal.toml src/lib.gal tests/registry.toml vendor/notes", "[.env secret]"},
		{[]string{"src"}, "gal.toml src/lib.gal", "[]"},
		{[]string{".env", "src/*"}, ".env gal.toml src/lib.gal", "[]"},
		{[]string{"ignored"}, "gal.toml", "[ignored/id_rsa secret]"},
		{[]string{"src/a.swp", "node_modules/z"}, "gal.toml node_modules/z/index.js src/a.swp", "[]"},
		{[]string{"node_modules/*", "src/*.swp", "vendor"}, "gal.toml vendor/notes", "[]"},
		{[]string{"vendor/r.test"}, "gal.toml vendor/r.test/packages/p vendor/r.test/registry.toml vendor/r.test/shards/s", "[]"},
	} {
		got, problems := collect(t, dir, CollectOptions{Include: tt.include})
		var codes []string
		for _, p := range problems {
			codes = append(codes, p.Path+" "+p.Code)
		}
		if got != tt.want || fmt.Sprint(codes) != tt.problems {
			t.Errorf("%q:\ngot  %s %v\nwant %s %s", tt.include, got, codes, tt.want, tt.problems)
		}
	}
}
