package gitindex_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/geeknik/gal-pkg/index/gitindex"
	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func TestAddresses(t *testing.T) {
	rows := map[string]string{ // to the code of the fault, "" for none
		"git+https://example.org/a/b.git":     "",
		"git+https://example.org:8443/a":      "",
		"git+https://[2001:db8::1]/a":         "",
		"git+http://127.0.0.1:8080/a":         "",
		"git+http://[::1]/a":                  "",
		"git+http://localhost/a":              "",
		"git+ssh://git@example.org/a/b":       "",
		"git+ssh://example.org:2222/a":        "",
		"":                                    "git-url",
		"https://example.org/a":               "git-url",
		"git+git://example.org/a":             "git-url",
		"ext::sh -c touch% x":                 "git-url",
		"git+ext://sh":                        "git-url",
		"--upload-pack=x":                     "git-url",
		"git@example.org:a/b":                 "git-url",
		"git+file://relative/path":            "git-url",
		"git+ssh://-oProxyCommand=x/a":        "git-url",
		"git+ssh://-o@example.org/a":          "git-url",
		"git+ssh://example.org/-x":            "git-url",
		"git+ssh://example.org":               "git-url",
		"git+https://example.org/a/../b":      "git-url",
		"git+https://example.org/%2e%2e/b":    "git-url",
		"git+https://example.org/a%2fb":       "git-url",
		"git+https://example.org//a":          "git-url",
		"git+https://example.org./a":          "git-url",
		"git+https://exa mple.org/a":          "git-url",
		"git+https://example.org/a?x=1":       "git-url",
		"git+https://example.org/a#x":         "git-url",
		"git+https://example.org:0/a":         "git-url",
		"git+https://example.org/a\n":         "git-url",
		"git+https:///a":                      "git-url",
		"git+https://user:pass@example.org/a": "git-url-credentials",
		"git+https://token@example.org/a":     "git-url-credentials",
		"git+ssh://git:pass@example.org/a":    "git-url-credentials",
		"git+http://example.org/a":            "git-url-insecure",
		"git+http://127.0.0.1.example.org/a":  "git-url-insecure",
		"git+http://169.254.169.254/latest":   "git-url-insecure",
	}
	for url, code := range rows {
		s, err := gitindex.Open(t.TempDir(), gitindex.Options{URL: url})
		if code == "" && err != nil || code != "" && !fault.IsCode(err, code) {
			t.Errorf("%q: %v, want code %q", url, err, code)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: the error shows the password", url)
		}
		if err == nil {
			s.Close()
		}
	}
	if s, err := gitindex.Open(t.TempDir(), gitindex.Options{URL: "git+http://example.org/a", AllowInsecure: true}); err != nil {
		t.Error(err)
	} else {
		s.Close()
	}
	if _, err := gitindex.Open(t.TempDir(), gitindex.Options{URL: "git+https://example.org/a", Branch: "../x"}); err == nil {
		t.Error("branch ../x was accepted")
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestCredentials(t *testing.T) {
	repo, _ := gittest.Repo(t, "dist", index(3))
	srv := newServer(t, repo)
	rows := []struct{ user, secret, want string }{
		{"", "", ""},
		{"ada", "secret", basic("ada", "secret")},
		{"", "token", "Bearer token"},
	}
	for _, row := range rows {
		srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Header.Get("Authorization") != row.want {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
		var asked string
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Auth: func(origin string) (string, string) {
			asked = origin
			return row.user, row.secret
		}})
		refresh(t, s, true)
		fetch(t, s, index(3), name(1))
		if want := strings.TrimSuffix(strings.TrimPrefix(srv.url, "git+"), "/registry"); asked != want {
			t.Errorf("asked for the credentials of %q, want %q", asked, want)
		}
	}
	for status, code := range map[int]string{401: "git-auth-required", 403: "git-auth-refused", 404: "git-repository-not-found", 500: "git-unreachable"} {
		srv.setDoor(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "\x1b[31mhostile text", status)
		})
		s := open(t, t.TempDir(), gitindex.Options{URL: srv.url})
		if _, err := s.Refresh(t.Context()); !fault.IsCode(err, code) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: %q", status, err)
		}
	}
}

