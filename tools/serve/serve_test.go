package serve_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/geeknik/gal-pkg/index"
	"github.com/geeknik/gal-pkg/internal/gitrepo/gittest"
	"github.com/geeknik/gal-pkg/publish"
	"github.com/geeknik/gal-pkg/tools/serve"
	"github.com/geeknik/gal-pkg/tools/site"
	"github.com/geeknik/gal-pkg/tools/site/sitetest"
)

// server is a registry behind a real HTTP server on loopback.
type server struct {
	*sitetest.Registry
	*httptest.Server
	t *testing.T

	mu  sync.Mutex
	log []string
}

func newServer(t *testing.T) *server {
	s := &server{Registry: sitetest.New(t), t: t}
	handler, err := serve.Handler(s.Site, serve.Options{
		Now: func() time.Time { return sitetest.Now },
		Log: func(format string, args ...any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, fmt.Sprintf(format, args...))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(handler)
	t.Cleanup(s.Server.Close)
	return s
}

func (s *server) events() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

// do sends a request with a bearer token, "" for none.
func (s *server) do(method, path, token string, body []byte, header ...string) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request) // no redirects
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(data)
}

// clone clones the index with a token for git, "" for none.
func (s *server) clone(token string) (dir, remote string) {
	s.t.Helper()
	dir, remote = filepath.Join(s.t.TempDir(), "clone"), s.URL+"/"+site.RepoDir
	if token != "" {
		remote = strings.Replace(remote, "http://", "http://x:"+token+"@", 1)
	}
	gittest.Run(s.t, s.t.TempDir(), "clone", "--quiet", remote, dir)
	return dir, remote
}

