package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// TestTokens: tokens are made, listed and taken back, and only the making shows one.
func TestTokens(t *testing.T) {
	r := sitetest.New(t)
	first, stderr, _ := call(t, "token", "add", r.Dir, "ada")
	if strings.Contains(stderr, "keeps the token") {
		t.Error(stderr)
	}
	second, stderr, _ := call(t, "token", "add", r.Dir, "ada")
	third, _, _ := call(t, "token", "add", r.Dir, "bob")
	if !strings.Contains(stderr, "ada keeps the token of ") {
		t.Errorf("a second token without a word: %q", stderr)
	}
	listed, stderr, code := call(t, "token", "list", r.Dir, "--format", "json")
	var doc struct {
		Schema string
		Tokens []site.Token
	}
	if err := json.Unmarshal([]byte(listed), &doc); err != nil || code != 0 || doc.Schema != "gal-registry/token-list/v1" || len(doc.Tokens) < 3 || doc.Tokens[1].Name != "ada" {
		t.Fatalf("%d %v %q %q", code, err, listed, stderr)
	}
	text, _, _ := call(t, "token", "list", r.Dir)
	for _, token := range []string{first, second, third} {
		if strings.Contains(listed+text+stderr, strings.TrimSpace(token)) {
			t.Error("a list shows a token")
		}
	}
	for _, test := range []struct {
		args         string
		code         int
		stdout, said string
		left         string // whose tokens are good afterwards
	}{
		{"ada --id " + doc.Tokens[0].ID, 0, "", "1 token of ada taken back", "ada bob"},
		{"ada --id " + doc.Tokens[0].ID, 5, "", "help: gal-registry token list", "ada bob"},
		{"bob --id " + doc.Tokens[1].ID, 5, "", "error[token-unknown]", "ada bob"},
		{"ada --id ab", 2, "", "error[usage]", "ada bob"},
		{"ada --format json", 0, `"name": "ada"`, "1 token of ada taken back", "bob"},
		{"ada", 5, "", "error[token-unknown]: there is no token of that name: ada", "bob"},
	} {
		stdout, stderr, code := call(t, append([]string{"token", "remove", r.Dir}, strings.Fields(test.args)...)...)
		if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.said) {
			t.Errorf("%s: %d %q %q", test.args, code, stdout, stderr)
		}
		if left := whoMay(r, first, second, third); left != test.left {
			t.Errorf("%s: tokens of %q are good, not %q", test.args, left, test.left)
		}
	}
}

// whoMay lists whose of some tokens the registry takes.
func whoMay(r *sitetest.Registry, tokens ...string) string {
	var users []string
	for _, token := range tokens {
		request := &http.Request{Header: http.Header{"Authorization": {"Bearer " + strings.TrimSpace(token)}}}
		if user, ok := r.Authenticate(request); ok {
			users = append(users, user)
		}
	}
	return strings.Join(users, " ")
}
