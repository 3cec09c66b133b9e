package githttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/geeknik/gal-pkg/internal/fault"
	"github.com/geeknik/gal-pkg/internal/githttp"
	"github.com/geeknik/gal-pkg/internal/gitrepo"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
)

func serve(t *testing.T, repo *gitrepo.Repo, opts githttp.Options) string {
	h, err := githttp.Handler(repo.Dir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.StripPrefix("/some/where", h))
	t.Cleanup(srv.Close)
	return srv.URL + "/some/where"
}

// byPassword lets "secret" push as the user that was given.
func byPassword(r *http.Request) (string, bool) {
	user, password, _ := r.BasicAuth()
	return user, password == "secret"
}

func withUser(url, user string) string { return strings.Replace(url, "http://", "http://"+user+"@", 1) }

func TestFetch(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a/b": "text"})
	url := serve(t, repo, githttp.Options{})
	for _, version := range []string{"0", "2"} {
		dir := filepath.Join(t.TempDir(), "clone")
		cmd := gittest.Command(t.TempDir(), "-c", "protocol.version="+version, "clone", "-q", url, dir)
		cmd.Env = append(cmd.Env, "GIT_TRACE_PACKET=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("version %s: %v\n%s", version, err, out)
		}
		if spoke := bytes.Contains(out, []byte("< version 2")); spoke != (version == "2") {
			t.Errorf("version %s: the server speaks version 2: %v", version, spoke)
		}
		if got := gittest.Run(t, dir, "rev-parse", "HEAD"); got != first.String() {
			t.Errorf("version %s: HEAD is %s", version, got)
		}
	}
	partial := filepath.Join(t.TempDir(), "partial")
	gittest.Run(t, t.TempDir(), "clone", "-q", "--bare", "--depth=1", "--filter=blob:none", url, partial)
	if missing := gittest.Run(t, partial, "rev-list", "--objects", "--missing=print", "HEAD"); !strings.Contains(missing, "\n?") {
		t.Errorf("the filter left nothing out:\n%s", missing)
	}
}

func TestPush(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	// What hooks see is what git sees.
	seen := filepath.Join(t.TempDir(), "env")
	hook := filepath.Join(repo.Dir(), "hooks", "pre-receive")
	if err := os.Mkdir(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nenv > "+seen+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var told []string
	url := serve(t, repo, githttp.Options{Push: byPassword, AfterPush: func(_ context.Context, user string, updates []githttp.Update) {
		mu.Lock()
		defer mu.Unlock()
		for _, u := range updates {
			told = append(told, fmt.Sprintf("%s %s %v", user, u.Ref, u.Old.IsZero()))
		}
	}})
	dir := filepath.Join(t.TempDir(), "clone")
	gittest.Run(t, t.TempDir(), "clone", "-q", url, dir)
	big := bytes.Repeat([]byte("incompressible? no, but long\n"), 100_000) // over http.postBuffer: chunked
	if err := os.WriteFile(filepath.Join(dir, "big"), append(big, randomish(3<<20)...), 0o644); err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, dir, "add", "big")
	gittest.Run(t, dir, "commit", "-q", "-m", "second")
	gittest.Run(t, dir, "push", "-q", withUser(url, "ada:secret"), "HEAD:main", "HEAD:refs/heads/publish/a/1")
	second := gittest.Run(t, dir, "rev-parse", "HEAD")
	if h, err := repo.Ref("refs/heads/main"); h.String() != second || err != nil {
		t.Errorf("main is at %s, %v", h, err)
	}
	if want := "ada refs/heads/main false,ada refs/heads/publish/a/1 true"; strings.Join(told, ",") != want {
		t.Errorf("told %q", told)
	}
	env, err := os.ReadFile(seen)
	if err != nil || !bytes.Contains(env, []byte("REMOTE_USER=ada\n")) || bytes.Contains(env, []byte("AUTHORIZATION")) {
		t.Errorf("%v\n%s", err, env)
	}

	told = nil
	refused := map[string][]string{
		"no credentials":  {url, "HEAD:refs/heads/x"},
		"wrong password":  {withUser(url, "ada:wrong"), "HEAD:refs/heads/x"},
		"no name at all":  {withUser(url, "%0a:secret"), "HEAD:refs/heads/x"},
		"back in time":    {withUser(url, "ada:secret"), "+" + first.String() + ":main"},
		"delete a branch": {withUser(url, "ada:secret"), ":refs/heads/publish/a/1"},
	}
	for name, args := range refused {
		if out, err := gittest.Command(dir, append([]string{"push", "-q"}, args...)...).CombinedOutput(); err == nil {
			t.Errorf("%s: accepted\n%s", name, out)
		}
	}
	if len(told) != 0 {
		t.Errorf("told of refused pushes: %q", told)
	}
	gittest.Fsck(t, repo.Dir())
}