// commit puts lines on top of main of a clone, with git's own tools.
func (s *server) commit(dir string, lines ...*index.Line) {
	s.t.Helper()
	for _, l := range lines {
		path := filepath.Join(dir, filepath.FromSlash(index.SubjectPath(l.Event, l.Subject)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		data, _ := os.ReadFile(path)
		if err := os.WriteFile(path, append(append(data, l.Bytes()...), '\n'), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	gittest.Run(s.t, dir, "add", "--all")
	gittest.Run(s.t, dir, "commit", "--quiet", "-m", "publish")
}

func (s *server) put(token string, d *publish.Draft) int {
	s.t.Helper()
	response, _ := s.do("PUT", "/uploads/"+index.Digest(d.Archive.Digest).Hex(), token, d.Archive.Bytes)
	return response.StatusCode
}

// TestPublishOverHTTP publishes with nothing but curl and git, and reads the answer when the push has ended.
func TestPublishOverHTTP(t *testing.T) {
	s, ada := newServer(t), sitetest.Author(t, "ada")
	draft := sitetest.Draft(t, "mailbox", "1.0.0", "")
	if got := s.put(s.Token, draft); got != http.StatusCreated {
		t.Fatalf("upload: %d", got)
	}
	line := sitetest.Line(t)(ada.Publish(sitetest.ID, nil, draft))
	dir, remote := s.clone(s.Token)
	s.commit(dir, sitetest.Line(t)(ada.Register(sitetest.ID, "", nil)), line)
	branch := index.ProposalBranch("mailbox", line.Digest())
	gittest.Run(t, dir, "push", "--quiet", remote, "HEAD:refs/heads/"+branch)

	response, answer := s.do("GET", "/"+index.GatePath("mailbox", line.Digest().Hex()[:16]), "", nil)
	if response.StatusCode != 200 || !strings.Contains(answer, `"verdict": "pass"`) || response.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("answer: %d %s", response.StatusCode, answer)
	}
	response, body := s.do("GET", "/"+index.ArchivePath("mailbox", "1.0.0"), "", nil)
	if body != string(draft.Archive.Bytes) || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the archive has %d bytes, %v", len(body), response.Header)
	}
	for path, want := range map[string]string{
		"trust/timestamp.json": "no-cache", "trust/1.root.json": "immutable", "trust/trusted_root.json": "max-age=60", "registry.toml": "max-age=60",
		"log/checkpoint.2": "immutable", "recent/absent": "",
	} {
		if response, _ := s.do("GET", "/"+path, "", nil); !strings.Contains(response.Header.Get("Cache-Control"), want) || (response.StatusCode == 200) != (want != "") {
			t.Errorf("%s: %d, %v", path, response.StatusCode, response.Header)
		}
	}
	if events := s.events(); !strings.Contains(events, "first uploaded sha256:") || !strings.Contains(events, "first pushed refs/heads/"+branch) ||
		!strings.Contains(events, branch+": pass ") {
		t.Errorf("events:\n%s", events)
	}
	if got := gittest.Run(t, dir, "ls-remote", remote, "refs/heads/publish/*"); got != "" {
		t.Errorf("the proposal is left: %s", got)
	}
}

func TestPushes(t *testing.T) {
	for _, test := range []struct {
		story string
		do    func(t *testing.T, s *server, dir, remote string) []string // arguments of git push
		want  string                                                     // in what git says; "" for success
	}{
		{"a proposal", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{remote, "HEAD:refs/heads/publish/x/0123456789abcdef"}
		}, ""},
		{"to main", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{remote, "HEAD:refs/heads/main"}
		}, "only branches publish/... can be pushed"},
		{"to main by force", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{"--force", remote, "HEAD:refs/heads/main"}
		}, "only branches publish/... can be pushed"},
		{"to dist", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{"--force", remote, "HEAD:refs/heads/dist"}
		}, "denying non-fast-forward"},
		{"a tag", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{remote, "HEAD:refs/tags/v1"}
		}, "only branches publish/... can be pushed"},
		{"deleting main", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{remote, ":refs/heads/main"}
		}, "denying ref deletion"},
		{"over the proposal of somebody else", func(t *testing.T, s *server, dir, remote string) []string {
			open(t, s)
			return []string{"--force", remote, "HEAD:refs/heads/" + waiting}
		}, "denying non-fast-forward"},
		{"on top of the proposal of somebody else", func(t *testing.T, s *server, dir, remote string) []string {
			open(t, s)
			gittest.Run(t, dir, "fetch", "--quiet", "origin", waiting)
			gittest.Run(t, dir, "reset", "--quiet", "--hard", "FETCH_HEAD")
			gittest.Run(t, dir, "commit", "--quiet", "--allow-empty", "-m", "more")
			return []string{remote, "HEAD:refs/heads/" + waiting}
		}, "a proposal is never changed"},
		{"deleting the proposal of somebody else", func(t *testing.T, s *server, dir, remote string) []string {
			open(t, s)
			return []string{remote, ":refs/heads/" + waiting}
		}, "denying ref deletion"},
		{"without a token", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{s.URL + "/" + site.RepoDir, "HEAD:refs/heads/publish/x/0123456789abcdef"}
		}, "terminal prompts disabled"},
		{"with a token that is none", func(t *testing.T, s *server, dir, remote string) []string {
			return []string{strings.Replace(remote, s.Token, "galr_0000", 1), "HEAD:refs/heads/publish/x/0123456789abcdef"}
		}, "403"},
	} {
		t.Run(test.story, func(t *testing.T) {
			s := newServer(t)
			dir, remote := s.clone(s.Token)
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			s.commit(dir)
			main := s.Main()
			out, err := gittest.Command(dir, append([]string{"push"}, test.do(t, s, dir, remote)...)...).CombinedOutput()
			if (err == nil) != (test.want == "") || !strings.Contains(string(out), test.want) {
				t.Errorf("%v\n%s\nwant %q", err, out, test.want)
			}
			if s.Main() != main {
				t.Error("main has moved")
			}
		})
	}
}

const waiting = "publish/waiting/0123456789abcdef"

// open leaves a proposal that no push has told the server of.
func open(t *testing.T, s *server) {
	s.Push(waiting, sitetest.Author(t, "bob"), s.Main(), map[string][]byte{"y": []byte("z")})
}