// TestUnusableServer: what is not there, or not what it should be, is told as that.
func TestUnusableServer(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<!DOCTYPE html>login")) }))
	t.Cleanup(page.Close)
	foreign := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	for url, want := range map[string]string{
		"git+http://127.0.0.1:1/r.git":  "cannot reach \"git+http://127.0.0.1:1/r.git\": connection refused",
		"git+" + page.URL + "/r.git":    "answered with a web page",
		"git+" + foreign.URL + "/r.git": "its certificate is from an unknown authority",
	} {
		s := open(t, t.TempDir(), gitindex.Options{URL: url})
		if _, err := s.Refresh(t.Context()); fault.KindOf(err) != fault.Network || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestRedirects: followed on the first request only, without the credentials once the origin is another, and never to a
// weaker place. (Ports make two origins on one host.)
func TestRedirects(t *testing.T) {
	repo, _ := gittest.Repo(t, "dist", index(3))
	srv := newServer(t, repo)
	target := strings.TrimPrefix(srv.url, "git+")
	auth := func(string) (string, string) { return "ada", "secret" }
	redirect := func(secure bool, to string) *httptest.Server {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, to+r.URL.Path+"?"+r.URL.RawQuery, http.StatusFound)
		})
		front := httptest.NewUnstartedServer(h)
		if secure {
			front.StartTLS()
		} else {
			front.Start()
		}
		t.Cleanup(front.Close)
		return front
	}

	front := redirect(false, target)
	s := open(t, t.TempDir(), gitindex.Options{URL: "git+" + front.URL, Auth: auth})
	refresh(t, s, true)
	fetch(t, s, index(3), name(1))
	for _, header := range srv.auths {
		if header != "" {
			t.Errorf("the other origin was given %q", header)
		}
	}
	before := len(srv.auths)
	for what, from := range map[string]*httptest.Server{
		"https to http":  redirect(true, target),
		"http elsewhere": redirect(false, "http://example.invalid"),
		"ftp":            redirect(false, "ftp://127.0.0.1"),
		"file":           redirect(false, "file://"+repo.Dir()),
	} {
		s := open(t, t.TempDir(), gitindex.Options{URL: "git+" + from.URL, Auth: auth, HTTP: from.Client()})
		if _, err := s.Refresh(t.Context()); !fault.IsCode(err, "git-redirect-refused") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(srv.auths) != before {
		t.Errorf("%d requests came through", len(srv.auths)-before)
	}
}

// TestRedirectedRequest: what is said to one server is not said to another, and after a redirect of the greeting the
// credentials stay behind even where a second one leads back.
func TestRedirectedRequest(t *testing.T) {
	repo, _ := gittest.Repo(t, "dist", index(3))
	srv, other := newServer(t, repo), newServer(t, repo)
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, strings.TrimPrefix(other.url, "git+")+"/git-upload-pack", http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
	s := open(t, t.TempDir(), gitindex.Options{URL: srv.url, Auth: ada})
	if _, err := s.Refresh(t.Context()); !fault.IsCode(err, "git-redirect-refused") {
		t.Errorf("a request that is redirected: %v", err)
	}
	if got := other.requests(); got != "" {
		t.Errorf("the other server was asked %s", got)
	}

	there := httptest.NewServer(http.RedirectHandler(strings.TrimPrefix(srv.url, "git+")+"/info/refs?service=git-upload-pack&back=1", http.StatusFound))
	t.Cleanup(there.Close)
	srv.setDoor(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && r.URL.Query().Get("back") == "" {
			http.Redirect(w, r, there.URL, http.StatusFound)
			return
		}
		if r.URL.Query().Get("back") != "" && r.Header.Get("Authorization") != "" {
			t.Error("the credentials came back by way of another server")
		}
		next.ServeHTTP(w, r)
	})
	s = open(t, t.TempDir(), gitindex.Options{URL: srv.url, Auth: ada})
	refresh(t, s, true)
}

func TestNoServer(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	s := open(t, t.TempDir(), gitindex.Options{URL: "git+" + srv.URL + "/x"})
	if _, err := s.Refresh(t.Context()); fault.KindOf(err) != fault.Network {
		t.Errorf("%v", err)
	}
	repo, _ := gittest.Repo(t, "main", index(1))
	s = open(t, t.TempDir(), gitindex.Options{URL: newServer(t, repo).url})
	if _, err := s.Refresh(t.Context()); !fault.IsCode(err, "git-branch-not-found") {
		t.Errorf("no branch dist: %v", err)
	}
}