// randomish returns bytes that do not compress, the same in every run.
func randomish(n int) []byte {
	data := make([]byte, n)
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

func TestRequests(t *testing.T) {
	repo, first := gittest.Repo(t, "main", map[string]string{"a": "1"})
	open := serve(t, repo, githttp.Options{Push: byPassword, MaxPush: 1000})
	closed := serve(t, repo, githttp.Options{})
	const upload, receive = "application/x-git-upload-pack-request", "application/x-git-receive-pack-request"
	want := fmt.Sprintf("0032want %s\n00000009done\n", first)
	zipped := func(text string) string {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		io.WriteString(z, text)
		z.Close()
		return buf.String()
	}
	rows := []struct {
		method, url, kind, encoding, body string
		status                            int
	}{
		{"GET", open + "/info/refs?service=git-upload-pack", "", "", "", 200},
		{"GET", open + "/info/refs?service=git-receive-pack", "", "", "", 401},
		{"GET", closed + "/info/refs?service=git-receive-pack", "", "", "", 403},
		{"GET", open + "/info/refs", "", "", "", 404}, // the dumb protocol
		{"GET", open + "/info/refs?service=git-upload-archive", "", "", "", 404},
		{"GET", open + "/HEAD", "", "", "", 404},
		{"GET", open + "/config", "", "", "", 404},
		{"GET", open + "/objects/info/packs", "", "", "", 404},
		{"POST", open + "/../repo.git/git-upload-pack", upload, "", want, 404},
		{"POST", open + "/git-upload-pack", upload, "", want, 200},
		{"POST", open + "/git-upload-pack", upload, "gzip", zipped(want), 200},
		{"POST", open + "/git-upload-pack", upload, "gzip", want, 400},
		{"POST", open + "/git-upload-pack", upload, "br", want, 415},
		{"POST", open + "/git-upload-pack", "text/plain", "", want, 404},
		{"POST", open + "/git-upload-pack", upload, "gzip", zipped(strings.Repeat("0", githttp.MaxFetchBody+1)), 413},
		{"POST", open + "/git-upload-pack", upload, "", strings.Repeat("0", githttp.MaxFetchBody+1), 413},
		{"POST", open + "/git-receive-pack", receive, "", "0000", 401},
		{"POST", closed + "/git-receive-pack", receive, "", "0000", 403},
		{"POST", withUser(open, "ada:secret") + "/git-receive-pack", receive, "", strings.Repeat("0", 1001), 413},
		{"POST", withUser(open, "ada:secret") + "/git-receive-pack", receive, "", "0000", 200},
		{"POST", withUser(open, "ada:wrong") + "/git-receive-pack", receive, "", "0000", 403},
		{"PUT", open + "/git-upload-pack", upload, "", want, 404},
	}
	for _, row := range rows {
		req, err := http.NewRequest(row.method, row.url, strings.NewReader(row.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", row.kind)
		req.Header.Set("Content-Encoding", row.encoding)
		req.Header.Set("Git-Protocol", "version=2 ; evil") // taken for nothing: the bodies are of version 0
		resp, err := http.DefaultTransport.RoundTrip(withAuth(req))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != row.status {
			t.Errorf("%s %s (%s %s): %d, want %d: %.100q", row.method, row.url, row.kind, row.encoding, resp.StatusCode, row.status, body)
		}
	}
}

// withAuth moves user and password from the address to the header, as http.Client does.
func withAuth(req *http.Request) *http.Request {
	if u := req.URL.User; u != nil {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	return req
}

func TestNoRepository(t *testing.T) {
	if _, err := githttp.Handler(t.TempDir(), githttp.Options{}); !fault.IsCode(err, "git-repository-not-found") {
		t.Errorf("%v", err)
	}
}