func TestUploads(t *testing.T) {
	s := newServer(t)
	body := []byte("bytes of an archive")
	digest := index.DigestOf(body).Hex()
	for _, test := range []struct {
		story, method, path, token string
		want                       int
	}{
		{"without a token", "PUT", "/uploads/" + digest, "", 401},
		{"with a token that is none", "PUT", "/uploads/" + digest, "galr_0000", 401},
		{"under the digest of other bytes", "PUT", "/uploads/" + index.DigestOf([]byte("x")).Hex(), s.Token, 400},
		{"under no digest", "PUT", "/uploads/mailbox.tar.zst", s.Token, 400},
		{"with a way out of the folder", "PUT", "/uploads/..%2F..%2Fkeys%2Flog.key", s.Token, 400},
		{"as it should be", "PUT", "/uploads/" + digest, s.Token, 201},
		{"once more", "PUT", "/uploads/" + digest, s.Token, 201},
		{"an upload is not to be read", "GET", "/uploads/" + digest, s.Token, 404},
		{"the tree is only read", "PUT", "/registry.toml", s.Token, 405},
		{"the tree is only read", "DELETE", "/registry.toml", s.Token, 405},
		{"an upload is not removed", "DELETE", "/uploads/" + digest, s.Token, 405},
	} {
		if response, text := s.do(test.method, test.path, test.token, body); response.StatusCode != test.want {
			t.Errorf("%s: %d %s, want %d", test.story, response.StatusCode, text, test.want)
		}
	}
	entries, err := os.ReadDir(s.Path(site.UploadsDir))
	if err != nil || len(entries) != 1 || entries[0].Name() != digest {
		t.Errorf("uploads: %v, %v", entries, err)
	}
}

func TestStaticTree(t *testing.T) {
	s := newServer(t)
	if err := os.Symlink(s.Path("tokens.toml"), s.Path(site.PublicDir, "stolen")); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(s.Path(site.PublicDir, index.ConfigPath))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		want int
	}{
		{"/registry.toml", 200}, {"/nothing", 404}, {"/", 404}, {"/index", 404}, {"/../tokens.toml", 404}, {"/%2e%2e/tokens.toml", 404},
		{"/..%2ftokens.toml", 404}, {"/keys/log.key", 404}, {"/stolen", 500}, {"/registry.toml%00", 404}, {"/index.git/config", 404}, {"/index.git/HEAD", 404},
	} {
		response, body := s.do("GET", test.path, "", nil)
		if location := response.Header.Get("Location"); location != "" {
			response, body = s.do("GET", location, "", nil)
		}
		if response.StatusCode != test.want || test.want == 200 && body != string(config) || strings.Contains(body, "sha256") {
			t.Errorf("%s: %d %q, want %d", test.path, response.StatusCode, body, test.want)
		}
	}
	response, body := s.do("HEAD", "/registry.toml", "", nil)
	if response.StatusCode != 200 || body != "" || response.ContentLength != int64(len(config)) {
		t.Errorf("HEAD: %d %q %d", response.StatusCode, body, response.ContentLength)
	}
	etag := response.Header.Get("ETag")
	if response, _ := s.do("GET", "/registry.toml", "", nil, "If-None-Match", etag); etag == "" || response.StatusCode != 304 {
		t.Errorf("If-None-Match %s: %d", etag, response.StatusCode)
	}
}

// TestETagFollowsTheContent: a file that is written anew with the same length within a moment is another file.
func TestETagFollowsTheContent(t *testing.T) {
	s := newServer(t)
	path := s.Path(site.PublicDir, "x.json")
	var tags []string
	for _, text := range []string{"1", "2"} {
		if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		response, body := s.do("GET", "/x.json", "", nil)
		if body != text {
			t.Errorf("%q, want %q", body, text)
		}
		tags = append(tags, response.Header.Get("ETag"))
	}
	if tags[0] == tags[1] {
		t.Errorf("the same ETag %s for other bytes", tags[0])
	}
}

// TestPrivateRegistry: where access.toml says so, nothing at all is said without a token.
func TestPrivateRegistry(t *testing.T) {
	s := newServer(t)
	gittest.Commit(t, s.Repo, "main", map[string]string{index.AccessPath: "[access]\nread_public = false\n"})
	for _, test := range []struct {
		path, token string
		want        int
	}{
		{"/registry.toml", "", 401}, {"/nothing", "", 401}, {"/index.git/info/refs?service=git-upload-pack", "", 401},
		{"/registry.toml", "galr_0000", 401}, {"/registry.toml", s.Token, 200}, {"/index.git/info/refs?service=git-upload-pack", s.Token, 200},
	} {
		response, _ := s.do("GET", test.path, test.token, nil)
		if response.StatusCode != test.want || test.want == 401 && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s with %q: %d, want %d", test.path, test.token, response.StatusCode, test.want)
		}
	}
	s.clone(s.Token)
}
